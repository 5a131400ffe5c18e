import type { Command, Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { CommandError, EXIT, usageError } from '../exit-codes.js';
import type { Flag } from '../flags.js';
import { GLOBAL_FLAGS, jsonFlag } from '../global-flags.js';
import { nearest } from '../nearest.js';
import { settingAt } from '../settings.js';
import { writeSettings } from '../settings-writer.js';
import { contextCommand } from './config-context.js';

export const configCommand = (environment: Environment): Command => ({
  name: 'config',
  summary: 'settings that stay, and named contexts',
  details: 'A flag beats its environment variable, that beats the setting, and that beats the default.',
  examples: [
    { command: 'netmgr config set join.slots 4', text: 'join with four slots from now on' },
    { command: 'netmgr config ls', text: 'what is set, and what could be' },
    { command: 'netmgr config context add prod host:7700 --token-file t', text: 'enrol with a leader elsewhere' },
  ],
  commands: [getCommand(), setCommand(), unsetCommand(), listCommand(), pathCommand(), contextCommand(environment)],
});

const getCommand = (): Command => ({
  name: 'get',
  summary: 'print one setting',
  arguments: [{ name: 'KEY', description: 'its name', required: true }],
  examples: [{ command: 'netmgr config get join.slots', text: 'exit 1 if it is not set' }],
  run: async (invocation) => {
    const [key = ''] = invocation.operands;
    await requireFlag(invocation, key);
    const value = settingAt(invocation.config.values, key);
    if (value === undefined) {
      throw new CommandError('INVALID_OPTION', `'${key}' is not set`, {
        exitCode: EXIT.failed,
        hint: `netmgr config set ${key} VALUE`,
      });
    }
    if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, key, value });
    else await invocation.output.data(`${textOf(value)}\n`);
    return EXIT.ok;
  },
});

const setCommand = (): Command => ({
  name: 'set',
  summary: 'keep a setting',
  arguments: [
    { name: 'KEY', description: 'its name', required: true },
    {
      name: 'VALUE',
      description: 'as it would be typed after the flag; several for a list',
      required: true,
      variadic: true,
    },
  ],
  examples: [
    { command: 'netmgr config set call.timeout 30s', text: 'wait longer' },
    { command: 'netmgr config set join.tag gpu=1 zone=a', text: 'two tags' },
  ],
  run: async (invocation) => {
    const [key = '', ...values] = invocation.operands;
    const flag = await requireFlag(invocation, key);
    if (flag.kind !== 'list' && values.length > 1) throw usageError(`'${key}' takes one value, not ${values.length}`);
    flag.parse(values);
    await writeSettings(invocation.config.path, (store) => store.set(key, flag.kind === 'list' ? values : values[0]));
    return EXIT.ok;
  },
});

const unsetCommand = (): Command => ({
  name: 'unset',
  summary: 'forget a setting',
  arguments: [{ name: 'KEY', description: 'its name', required: true }],
  examples: [{ command: 'netmgr config unset call.timeout', text: 'back to the default' }],
  run: async (invocation) => {
    const [key = ''] = invocation.operands;
    await requireFlag(invocation, key);
    await writeSettings(invocation.config.path, (store) => store.delete(key));
    return EXIT.ok;
  },
});

const listCommand = (): Command => ({
  name: 'ls',
  summary: 'what is set, and what could be',
  examples: [{ command: 'netmgr config ls --json', text: 'one JSON document' }],
  run: async (invocation) => {
    const flags = await settingFlags(invocation);
    const settings = [...flags.keys()]
      .sort()
      .map((key) => ({ key, value: settingAt(invocation.config.values, key) ?? null }));
    if (invocation.value(jsonFlag)) {
      await invocation.output.document({ schema: 1, path: invocation.config.path, settings });
      return EXIT.ok;
    }
    const width = Math.max(...settings.map(({ key }) => key.length));
    const lines = settings.map(({ key, value }) => `${key.padEnd(width)}  ${value === null ? '-' : textOf(value)}\n`);
    await invocation.output.data(lines.join(''));
    return EXIT.ok;
  },
});

const pathCommand = (): Command => ({
  name: 'path',
  summary: 'print where the settings are',
  examples: [{ command: 'netmgr config path', text: 'the file; it may not exist yet' }],
  run: async (invocation: Invocation) => {
    const { path } = invocation.config;
    if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, path });
    else await invocation.output.data(`${path}\n`);
    return EXIT.ok;
  },
});

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(' ') : String(value));

/** Every flag that is a setting, by its key. */
async function settingFlags(invocation: Invocation): Promise<ReadonlyMap<string, Flag<unknown>>> {
  const flags = new Map<string, Flag<unknown>>();
  const commands = await invocation.commands();
  for (const flag of [...GLOBAL_FLAGS, ...commands.flatMap((command) => command.flags ?? [])]) {
    if (flag.setting !== undefined) flags.set(flag.setting, flag);
  }
  return flags;
}

async function requireFlag(invocation: Invocation, key: string): Promise<Flag<unknown>> {
  const flags = await settingFlags(invocation);
  const flag = flags.get(key);
  if (flag !== undefined) return flag;
  const near = nearest(key, [...flags.keys()]);
  throw usageError(
    `there is no setting '${key}'`,
    near === undefined ? "'netmgr config ls' lists them." : `Did you mean '${near}'?`,
  );
}
