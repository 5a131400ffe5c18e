import type { OperatorApi } from '../../role/operator-api.js';
import type { Command, Invocation } from '../command.js';
import { connect } from '../connect.js';
import { dryRun } from '../dry-run.js';
import type { Environment } from '../environment.js';
import { EXIT } from '../exit-codes.js';
import { Tally } from '../fan-out.js';
import type { Flag } from '../flags.js';
import { jsonFlag } from '../global-flags.js';
import { readItems } from '../map/input.js';
import { ndjsonFlag, priorityFlag, requireType, timeoutFlag, typedPayload } from '../message-flags.js';
import {
  allFlag,
  dryRunFlag,
  leastBusy,
  readSelection,
  type Selection,
  selectNodes,
  toFlag,
  whereFlag,
} from '../selection.js';
import { watchStopSignals } from '../stop-signals.js';
import { leaderTarget } from '../target.js';

const emitTimeoutFlag: Flag<number> = timeoutFlag('emit', 5000, '5s');

export const emitCommand = (environment: Environment): Command => ({
  name: 'emit',
  summary: 'send an event to one node, some or all',
  details: [
    'Nobody answers an event: sent means handed to the connection of that node. Without --to, --where or --all the',
    "least busy collaborator that has the handler gets it. Without a payload, and with '-', each line of a stdin that",
    'is a pipe or a file is one event.',
  ].join('\n'),
  arguments: [
    { name: 'TYPE', description: 'the handler', required: true },
    { name: 'payload', description: 'what to send' },
  ],
  flags: [toFlag, whereFlag, allFlag, emitTimeoutFlag, priorityFlag, ndjsonFlag, dryRunFlag],
  examples: [
    { command: 'netmgr emit reload --all', text: 'everybody is told' },
    { command: `netmgr emit note '{"text":"hello"}' --to w1,w2`, text: 'two nodes, a JSON payload' },
    { command: 'netmgr emit reading --all < readings.ndjson', text: 'one event per line' },
    { command: 'netmgr emit reload --all --dry-run', text: 'only print who would be meant' },
  ],
  run: (invocation) => runEmit(environment, invocation),
});

async function runEmit(environment: Environment, invocation: Invocation): Promise<number> {
  const type = requireType(invocation.operands[0]);
  const selection = readSelection(invocation);
  using stopping = watchStopSignals(environment);
  const signal = AbortSignal.any([stopping.signal, invocation.signal]);
  const timeoutMs = invocation.value(emitTimeoutFlag);
  const operator = await connect(environment, leaderTarget(environment, invocation), { timeoutMs, signal });
  try {
    if (invocation.value(dryRunFlag)) return await dryRun(operator, invocation, { type, selection });
    const nodes = await targets(operator, type, selection);
    const emission: Emission = { operator, invocation, type, nodes, signal };
    const text = invocation.operands[1];
    if (
      text === '-' ||
      (text === undefined && environment.stdinKind !== 'terminal' && environment.stdinKind !== 'other')
    ) {
      return await emitLines(environment, emission);
    }
    return await emitOnce(emission, typedPayload(text, invocation.value(ndjsonFlag)));
  } finally {
    await operator.stop();
  }
}

interface Emission {
  readonly operator: OperatorApi;
  readonly invocation: Invocation;
  readonly type: string;
  readonly nodes: readonly string[];
  readonly signal: AbortSignal;
}

async function targets(operator: OperatorApi, type: string, selection: Selection): Promise<readonly string[]> {
  const { nodes } = await operator.status();
  if (selection.kind === 'anyone') return [leastBusy(type, nodes).node];
  const names = selection.kind === 'one' ? [selection.node] : undefined;
  return selectNodes(selection.kind === 'one' ? { kind: 'some', names, where: undefined } : selection, nodes).map(
    (node) => node.node,
  );
}

async function emitOnce(emission: Emission, payload: unknown): Promise<number> {
  const { operator, invocation, type, nodes, signal } = emission;
  const priority = invocation.value(priorityFlag);
  const tally = new Tally(nodes);
  const results = await operator.emitEach(type, payload, { nodes, signal, priority });
  for (const { node, sent, code } of results) tally.count(node, sent ? undefined : (code ?? 'UNREACHABLE'));
  invocation.output.note(tally.sentence('sent'));
  if (invocation.value(jsonFlag)) await invocation.output.line(tally.summary('sent'));
  return tally.exitCode(undefined);
}

/** One event per line; the tally says of each node whether it was sent all of them. */
async function emitLines(environment: Environment, emission: Emission): Promise<number> {
  const { operator, invocation, type, nodes, signal } = emission;
  const priority = invocation.value(priorityFlag);
  const missed = new Map<string, string>();
  let events = 0;
  try {
    for await (const item of readItems(environment.stdin, '\n')) {
      if (signal.aborted) break;
      if (item.text.trim() === '') continue;
      const payload = typedPayload(item.text, invocation.value(ndjsonFlag));
      const results = await operator.emitEach(type, payload, { nodes, signal, priority });
      for (const { node, sent, code } of results) if (!sent) missed.set(node, code ?? 'UNREACHABLE');
      events += 1;
    }
  } catch (error) {
    invocation.output.note(`${events} ${events === 1 ? 'event was' : 'events were'} sent before this one:`);
    throw error;
  }
  const tally = new Tally(nodes);
  for (const node of nodes) tally.count(node, missed.get(node));
  invocation.output.note(`${events} ${events === 1 ? 'event' : 'events'}: ${tally.sentence('sent')}`);
  if (invocation.value(jsonFlag)) await invocation.output.line({ events, ...tally.summary('sent') });
  return signal.aborted ? EXIT.partial : tally.exitCode(undefined);
}
