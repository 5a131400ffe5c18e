import type { OperatorApi } from '../role/operator-api.js';
import type { ClusterStatus } from '../role/status.js';
import type { Invocation } from './command.js';
import { connect } from './connect.js';
import type { Environment } from './environment.js';
import { EXIT } from './exit-codes.js';
import { jsonFlag } from './global-flags.js';
import { watchStopSignals } from './stop-signals.js';
import { tableLook } from './table.js';
import { leaderTarget } from './target.js';
import { renderStatus } from './views/status.js';

const REFRESH_MS = 1000;
const CONNECT_MS = 5000;

/** Shows the status live on a terminal; elsewhere, and with --json, one snapshot for each change. Ends at Ctrl-C. */
export async function watchStatus(environment: Environment, invocation: Invocation): Promise<number> {
  using stopping = watchStopSignals(environment);
  const signal = AbortSignal.any([stopping.signal, invocation.signal]);
  const target = leaderTarget(environment, invocation);
  const operator = await connect(environment, target, { timeoutMs: CONNECT_MS, signal });
  const screen = await createScreen(environment, invocation);
  try {
    await follow(operator, screen, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen.end();
    await operator.stop();
  }
  return EXIT.ok;
}

interface Screen {
  /** Whether it wants every refresh, not only changes. */
  readonly live: boolean;
  show(status: ClusterStatus): Promise<void>;
  end(): void;
}

async function follow(operator: OperatorApi, screen: Screen, signal: AbortSignal): Promise<void> {
  let status = await operator.status({ signal });
  await screen.show(status);
  while (!signal.aborted) {
    const next = await operator.status({ after: status.revision, timeoutMs: REFRESH_MS, signal });
    if (screen.live || next.revision !== status.revision) await screen.show(next);
    status = next;
  }
}

async function createScreen(environment: Environment, invocation: Invocation): Promise<Screen> {
  const { output, style } = invocation;
  if (invocation.value(jsonFlag)) return { live: false, show: (status) => output.line(status), end: () => {} };
  const look = () => tableLook(output, style);
  if (output.stdout.isTTY !== true || environment.variables['TERM'] === 'dumb') {
    return {
      live: false,
      show: async (status) => output.data(`${await renderStatus(status, look())}\n`),
      end: () => {},
    };
  }
  const { createLogUpdate } = await import('log-update');
  const update = createLogUpdate(output.stdout as NodeJS.WriteStream);
  return {
    live: true,
    show: async (status) => update(clipRows(await renderStatus(status, look()), output.stdout.rows || 24)),
    end: () => update.done(),
  };
}

/** A terminal that scrolls cannot be drawn over: the last row stays free. */
function clipRows(text: string, rows: number): string {
  const lines = text.trimEnd().split('\n');
  const room = Math.max(3, rows - 1);
  if (lines.length <= room) return lines.join('\n');
  return [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`].join('\n');
}
