import { visible } from '../../message/escape.js';
import type { Command, Invocation } from '../command.js';
import { tokenFileFlag, tokenFlag } from '../credentials/token-intake.js';
import { explainCommand } from '../doctor/explain.js';
import type { Finding } from '../doctor/finding.js';
import { checkHost } from '../doctor/host-checks.js';
import { checkLeader } from '../doctor/leader-checks.js';
import { checkState } from '../doctor/state-checks.js';
import { checkToken } from '../doctor/token-check.js';
import type { Environment } from '../environment.js';
import { EXIT } from '../exit-codes.js';
import { jsonFlag } from '../global-flags.js';
import { type TableLook, tableLook } from '../table.js';
import { invocationState, leaderTarget } from '../target.js';
import { wrapWords } from '../wrap.js';

export const doctorCommand = (environment: Environment): Command => ({
  name: 'doctor',
  summary: 'what is wrong with this host, a token or the way to the leader',
  details: [
    "Looks at Node, the settings, the state directory and the keys in it, and at the leader that is meant: this host's,",
    'or that of --leader or --context. Exit 1 if anything fails; nothing is changed.',
  ].join('\n'),
  flags: [tokenFileFlag, tokenFlag],
  survivesBadSettings: true,
  examples: [
    { command: 'netmgr doctor', text: 'this host, and its leader if it has one' },
    {
      command: 'netmgr doctor --leader host:7700 --token-file t',
      text: 'before a join: does the token fit the leader',
    },
    { command: 'netmgr doctor --context prod', text: 'when a context does not work' },
    { command: 'netmgr doctor explain NOT_ALLOWED', text: 'what an error means, and what to do' },
  ],
  commands: [explainCommand],
  run: (invocation) => runDoctor(environment, invocation),
});

async function runDoctor(environment: Environment, invocation: Invocation): Promise<number> {
  const target = leaderTarget(environment, invocation);
  const state = invocationState(environment, invocation);
  const { findings, taken } = await checkToken(environment, invocation);
  const fingerprint = taken?.token.fingerprint;
  const checks = [
    ...checkHost(environment, invocation.config),
    ...checkState(environment, state),
    ...findings,
    ...(await checkLeader(environment, { target, state, fingerprint, signal: invocation.signal })),
  ];
  const look = tableLook(invocation.output, invocation.style);
  const healthy = checks.every(({ level }) => level !== 'fail');
  if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, healthy, checks });
  else await invocation.output.data(checks.map((finding) => lineOf(finding, look)).join(''));
  return healthy ? EXIT.ok : EXIT.failed;
}

const LEVEL_WIDTH = 4;
const CHECK_WIDTH = 11;
const LEAST_ROOM = 20;

/** The level, the check and, beside them, what was found and what to do next. */
function lineOf({ check, level, detail, next }: Finding, { style, width }: TableLook): string {
  const paint = { ok: style.good, warn: style.warning, fail: style.bad }[level];
  const left = LEVEL_WIDTH + CHECK_WIDTH + 4;
  const room = width === undefined ? undefined : Math.max(LEAST_ROOM, width - left);
  const text = [detail, ...(next === undefined ? [] : [next])].map((part) => wrapWords(visible(part), room)).join('\n');
  return `${paint(level.padEnd(LEVEL_WIDTH))}  ${check.padEnd(CHECK_WIDTH)}  ${text.replaceAll('\n', `\n${' '.repeat(left)}`)}\n`;
}
