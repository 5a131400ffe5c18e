import { resolve } from 'node:path';
import { visible } from '../../message/escape.js';
import { leaderAddress } from '../address.js';
import type { Command, Invocation } from '../command.js';
import { type Context, type Identity, readContexts, removeIdentity } from '../context.js';
import { enrolOperator } from '../credentials/enrol-operator.js';
import { givenToken, type TakenToken, tokenFileFlag, tokenFlag } from '../credentials/token-intake.js';
import type { Environment } from '../environment.js';
import { EXIT, usageError } from '../exit-codes.js';
import { type Flag, valueFlag } from '../flags.js';
import { jsonFlag, parseName } from '../global-flags.js';
import { nearest } from '../nearest.js';
import { contextDirectory } from '../paths.js';
import { settingAt } from '../settings.js';
import { writeSettings } from '../settings-writer.js';
import { invocationState } from '../target.js';

/** Leaders with names, one of which may be the current one. */
export const contextCommand = (environment: Environment): Command => ({
  name: 'context',
  summary: 'leaders with names, one of them the current one',
  examples: [
    { command: 'netmgr config context add prod host:7700 --token-file t', text: 'enrol there, and give it a name' },
    { command: 'netmgr config context use prod', text: 'mean it from now on' },
    { command: 'netmgr --context prod status', text: 'mean it once' },
  ],
  commands: [addCommand(environment), listCommand, useCommand, removeCommand],
});

const asFlag: Flag<string | undefined> = valueFlag({
  name: 'as',
  placeholder: 'NAME',
  description: 'the name to be known by there',
  fallbackText: 'the host name and four characters',
  parse: (text) => parseName(text, 'node'),
});

const NAME = { name: 'NAME', description: 'the name of the context', required: true } as const;

const addCommand = (environment: Environment): Command => ({
  name: 'add',
  summary: 'give a leader a name, and enrol there with a token',
  details: [
    'The token comes from the leader: netmgr invite create --role operator (or observer). It enrols a key of this user',
    'at once; from then on that key is what counts, and the token is used up.',
  ].join('\n'),
  arguments: [NAME, { name: 'ADDR', description: "host:port, or unix:/path of a leader's socket", required: true }],
  flags: [tokenFileFlag, tokenFlag, asFlag],
  examples: [
    { command: 'netmgr config context add prod host:7700 --token-file t', text: 'enrol, and call it prod' },
    { command: 'netmgr config context add prod host:7700 --token-file -', text: 'the token on stdin, or pasted' },
    { command: 'netmgr config context add lab unix:/srv/lab/leader/leader.sock', text: 'a socket needs no token' },
  ],
  run: (invocation) => runAdd(environment, invocation),
});

async function runAdd(environment: Environment, invocation: Invocation): Promise<number> {
  const [name = '', typed = ''] = invocation.operands;
  parseName(name, 'context');
  const { url } = leaderAddress(typed);
  const before = readContexts(invocation).get(name);
  const isSame = before !== undefined && leaderAddress(before.address).url === url;
  const token = await givenToken(environment, invocation);
  const identity =
    token === undefined ? (isSame ? before.identity : undefined) : await enrol(environment, invocation, token);
  await keep(invocation, name, { address: typed, identity });
  if (before?.identity !== undefined && before.identity.directory !== identity?.directory) {
    removeIdentity(before.identity);
  }
  await tell(invocation, name, { address: url, identity });
  return EXIT.ok;
}

function enrol(environment: Environment, invocation: Invocation, token: TakenToken): Promise<Identity> {
  const [name = '', typed = ''] = invocation.operands;
  const directory = resolve(contextDirectory(invocationState(environment, invocation), name));
  const as = invocation.value(asFlag);
  return enrolOperator(environment, invocation, { address: leaderAddress(typed), token, directory, as });
}

async function keep(invocation: Invocation, name: string, context: Context): Promise<void> {
  await writeSettings(invocation.config.path, (store) => {
    const { address, identity } = context;
    const kept = identity === undefined ? { address } : { address, identity };
    store.set('contexts', { ...Object.fromEntries(readContexts(invocation)), [name]: kept });
  });
}

async function tell(invocation: Invocation, name: string, { address, identity }: Context): Promise<void> {
  const { output } = invocation;
  if (invocation.value(jsonFlag)) {
    const { node, role } = identity ?? { node: null, role: null };
    await output.line({ schema: 1, context: name, address, node, role });
    return;
  }
  if (identity !== undefined) {
    output.note(`enrolled as ${identity.role} '${identity.node}' with the leader at ${address}`);
    output.note(`from now on:  netmgr --context ${name} status`);
  } else if (address.startsWith('wss:')) {
    output.note(
      `'${name}' has no key yet: add --token-file FILE with a token of 'netmgr invite create --role operator'.`,
    );
  }
}

const listCommand: Command = {
  name: 'ls',
  summary: 'list the contexts; the current one has a star',
  examples: [{ command: 'netmgr config context ls', text: 'all of them' }],
  run: async (invocation) => {
    const current = settingAt(invocation.config.values, 'context') ?? null;
    const contexts = [...readContexts(invocation)].map(([name, { address, identity }]) => ({
      name,
      address,
      node: identity?.node ?? null,
      role: identity?.role ?? null,
    }));
    if (invocation.value(jsonFlag)) {
      await invocation.output.document({ schema: 1, current, contexts });
      return EXIT.ok;
    }
    const width = Math.max(0, ...contexts.map(({ name }) => visible(name).length));
    const lines = contexts.map(({ name, address, node, role }) => {
      const who = node === null ? '' : `  as ${role} ${visible(node)}`;
      return `${name === current ? '*' : ' '} ${visible(name).padEnd(width)}  ${visible(address)}${who}\n`;
    });
    await invocation.output.data(lines.join(''));
    return EXIT.ok;
  },
};

const useCommand: Command = {
  name: 'use',
  summary: 'make a context the current one',
  arguments: [{ ...NAME, required: false, description: "its name; none: back to this host's leader" }],
  examples: [
    { command: 'netmgr config context use lab', text: 'every command means it now' },
    { command: 'netmgr config context use', text: "back to this host's leader" },
  ],
  run: async (invocation) => {
    const [name] = invocation.operands;
    if (name !== undefined) requireContext(invocation, name);
    await writeSettings(invocation.config.path, (store) => {
      if (name === undefined) store.delete('context');
      else store.set('context', name);
    });
    return EXIT.ok;
  },
};

const removeCommand: Command = {
  name: 'rm',
  summary: 'forget a context, and delete its key',
  details: "Its leader still knows the key: 'netmgr nodes evict NAME' there refuses it from then on.",
  arguments: [NAME],
  examples: [{ command: 'netmgr config context rm lab', text: 'it is gone' }],
  run: async (invocation) => {
    const [name = ''] = invocation.operands;
    requireContext(invocation, name);
    const identity = readContexts(invocation).get(name)?.identity;
    const rest = [...readContexts(invocation)].filter(([each]) => each !== name);
    await writeSettings(invocation.config.path, (store) => {
      store.set('contexts', Object.fromEntries(rest));
      if (settingAt(invocation.config.values, 'context') === name) store.delete('context');
    });
    if (identity !== undefined) removeIdentity(identity);
    return EXIT.ok;
  },
};

function requireContext(invocation: Invocation, name: string): void {
  const names = [...readContexts(invocation).keys()];
  if (names.includes(name)) return;
  const near = nearest(name, names);
  const hint = near === undefined ? "'netmgr config context ls' lists them." : `Did you mean '${near}'?`;
  throw usageError(`there is no context '${name}'`, hint);
}
