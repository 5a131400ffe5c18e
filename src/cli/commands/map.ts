import type { Command, Invocation } from '../command.js';
import { connect } from '../connect.js';
import type { Environment } from '../environment.js';
import { EXIT, usageError } from '../exit-codes.js';
import { type Flag, plainText, switchFlag, valueFlag } from '../flags.js';
import { jsonFlag } from '../global-flags.js';
import { MAX_JOBS } from '../map/engine.js';
import { type Halt, parseHalt } from '../map/halt.js';
import { type MapJob, shareOut } from '../map/share-out.js';
import { ndjsonFlag, priorityFlag, requireType, timeoutFlag } from '../message-flags.js';
import { dryRunFlag, nobodyHandles, slotsFor } from '../selection.js';
import { leaderTarget } from '../target.js';
import { parseInteger } from '../units.js';

const MAP_TIMEOUT_MS = 3_600_000;
const CONNECT_MS = 5000;
/** A leader that is started anew is waited for so long. */
const LEADER_AWAY_MS = 60_000;

const nulFlag: Flag<boolean> = switchFlag({
  name: 'null',
  short: '0',
  description: 'inputs end with a NUL character, as find -print0 writes them',
});
const keepOrderFlag: Flag<boolean> = switchFlag({
  name: 'keep-order',
  short: 'k',
  description: 'results in the order of the inputs',
});
const jobsFlag: Flag<number | undefined> = valueFlag({
  name: 'jobs',
  short: 'j',
  placeholder: 'N',
  description: 'how many are in flight',
  fallbackText: 'twice the slots of those who have the handler',
  setting: 'map.jobs',
  parse: (text) => parseInteger(text, 1, MAX_JOBS),
});
const joblogFlag: Flag<string | undefined> = valueFlag({
  name: 'joblog',
  placeholder: 'FILE',
  description: "keep a record of what was done, in GNU parallel's format",
  parse: plainText,
});
const resumeFlag: Flag<boolean> = switchFlag({
  name: 'resume',
  description: 'leave out what the joblog has, failed or not',
});
const resumeFailedFlag: Flag<boolean> = switchFlag({
  name: 'resume-failed',
  description: 'leave out what the joblog has as done; do again what failed',
});
const retriesFlag: Flag<number> = valueFlag({
  name: 'retries',
  placeholder: 'N',
  description: 'tries after the first, for errors that may pass, a lost collaborator among them',
  setting: 'map.retries',
  fallback: 3,
  parse: (text) => parseInteger(text, 0, 1000),
});
const haltFlag: Flag<Halt | undefined> = valueFlag({
  name: 'halt',
  placeholder: 'WHEN,fail=N',
  description: "'soon,fail=1': no more inputs after a failure; 'now,fail=1': cancel what runs as well",
  parse: parseHalt,
});
const mapTimeoutFlag: Flag<number> = timeoutFlag('map', MAP_TIMEOUT_MS, '1h for each input');

export const mapCommand = (environment: Environment): Command => ({
  name: 'map',
  summary: 'share the lines of stdin out over the collaborators',
  details: [
    'Each line is one input: JSON if it begins with {, [ or ", else text. Each gives one line of JSON on stdout, in the',
    'order in which they are done: {"index","node","ok","ms","payload"} or, if it failed, with "error". Ctrl-C takes no',
    'more inputs, finishes what runs and exits 3, for not all was done; a second one ends it.',
  ].join('\n'),
  arguments: [{ name: 'TYPE', description: 'the handler', required: true }],
  flags: [
    nulFlag,
    ndjsonFlag,
    keepOrderFlag,
    jobsFlag,
    mapTimeoutFlag,
    retriesFlag,
    haltFlag,
    joblogFlag,
    resumeFlag,
    resumeFailedFlag,
    priorityFlag,
    dryRunFlag,
  ],
  examples: [
    { command: 'find . -type f | netmgr map sha256', text: 'one result per file' },
    { command: 'find . -type f -print0 | netmgr map sha256 -0', text: 'names with newlines in them' },
    { command: 'netmgr map resize --joblog log < in', text: 'with a record' },
    { command: 'netmgr map resize --joblog log --resume-failed < in', text: 'go on after an interruption' },
    { command: 'netmgr map test --halt now,fail=1 < in', text: 'stop at the first failure' },
  ],
  run: (invocation) => runMap(environment, invocation),
});

async function runMap(environment: Environment, invocation: Invocation): Promise<number> {
  const job = readJob(invocation);
  const target = leaderTarget(environment, invocation);
  const { signal } = invocation;
  const operator = await connect(environment, target, { timeoutMs: CONNECT_MS, signal, retryForMs: LEADER_AWAY_MS });
  try {
    const status = await operator.status({ signal });
    const able = status.nodes.filter((node) => slotsFor(job.type, [node]) > 0);
    if (able.length === 0) throw nobodyHandles(job.type, status.nodes);
    if (!invocation.value(dryRunFlag)) return await shareOut({ environment, invocation, operator, status, job });
    const nodes = able.map((node) => node.node);
    if (invocation.value(jsonFlag)) await invocation.output.line({ type: job.type, nodes });
    else await invocation.output.data(nodes.map((name) => `${name}\n`).join(''));
    return EXIT.ok;
  } finally {
    await operator.stop();
  }
}

/** @throws CommandError (2) for a type that is none, or --resume without a log */
function readJob(invocation: Invocation): MapJob {
  const joblog = invocation.value(joblogFlag);
  const resume = invocation.value(resumeFlag);
  const resumeFailed = invocation.value(resumeFailedFlag);
  if (joblog === undefined && (resume || resumeFailed)) {
    throw usageError(`--resume${resume ? '' : '-failed'} needs --joblog FILE`);
  }
  return {
    type: requireType(invocation.operands[0]),
    separator: invocation.value(nulFlag) ? '\0' : '\n',
    forceJson: invocation.value(ndjsonFlag),
    keepOrder: invocation.value(keepOrderFlag),
    jobs: invocation.value(jobsFlag),
    timeoutMs: invocation.value(mapTimeoutFlag),
    retries: invocation.value(retriesFlag),
    halt: invocation.value(haltFlag),
    priority: invocation.value(priorityFlag),
    joblog,
    resume: resumeFailed ? 'failed' : resume ? 'all' : undefined,
  };
}
