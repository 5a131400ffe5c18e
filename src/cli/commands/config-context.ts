import { visible } from '../../message/escape.js';
import { leaderAddress } from '../address.js';
import type { Command, Invocation } from '../command.js';
import { EXIT, usageError } from '../exit-codes.js';
import { jsonFlag, parseName } from '../global-flags.js';
import { nearest } from '../nearest.js';
import { settingAt } from '../settings.js';
import { writeSettings } from '../settings-writer.js';
import { readContexts } from '../target.js';

/** Leaders with names, one of which may be the current one. */
export const contextCommand = (): Command => ({
  name: 'context',
  summary: 'leaders with names, one of them the current one',
  examples: [
    { command: 'netmgr config context add lab unix:/srv/lab/leader/leader.sock', text: 'give a leader a name' },
    { command: 'netmgr config context use lab', text: 'mean it from now on' },
    { command: 'netmgr --context lab status', text: 'mean it once' },
  ],
  commands: [addCommand, listCommand, useCommand, removeCommand],
});

const NAME = { name: 'NAME', description: 'the name of the context', required: true } as const;

const addCommand: Command = {
  name: 'add',
  summary: 'give a leader a name',
  arguments: [
    NAME,
    {
      name: 'ADDR',
      description: "unix:/path of the leader's socket; host:port is good for 'netmgr join' alone",
      required: true,
    },
  ],
  examples: [
    {
      command: 'netmgr config context add lab unix:/srv/lab/leader/leader.sock',
      text: 'add it, or change its address',
    },
  ],
  run: async (invocation) => {
    const [name = '', address = ''] = invocation.operands;
    parseName(name, 'context');
    leaderAddress(address);
    await writeSettings(invocation.config.path, (store) => {
      store.set('contexts', { ...Object.fromEntries(readContexts(invocation)), [name]: { address } });
    });
    return EXIT.ok;
  },
};

const listCommand: Command = {
  name: 'ls',
  summary: 'list the contexts; the current one has a star',
  examples: [{ command: 'netmgr config context ls', text: 'all of them' }],
  run: async (invocation) => {
    const current = settingAt(invocation.config.values, 'context') ?? null;
    const contexts = [...readContexts(invocation)].map(([name, { address }]) => ({ name, address }));
    if (invocation.value(jsonFlag)) {
      await invocation.output.document({ schema: 1, current, contexts });
      return EXIT.ok;
    }
    const width = Math.max(0, ...contexts.map(({ name }) => visible(name).length));
    const lines = contexts.map(
      ({ name, address }) => `${name === current ? '*' : ' '} ${visible(name).padEnd(width)}  ${visible(address)}\n`,
    );
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
  summary: 'forget a context',
  arguments: [NAME],
  examples: [{ command: 'netmgr config context rm lab', text: 'it is gone' }],
  run: async (invocation) => {
    const [name = ''] = invocation.operands;
    requireContext(invocation, name);
    const rest = [...readContexts(invocation)].filter(([each]) => each !== name);
    await writeSettings(invocation.config.path, (store) => {
      store.set('contexts', Object.fromEntries(rest));
      if (settingAt(invocation.config.values, 'context') === name) store.delete('context');
    });
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
