import { readTags } from '../../role/wire.js';
import type { Command, Invocation } from '../command.js';
import { givenToken, type TakenToken, tokenFileFlag, tokenFlag } from '../credentials/token-intake.js';
import type { Environment } from '../environment.js';
import { EXIT, usageError } from '../exit-codes.js';
import { choiceFlag, type Flag, listFlag, plainText, switchFlag, valueFlag } from '../flags.js';
import { clusterFlag, parseName } from '../global-flags.js';
import { collaborate, type JoinPlan } from '../join/collaborate.js';
import { nodeNames } from '../join/node-names.js';
import { createRoleLog } from '../log.js';
import { parsePositiveDuration } from '../message-flags.js';
import { parseBindings } from '../script/binding.js';
import { checkBindings } from '../script/executable.js';
import { loadHandlerModule } from '../script/module.js';
import { addressTarget, invocationState, leaderTarget, type Target } from '../target.js';
import { parseInteger } from '../units.js';

const nameFlag: Flag<string | undefined> = valueFlag({
  name: 'name',
  placeholder: 'NAME',
  description: "this node's name",
  fallbackText: 'the host name; with -2, -3 if it is taken',
  setting: 'join.name',
  parse: (text) => parseName(text, 'node'),
});
const tagFlag: Flag<readonly (readonly [string, string])[]> = listFlag({
  name: 'tag',
  placeholder: 'KEY=VALUE',
  separator: ',',
  description: 'a label that selectors can ask for',
  setting: 'join.tag',
  parse: parseTag,
});
const slotsFlag: Flag<number | undefined> = valueFlag({
  name: 'slots',
  placeholder: 'N',
  description: 'how much it does at once',
  fallbackText: 'the number of cores',
  setting: 'join.slots',
  parse: (text) => parseInteger(text, 1, 65_536),
});
const onFlag: Flag<readonly string[]> = listFlag({
  name: 'on',
  placeholder: 'TYPE=COMMAND',
  separator: '\n',
  description: 'a program that handles TYPE: payload on its stdin, answer on its stdout; no shell is run',
  setting: 'join.on',
  parse: plainText,
});
const streamFlag: Flag<readonly string[]> = listFlag({
  name: 'stream',
  placeholder: 'TYPE',
  separator: ',',
  description: 'the program of TYPE stays running: a line of JSON in, a line of JSON out',
  setting: 'join.stream',
  parse: plainText,
});
const handlersFlag: Flag<string | undefined> = valueFlag({
  name: 'handlers',
  placeholder: 'FILE',
  description: 'a JavaScript module with handlers',
  setting: 'join.handlers',
  parse: plainText,
});
const payloadFlag: Flag<'stdin' | 'file'> = choiceFlag({
  name: 'payload',
  placeholder: 'HOW',
  description: 'how programs get the payload; file: its name is in NETMGR_PAYLOAD_FILE',
  choices: ['stdin', 'file'],
  fallback: 'stdin',
});
const envFlag: Flag<readonly string[]> = listFlag({
  name: 'env',
  placeholder: 'NAME',
  separator: ',',
  description: 'a variable that programs may see, beside PATH, HOME, LANG, TZ and TMPDIR',
  parse: plainText,
});
const retryForFlag: Flag<number | undefined> = valueFlag({
  name: 'retry-for',
  placeholder: 'DURATION',
  description: 'how long a leader that cannot be reached is dialled again',
  fallbackText: 'for ever',
  setting: 'join.retry-for',
  parse: parsePositiveDuration,
});

const compressFlag: Flag<boolean> = switchFlag({
  name: 'compress',
  description: 'compress payloads of 1 KiB and more, both ways: for a slow link to the leader',
  setting: 'join.compress',
});
const plaintextFlag: Flag<boolean> = switchFlag({
  name: 'plaintext',
  description: "without TLS, for a leader on this host that runs with --plaintext; the same as 'ws://'",
});

export const joinCommand = (environment: Environment): Command => ({
  name: 'join',
  summary: 'join a leader as a collaborator and take work',
  details: [
    "Without an address it joins this host's leader, and needs no token. Elsewhere the first time takes a token, by",
    '--token-file, NETMGR_TOKEN, --token, or pasted when it asks; from then on the key in the state directory is enough.',
    'It comes back by itself when the leader does. SIGINT and SIGTERM take no new work, finish what runs and exit 0; a',
    'second one ends it at once.',
  ].join('\n'),
  arguments: [{ name: 'ADDR', description: 'host:port or wss://host:port, as netmgr lead prints it' }],
  flags: [
    tokenFileFlag,
    tokenFlag,
    nameFlag,
    tagFlag,
    slotsFlag,
    onFlag,
    streamFlag,
    handlersFlag,
    payloadFlag,
    envFlag,
    retryForFlag,
    compressFlag,
    plaintextFlag,
  ],
  examples: [
    { command: 'netmgr join --on sha256=sha256sum', text: "this host's leader; a program as a handler" },
    { command: 'netmgr join 192.0.2.10:7700 --token-file t', text: 'a leader elsewhere, for the first time' },
    { command: 'netmgr join 192.0.2.10:7700 --handlers ./handlers.mjs', text: 'again; a JavaScript module' },
    { command: 'netmgr join --name gpu1 --tag gpu=1 --slots 4', text: 'a name, a label, four at once' },
    { command: "netmgr join --on 'score=python3 score.py' --stream score", text: 'a program that stays running' },
  ],
  run: (invocation) => runJoin(environment, invocation),
});

async function runJoin(environment: Environment, invocation: Invocation): Promise<number> {
  const bindings = parseBindings({
    on: invocation.value(onFlag),
    stream: invocation.value(streamFlag),
    payload: invocation.value(payloadFlag),
    env: invocation.value(envFlag),
  });
  await checkBindings(bindings, environment.variables['PATH']);
  const [typed] = invocation.operands;
  const file = invocation.value(handlersFlag);
  const cluster = invocation.setting(clusterFlag);
  const handlers = file === undefined ? [] : await loadHandlerModule(file, environment.clock);
  const twice = handlers.find(({ type }) => bindings.some((binding) => binding.type === type));
  if (twice !== undefined)
    throw usageError(`'${twice.type}' is handled by --on and by ${file}`, 'Take one of them away.');
  const target =
    typed === undefined ? leaderTarget(environment, invocation) : addressTarget(typed, invocation.value(plaintextFlag));
  const token = await givenToken(environment, invocation);
  requireAddress(target, token);
  const log = await createRoleLog(environment, invocation);
  const plan: JoinPlan = {
    target,
    token,
    cluster: cluster.source === 'default' ? undefined : cluster.value,
    state: invocationState(environment, invocation),
    names: nodeNames(invocation.value(nameFlag), environment.hostName),
    tags: readTags(Object.fromEntries(invocation.value(tagFlag))),
    slots: invocation.value(slotsFlag) ?? environment.cores,
    retryForMs: invocation.value(retryForFlag),
    compression: invocation.value(compressFlag),
    bindings,
    handlers,
    log,
  };
  try {
    await collaborate(environment, plan);
  } finally {
    if (log.dropped > 0) log.warn({ dropped: log.dropped }, 'log lines were dropped because stderr was not read');
    await log.close();
  }
  return EXIT.ok;
}

/** @throws CommandError (2) for a token without an address, which is a leader elsewhere with its address forgotten */
function requireAddress(target: Target, token: TakenToken | undefined): void {
  if (target.kind === 'address' || token === undefined || !token.source.startsWith('--')) return;
  throw usageError(
    'a token is for a leader at an address, and none was given',
    "'netmgr join ADDR --token-file FILE'; the leader of this host itself needs no token.",
  );
}

/** `KEY=VALUE`, or `KEY` alone for a label without one. */
function parseTag(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  const [key, value] = equals === -1 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
  if (!/^[A-Za-z][A-Za-z0-9._-]{0,62}$/.test(key)) {
    throw usageError(
      `'${text}' is not a tag`,
      'It is KEY=VALUE; a key is a letter, then letters, digits, dot, dash, underscore.',
    );
  }
  if (value.length > 256) throw usageError(`the value of the tag '${key}' is longer than 256 characters`);
  return [key, value];
}
