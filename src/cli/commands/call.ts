import type { Clock } from '../../base/clock.js';
import { type NetworkError, toNetworkError } from '../../base/errors.js';
import type { Priority } from '../../message/message.js';
import type { Answer, OperatorApi } from '../../role/operator-api.js';
import type { Command, Invocation } from '../command.js';
import { connect } from '../connect.js';
import { dryRun } from '../dry-run.js';
import type { Environment } from '../environment.js';
import { CommandError, EXIT, nodeOf, usageError } from '../exit-codes.js';
import { parseQuorum, type Quorum, Tally } from '../fan-out.js';
import { type Flag, valueFlag } from '../flags.js';
import { jsonFlag } from '../global-flags.js';
import { ndjsonFlag, priorityFlag, requireType, timeoutFlag, typedPayload } from '../message-flags.js';
import { jsonText, visibleText } from '../output.js';
import {
  allFlag,
  dryRunFlag,
  nobodyHandles,
  readSelection,
  type Selection,
  selectNodes,
  toFlag,
  unknownNode,
  whereFlag,
} from '../selection.js';
import { watchStopSignals } from '../stop-signals.js';
import { leaderTarget } from '../target.js';
import { readText } from '../whole-input.js';

const callTimeoutFlag: Flag<number> = timeoutFlag('call', 5000, '5s');
const quorumFlag: Flag<Quorum | undefined> = valueFlag({
  name: 'quorum',
  placeholder: 'N|P%',
  description: 'so many good answers are enough',
  parse: parseQuorum,
});

export const callCommand = (environment: Environment): Command => ({
  name: 'call',
  summary: 'ask one node, some or all, and print the answers',
  details: [
    'Without --to, --where or --all the leader picks one collaborator. One answer is printed as it is; of several',
    'each is a line of JSON as it comes, and a summary on stderr tells who was silent. A payload that begins with',
    "{, [ or \" is JSON, else text; '-' reads it from stdin.",
  ].join('\n'),
  arguments: [
    { name: 'TYPE', description: 'the handler', required: true },
    { name: 'payload', description: 'what to send' },
  ],
  flags: [toFlag, whereFlag, allFlag, quorumFlag, callTimeoutFlag, priorityFlag, ndjsonFlag, dryRunFlag],
  examples: [
    { command: 'netmgr call sha256 hello', text: 'one collaborator answers' },
    { command: 'netmgr call uptime --all', text: 'everybody answers' },
    { command: `netmgr call resize '{"width":80}' --to w1`, text: 'a certain one, a JSON payload' },
    { command: "netmgr call ping --where 'tag.zone=a' --quorum 66%", text: 'two thirds are enough' },
    { command: 'netmgr call sha256 - < file', text: 'the payload from stdin' },
  ],
  run: (invocation) => runCall(environment, invocation),
});

interface Call {
  readonly clock: Clock;
  readonly type: string;
  readonly payload: unknown;
  readonly options: { readonly timeoutMs: number; readonly priority: Priority; readonly signal: AbortSignal };
}

async function runCall(environment: Environment, invocation: Invocation): Promise<number> {
  const type = requireType(invocation.operands[0]);
  const selection = readSelection(invocation);
  const quorum = invocation.value(quorumFlag);
  if (quorum !== undefined && selection.kind !== 'some')
    throw usageError('--quorum needs --all, --where or several nodes');
  const typed = invocation.operands[1];
  const text = typed === '-' ? await readText(environment.stdin) : typed;
  const payload = typedPayload(text, invocation.value(ndjsonFlag));
  using stopping = watchStopSignals(environment);
  const signal = AbortSignal.any([stopping.signal, invocation.signal]);
  const timeoutMs = invocation.value(callTimeoutFlag);
  const operator = await connect(environment, leaderTarget(environment, invocation), { timeoutMs, signal });
  try {
    if (invocation.value(dryRunFlag)) return await dryRun(operator, invocation, { type, selection });
    const call: Call = {
      clock: environment.clock,
      type,
      payload,
      options: { timeoutMs, priority: invocation.value(priorityFlag), signal },
    };
    if (selection.kind === 'some') return await callSome(operator, invocation, { call, selection, quorum });
    return await callOne(operator, invocation, { call, to: selection.kind === 'one' ? selection.node : undefined });
  } catch (error) {
    if (stopping.received === 'SIGTERM')
      throw new CommandError('CANCELLED', toNetworkError(error).message, { exitCode: EXIT.terminated });
    throw error;
  } finally {
    await operator.stop();
  }
}

async function callSome(
  operator: OperatorApi,
  invocation: Invocation,
  parts: { readonly call: Call; readonly selection: Selection & { kind: 'some' }; readonly quorum: Quorum | undefined },
): Promise<number> {
  const { type, payload, options } = parts.call;
  const nodes = selectNodes(parts.selection, (await operator.status({ signal: options.signal })).nodes);
  const names = nodes.map((node) => node.node);
  if (!nodes.some((node) => node.handlers.includes(type))) throw nobodyHandles(type, nodes);
  const tally = new Tally(names);
  for await (const answer of operator.callEach(type, payload, { ...options, nodes: names })) {
    tally.count(answer.node, answer.ok ? undefined : answer.error.code);
    await invocation.output.line(answerLine(answer));
  }
  invocation.output.note(tally.sentence('ok'));
  if (invocation.value(jsonFlag)) await invocation.output.line(tally.summary('ok'));
  return tally.exitCode(parts.quorum);
}

const answerLine = (answer: Answer): object => ({ ...answer, ms: Math.round(answer.ms * 1000) / 1000 });

async function callOne(
  operator: OperatorApi,
  invocation: Invocation,
  parts: { readonly call: Call; readonly to: string | undefined },
): Promise<number> {
  const { type, payload, options } = parts.call;
  if (parts.to !== undefined) await requireKnown(operator, parts.to, options.signal);
  if (invocation.value(jsonFlag)) return callOneJson(operator, invocation, parts);
  try {
    const answer = await operator.call(type, payload, { ...options, to: parts.to });
    await printPayload(invocation, answer.payload);
    return EXIT.ok;
  } catch (error) {
    throw await explained(operator, { error, type, to: parts.to });
  }
}

async function requireKnown(operator: OperatorApi, name: string, signal: AbortSignal): Promise<void> {
  const { nodes, leader } = await operator.status({ signal });
  if (name !== leader.node && !nodes.some((node) => node.node === name)) throw unknownNode(name, nodes);
}

async function callOneJson(
  operator: OperatorApi,
  invocation: Invocation,
  parts: { readonly call: Call; readonly to: string | undefined },
): Promise<number> {
  const { type, payload, options, clock } = parts.call;
  const startedAt = clock.now();
  const ms = () => Math.round((clock.now() - startedAt) * 1000) / 1000;
  try {
    const answer = await operator.call(type, payload, { ...options, to: parts.to });
    await invocation.output.line({ node: answer.node, ok: true, ms: ms(), payload: answer.payload ?? null });
    return EXIT.ok;
  } catch (thrown) {
    const error = await explained(operator, { error: thrown, type, to: parts.to });
    const node = parts.to ?? nodeOf(error) ?? null;
    await invocation.output.line({ node, ok: false, ms: ms(), error: error.toWire() });
    throw error;
  }
}

/** Adds what helps: who does handle it, that the node was silent rather than the leader gone. */
async function explained(
  operator: OperatorApi,
  failure: { readonly error: unknown; readonly type: string; readonly to: string | undefined },
): Promise<NetworkError> {
  const error = toNetworkError(failure.error);
  if (error.code === 'NO_HANDLER' || error.code === 'NO_TARGET') {
    const { nodes } = await operator.status();
    if (!nodes.some((node) => node.handlers.includes(failure.type))) return nobodyHandles(failure.type, nodes);
  }
  if (error.code === 'CLOSED') {
    return new CommandError(error.code, error.message, {
      exitCode: error.node === operator.peer ? EXIT.unreachable : EXIT.partial,
      cause: error,
      hint: 'Whether the handler did its work is not known.',
    });
  }
  return error;
}

/** Text raw, anything else as JSON. On a terminal nothing raw. */
async function printPayload(invocation: Invocation, payload: unknown): Promise<void> {
  const { output } = invocation;
  const terminal = output.stdout.isTTY === true;
  if (payload === undefined) return;
  if (payload instanceof Uint8Array && !terminal) {
    await output.data(payload);
  } else if (typeof payload === 'string') {
    const text = terminal ? visibleText(payload) : payload;
    await output.data(text.endsWith('\n') ? text : `${text}\n`);
  } else {
    await output.data(`${jsonText(payload)}\n`);
  }
}
