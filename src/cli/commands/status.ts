import { sleep } from '../../base/clock.js';
import { NetworkTimeoutError, toNetworkError } from '../../base/errors.js';
import { visible } from '../../message/escape.js';
import type { OperatorApi } from '../../role/operator-api.js';
import type { ClusterStatus, CollaboratorStatus } from '../../role/status.js';
import type { Command, Invocation } from '../command.js';
import { connect } from '../connect.js';
import type { Environment } from '../environment.js';
import { EXIT, usageError } from '../exit-codes.js';
import { type Flag, switchFlag, valueFlag } from '../flags.js';
import { jsonFlag } from '../global-flags.js';
import { localCollaborators } from '../local-collaborators.js';
import { lockOwner } from '../lock.js';
import { parsePositiveDuration } from '../message-flags.js';
import { leaderDirectory } from '../paths.js';
import { unknownNode } from '../selection.js';
import { tableLook } from '../table.js';
import { invocationState, isRemote, leaderTarget } from '../target.js';
import { renderCollaborator } from '../views/collaborator.js';
import { renderNode } from '../views/nodes.js';
import { renderStatus } from '../views/status.js';
import { holds, parseWaitCondition, type WaitCondition } from '../wait-condition.js';
import { watchStatus } from '../watch-status.js';

const waitFlag: Flag<WaitCondition | undefined> = valueFlag({
  name: 'wait',
  placeholder: 'CONDITION',
  description: "block until it holds, such as 'alive>=3'; the leader need not be there yet",
  parse: parseWaitCondition,
});
const timeoutFlag: Flag<number | undefined> = valueFlag({
  name: 'timeout',
  placeholder: 'DURATION',
  description: 'how long to wait',
  fallbackText: '5s; 60s with --wait',
  setting: 'status.timeout',
  parse: parsePositiveDuration,
});
const checkFlag: Flag<boolean> = switchFlag({
  name: 'check',
  description: 'for probes: exit 0 if the leader serves and nobody is suspect or lost, else 1',
});
const watchFlag: Flag<boolean> = switchFlag({ name: 'watch', short: 'w', description: 'show it live until Ctrl-C' });

const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_WAIT_MS = 60_000;
const CONNECT_AGAIN_MS = 200;
const LEAST_LOOK_MS = 1000;

export const statusCommand = (environment: Environment): Command => ({
  name: 'status',
  summary: 'who is there and how it goes',
  details: 'On a host that has only collaborators it shows what they know of themselves and of their leader.',
  arguments: [{ name: 'NODE', description: 'one node in full' }],
  flags: [waitFlag, timeoutFlag, checkFlag, watchFlag],
  examples: [
    { command: 'netmgr status', text: 'the roll-up and the table of nodes' },
    { command: 'netmgr status w1', text: 'everything about one node' },
    { command: "netmgr status --wait 'alive>=3' --timeout 60s", text: 'block until three have joined' },
    { command: 'netmgr status --json | jq .counts', text: 'for scripts' },
    { command: 'netmgr status --check', text: 'for probes' },
  ],
  run: (invocation) => runStatus(environment, invocation),
});

async function runStatus(environment: Environment, invocation: Invocation): Promise<number> {
  const condition = invocation.value(waitFlag);
  const check = invocation.value(checkFlag);
  const watch = invocation.value(watchFlag);
  if (watch && (check || condition !== undefined)) throw usageError('--watch goes with neither --check nor --wait');
  if (watch && invocation.operands.length > 0) throw usageError('--watch shows the whole cluster, not one node');
  if (watch) return watchStatus(environment, invocation);
  if (check && condition === undefined) return runCheck(environment, invocation);
  if (condition !== undefined) return runWait(environment, invocation, condition);
  const timeoutMs = invocation.value(timeoutFlag) ?? DEFAULT_TIMEOUT_MS;
  const found = await look(environment, invocation, timeoutMs);
  if ('cluster' in found) return showStatus(invocation, found.cluster);
  return showCollaborators(environment, invocation, found.collaborators);
}

type Found = { readonly cluster: ClusterStatus } | { readonly collaborators: readonly CollaboratorStatus[] };

/** What the leader says; where no process of one is and none was named, what this host's collaborators say. */
async function look(environment: Environment, invocation: Invocation, timeoutMs: number): Promise<Found> {
  try {
    return { cluster: await readStatus(environment, invocation, timeoutMs) };
  } catch (error) {
    if (toNetworkError(error).code !== 'CONNECTION_FAILED' || isRemote(invocation)) throw error;
    if (lockOwner(leaderDirectory(invocationState(environment, invocation))) !== undefined) throw error;
    const collaborators = await localCollaborators(environment, invocation, timeoutMs);
    if (collaborators.length === 0) throw error;
    return { collaborators };
  }
}

async function readStatus(environment: Environment, invocation: Invocation, timeoutMs: number): Promise<ClusterStatus> {
  const operator = await connect(environment, leaderTarget(environment, invocation), {
    timeoutMs,
    signal: invocation.signal,
  });
  try {
    return await operator.status({ timeoutMs, signal: invocation.signal });
  } finally {
    await operator.stop();
  }
}

async function showStatus(invocation: Invocation, status: ClusterStatus): Promise<number> {
  const { output, style } = invocation;
  const look = tableLook(output, style);
  const [name] = invocation.operands;
  if (name === undefined) {
    if (invocation.value(jsonFlag)) await output.document(status);
    else await output.data(await renderStatus(status, look));
    return EXIT.ok;
  }
  const node = status.nodes.find((each) => each.node === name);
  if (node === undefined) throw unknownNode(name, status.nodes);
  if (invocation.value(jsonFlag)) await output.document({ schema: 1, ...node });
  else await output.data(renderNode(node, look));
  return EXIT.ok;
}

async function showCollaborators(
  environment: Environment,
  invocation: Invocation,
  found: readonly CollaboratorStatus[],
): Promise<number> {
  const { output, style } = invocation;
  const [name] = invocation.operands;
  const shown = name === undefined ? found : found.filter((status) => status.node === name);
  const [first] = shown;
  if (first === undefined) throw unknownNode(name ?? '', []);
  if (invocation.value(jsonFlag)) {
    await output.document(shown.length === 1 ? first : { schema: 1, view: 'collaborators', nodes: shown });
    return EXIT.ok;
  }
  const now = environment.clock.wallNow();
  const texts = shown.map((status) => renderCollaborator(status, now, tableLook(output, style)));
  await output.data(texts.join('\n'));
  return EXIT.ok;
}

/** For probes: one line on stdout, 0 or 1, whatever it is that is wrong. */
async function runCheck(environment: Environment, invocation: Invocation): Promise<number> {
  const timeoutMs = invocation.value(timeoutFlag) ?? DEFAULT_TIMEOUT_MS;
  let healthy = false;
  let reason: string;
  try {
    const found = await look(environment, invocation, timeoutMs);
    ({ healthy, reason } = 'cluster' in found ? judge(found.cluster) : judgeLocal(found.collaborators));
  } catch (error) {
    const { code, message } = toNetworkError(error);
    if (code === 'INVALID_OPTION') throw error;
    reason = message;
  }
  if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, healthy, reason });
  else await invocation.output.data(`${healthy ? 'healthy' : 'not healthy'}: ${visible(reason)}\n`);
  return healthy ? EXIT.ok : EXIT.failed;
}

interface Verdict {
  readonly healthy: boolean;
  readonly reason: string;
}

function judge(status: ClusterStatus): Verdict {
  if (status.leader.state !== 'serving') return { healthy: false, reason: `the leader is ${status.leader.state}` };
  const wrong = status.nodes.filter((node) => node.status === 'suspect' || node.status === 'lost');
  if (wrong.length === 0) return { healthy: true, reason: `${status.counts.alive} alive` };
  const named = wrong.slice(0, 5).map((node) => `${node.node} is ${node.status}`);
  if (wrong.length > named.length) named.push(`${wrong.length - named.length} more`);
  return { healthy: false, reason: named.join(', ') };
}

async function runWait(environment: Environment, invocation: Invocation, condition: WaitCondition): Promise<number> {
  const timeoutMs = invocation.value(timeoutFlag) ?? DEFAULT_WAIT_MS;
  const until = environment.clock.now() + timeoutMs;
  const left = () => Math.max(1, until - environment.clock.now());
  const operator = await connectPatiently(environment, invocation, left);
  let status: ClusterStatus | undefined;
  try {
    // The time may be over by now: one look is due all the same.
    status = await operator.status({ timeoutMs: Math.max(left(), LEAST_LOOK_MS), signal: invocation.signal });
    while (!holds(condition, status)) {
      if (environment.clock.now() >= until) throw notReached(condition, timeoutMs, status);
      status = await operator.status({
        after: status.revision,
        timeoutMs: Math.min(left(), 5000),
        signal: invocation.signal,
      });
    }
  } catch (error) {
    if (error instanceof NetworkTimeoutError) throw notReached(condition, timeoutMs, status);
    throw error;
  } finally {
    await operator.stop();
  }
  if (invocation.value(checkFlag)) return judge(status).healthy ? EXIT.ok : EXIT.failed;
  return showStatus(invocation, status);
}

function judgeLocal(collaborators: readonly CollaboratorStatus[]): Verdict {
  const away = collaborators.filter(({ leader }) => !leader.connected).map(({ node }) => node);
  if (away.length > 0) return { healthy: false, reason: `${away.join(', ')} not connected to the leader` };
  return { healthy: true, reason: `${collaborators.map(({ node }) => node).join(', ')} connected to the leader` };
}

function notReached(condition: WaitCondition, timeoutMs: number, status: ClusterStatus | undefined): Error {
  const counts = Object.entries(status?.counts ?? {}).filter(([, count]) => count > 0);
  const text = counts.map(([name, count]) => `${count} ${name}`).join(', ') || 'no nodes';
  const seen = status === undefined ? 'the leader does not answer' : `there are: ${text}`;
  return new NetworkTimeoutError(`'${condition.source}' did not hold within ${timeoutMs} ms; ${seen}`, {
    hint: "'--timeout' waits longer; 'netmgr status' shows who is missing.",
  });
}

/** The leader may still be starting: dials until it is there or the time is over. */
async function connectPatiently(
  environment: Environment,
  invocation: Invocation,
  left: () => number,
): Promise<OperatorApi> {
  const target = leaderTarget(environment, invocation);
  for (;;) {
    try {
      return await connect(environment, target, {
        timeoutMs: Math.min(left(), DEFAULT_TIMEOUT_MS),
        signal: invocation.signal,
      });
    } catch (error) {
      if (!toNetworkError(error).retryable || left() <= CONNECT_AGAIN_MS) throw error;
      await sleep(environment.clock, CONNECT_AGAIN_MS, invocation.signal);
    }
  }
}
