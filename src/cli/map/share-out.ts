import { NetworkError } from '../../base/errors.js';
import type { Priority } from '../../message/message.js';
import type { OperatorApi } from '../../role/operator-api.js';
import type { ClusterStatus } from '../../role/status.js';
import type { Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { EXIT } from '../exit-codes.js';
import { quietFlag } from '../global-flags.js';
import { createProgress, type Progress } from '../progress.js';
import { watchStopSignals } from '../stop-signals.js';
import { formatDuration } from '../units.js';
import { Capacity } from './capacity.js';
import { MapEngine } from './engine.js';
import type { Halt } from './halt.js';
import { type InputItem, readItems } from './input.js';
import { DoneInputs, formatRow, Joblog, readJoblog } from './joblog.js';
import { ReadAhead } from './read-ahead.js';
import type { MapResult } from './result.js';

/** What one `map` is to do, as its flags say. */
export interface MapJob {
  readonly type: string;
  readonly separator: '\n' | '\0';
  readonly forceJson: boolean;
  readonly keepOrder: boolean;
  readonly jobs: number | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly halt: Halt | undefined;
  readonly priority: Priority;
  readonly joblog: string | undefined;
  /** What of the joblog is left out. */
  readonly resume: 'all' | 'failed' | undefined;
}

interface ShareOut {
  readonly environment: Environment;
  readonly invocation: Invocation;
  readonly operator: OperatorApi;
  readonly status: ClusterStatus;
  readonly job: MapJob;
}

/** Runs a map from the first input to the last result. @returns the exit code */
export async function shareOut(parts: ShareOut): Promise<number> {
  const { environment, invocation, job } = parts;
  const record = await openRecord(environment, job);
  const progress = createProgress(environment, invocation.value(quietFlag));
  const startedAt = environment.clock.now();
  if (environment.stdinKind === 'terminal')
    invocation.output.note('reading inputs from the terminal; Ctrl-D ends them');
  try {
    const engine = await drive(parts, record, progress);
    if (invocation.signal.aborted) return EXIT.ok;
    progress.clear();
    invocation.output.note(sentence(engine, environment.clock.now() - startedAt));
    return exitCode(engine);
  } finally {
    progress.clear();
    record.close();
  }
}

async function drive(parts: ShareOut, record: MapRecord, progress: Progress): Promise<MapEngine> {
  const { environment, invocation, operator, job } = parts;
  const ended = new AbortController();
  const input = new ReadAhead(readItems(environment.stdin, job.separator));
  const capacity = new Capacity(
    { operator, clock: environment.clock, type: job.type, changed: () => engine.changed() },
    parts.status,
  );
  const engine: MapEngine = new MapEngine({
    ...job,
    operator,
    capacity,
    input,
    clock: environment.clock,
    random: environment.random,
    onRetry: () => {
      engine.tally.retries += 1;
    },
    isDone: (item) => record.done.has(item),
    print: (result) => invocation.output.line(result),
    record: (result, item) => {
      // What nobody has read is to be done again.
      if (!invocation.signal.aborted) record.append(result, item);
    },
    progress: () => progress.update(progressOf(engine, input, capacity)),
  });
  const onClosed = () => engine.cancel('nobody reads the results');
  invocation.signal.addEventListener('abort', onClosed, { once: true });
  using _stopping = watchStopSignals(environment, {
    first: (signal) => {
      engine.stop(`interrupted by ${signal}`);
      progress.clear();
      invocation.output.note(
        `${signal}: no more inputs are taken; ${engine.running} still run, the next ${signal} ends them`,
      );
    },
  });
  void operator.closed.then((reason) =>
    engine.cancel(`the leader is gone: ${reason?.message ?? 'the connection ended'}`),
  );
  const following = capacity.follow(ended.signal);
  try {
    await engine.run();
  } finally {
    ended.abort(new NetworkError('CANCELLED', 'the map has ended'));
    invocation.signal.removeEventListener('abort', onClosed);
    environment.stdin.destroy();
    await following;
  }
  return engine;
}

const progressOf = (engine: MapEngine, input: ReadAhead, capacity: Capacity) => ({
  done: engine.tally.done + engine.tally.skipped,
  failed: engine.tally.failed + engine.tally.silent,
  running: engine.running,
  total: input.total,
  remark: capacity.slots === 0 ? 'waiting for a collaborator' : undefined,
});

interface MapRecord {
  readonly done: DoneInputs;
  append(result: MapResult, item: InputItem): void;
  close(): void;
}

async function openRecord(environment: Environment, job: MapJob): Promise<MapRecord> {
  if (job.joblog === undefined) return { done: new DoneInputs(), append: () => {}, close: () => {} };
  const done = job.resume === undefined ? new DoneInputs() : await readJoblog(job.joblog, job.resume === 'all');
  const log = new Joblog(job.joblog, job.resume === undefined);
  const { type } = job;
  return {
    done,
    append: (result, item) => log.append(formatRow(result, item, { type, endedAt: environment.clock.wallNow() })),
    close: () => log.close(),
  };
}

function sentence(engine: MapEngine, elapsedMs: number): string {
  const { done, ok, failed, silent, skipped, retries } = engine.tally;
  const parts = [`${ok} of ${done} ok`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (silent > 0) parts.push(`${silent} without an answer`);
  if (skipped > 0) parts.push(`${skipped} done before`);
  if (retries > 0) parts.push(`${retries} tried again`);
  const stopped = engine.stopped === undefined ? '' : `; not all inputs were taken: ${engine.stopped}`;
  return `${parts.join(', ')} in ${formatDuration(elapsedMs)}${stopped}`;
}

/** Inputs that were not taken, or not answered, make it partial, whatever else there was. */
function exitCode(engine: MapEngine): number {
  const { failed, silent } = engine.tally;
  if (silent > 0) return EXIT.partial;
  if (failed > 0) return EXIT.failed;
  return engine.exhausted ? EXIT.ok : EXIT.partial;
}
