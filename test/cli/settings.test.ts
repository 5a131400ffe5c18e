import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CATALOGUE } from '../../src/cli/catalogue.js';
import { choiceFlag, type Flag, listFlag, plainText, switchFlag, valueFlag, variableOf } from '../../src/cli/flags.js';
import { GLOBAL_FLAGS } from '../../src/cli/global-flags.js';
import { readSettings, resolveFlag, type SettingSources } from '../../src/cli/settings.js';
import { parseInteger } from '../../src/cli/units.js';
import { assertNothingLeft } from '../leaks.js';
import { fakeEnvironment, run } from './fake-environment.js';

assertNothingLeft();
const directory = mkdtempSync(join(tmpdir(), 'netmgr-settings-'));
after(() => rmSync(directory, { recursive: true }));

const slots: Flag<number> = valueFlag({
  name: 'max-slots',
  placeholder: 'N',
  description: '',
  setting: 'join.slots',
  fallback: 1,
  parse: (text) => parseInteger(text, 1, 100),
});

const sources = (parts: Partial<SettingSources>): SettingSources => ({
  typed: {},
  variables: {},
  config: { path: '/c.json', values: {} },
  ...parts,
});

test('flag beats environment beats configuration beats default', () => {
  const config = { path: '/c.json', values: { join: { slots: 4 } } };
  const variables = { NETMGR_MAX_SLOTS: '3' };
  const typed = { 'max-slots': '2' };
  assert.deepEqual(resolveFlag(slots, sources({ typed, variables, config })), { value: 2, source: 'flag' });
  assert.deepEqual(resolveFlag(slots, sources({ variables, config })), { value: 3, source: 'environment' });
  assert.deepEqual(resolveFlag(slots, sources({ config })), { value: 4, source: 'config' });
  assert.deepEqual(resolveFlag(slots, sources({})), { value: 1, source: 'default' });
});

test('a wrong value names where it stands: typed is usage, the rest configuration', () => {
  const wrong = { path: '/c.json', values: { join: { slots: 'many' } } };
  assert.throws(() => resolveFlag(slots, sources({ typed: { 'max-slots': 'x' } })), {
    message: /^--max-slots: 'x'/,
    exitCode: 2,
  });
  assert.throws(() => resolveFlag(slots, sources({ variables: { NETMGR_MAX_SLOTS: 'x' } })), {
    message: /^NETMGR_MAX_SLOTS: 'x'/,
    exitCode: 78,
  });
  assert.throws(() => resolveFlag(slots, sources({ config: wrong })), {
    message: /^'join.slots' in \/c.json: 'many'/,
    exitCode: 78,
  });
  const deep = { path: '/c.json', values: { join: { slots: { a: 1 } } } };
  assert.throws(() => resolveFlag(slots, sources({ config: deep })), { exitCode: 78 });
});

test('switches, lists and choices', () => {
  const quiet = switchFlag({ name: 'quiet', description: '' });
  const value = (text: string) => resolveFlag(quiet, sources({ variables: { NETMGR_QUIET: text } })).value;
  assert.deepEqual(['1', 'true', 'YES', '0', 'off', ''].map(value), [true, true, true, false, false, false]);
  assert.throws(() => value('maybe'), /NETMGR_QUIET: 'maybe'/);
  const tags = listFlag({ name: 'tag', placeholder: 'T', description: '', separator: ',', parse: plainText });
  assert.deepEqual(resolveFlag(tags, sources({ variables: { NETMGR_TAG: 'a=1, b=2,' } })).value, ['a=1', 'b=2']);
  const level = choiceFlag({
    name: 'level',
    placeholder: 'L',
    description: '',
    choices: ['low', 'high'],
    fallback: 'low',
  });
  assert.throws(() => resolveFlag(level, sources({ typed: { level: 'mid' } })), /'mid' is not one of low, high/);
});

test('names of the prototype are no settings', () => {
  const flag = valueFlag({
    name: 'x',
    placeholder: 'X',
    description: '',
    setting: 'constructor.name',
    parse: plainText,
  });
  assert.equal(resolveFlag(flag, sources({})).source, 'default');
});

test('every flag of every command has its own variable, and every setting its own key', async () => {
  const { environment } = fakeEnvironment();
  const commands = await Promise.all(CATALOGUE.map(async (entry) => (await entry.load())(environment)));
  const keys = new Map<string, string>();
  for (const command of commands) {
    const flags = [...GLOBAL_FLAGS, ...(command.flags ?? [])];
    const names = flags.map(variableOf);
    assert.equal(new Set(names).size, names.length, command.name);
    for (const { setting, name } of flags) {
      if (setting === undefined) continue;
      assert.equal(keys.get(setting) ?? name, name, `the key ${setting}`);
      keys.set(setting, name);
      assert.ok(setting === name || setting === `${command.name}.${name}`, setting);
    }
  }
});

test('a settings file that is none is refused; one that is missing is empty', () => {
  assert.deepEqual(readSettings(join(directory, 'none.json')).values, {});
  for (const text of ['{', '[]', 'null', '7', '']) {
    const path = join(directory, 'bad.json');
    writeFileSync(path, text);
    assert.throws(() => readSettings(path), { message: /not a JSON object/, exitCode: 78 });
  }
});

test('config set, get, ls, unset and contexts, in a private file', async () => {
  const options = { variables: { NETMGR_CONFIG_DIR: join(directory, 'c') } };
  assert.equal((await run(['config', 'get', 'call.timeout'], options)).exitCode, 1);
  assert.equal((await run(['config', 'set', 'call.timeout', '30s'], options)).exitCode, 0);
  assert.equal((await run(['config', 'set', 'join.tag', 'gpu=1', 'zone=a'], options)).exitCode, 0);
  assert.equal(statSync(join(directory, 'c', 'config.json')).mode & 0o777, 0o600);
  assert.equal((await run(['config', 'get', 'call.timeout'], options)).stdout, '30s\n');
  assert.equal((await run(['config', 'get', 'join.tag'], options)).stdout, 'gpu=1 zone=a\n');
  const list = JSON.parse((await run(['config', 'ls', '--json'], options)).stdout) as {
    settings: { key: string; value: unknown }[];
  };
  assert.deepEqual(list.settings.find(({ key }) => key === 'join.tag')?.value, ['gpu=1', 'zone=a']);
  const wrong = await run(['config', 'set', 'call.timeout', 'soon'], options);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /'soon' is not a duration/);
  assert.match((await run(['config', 'set', 'call.timeuot', '1s'], options)).stderr, /Did you mean 'call.timeout'/);
  assert.equal((await run(['config', 'unset', 'call.timeout'], options)).exitCode, 0);
  assert.equal((await run(['config', 'get', 'call.timeout'], options)).exitCode, 1);

  assert.equal((await run(['config', 'context', 'add', 'lab', '127.0.0.1:1'], options)).exitCode, 0);
  assert.equal((await run(['config', 'context', 'use', 'lba'], options)).exitCode, 2);
  assert.equal((await run(['config', 'context', 'use', 'lab'], options)).exitCode, 0);
  assert.equal((await run(['config', 'context', 'ls'], options)).stdout, '* lab  127.0.0.1:1\n');
  const meant = await run(['status'], options);
  assert.equal(meant.exitCode, 77);
  assert.match(meant.stderr, /you have no key for the leader at wss:\/\/127\.0\.0\.1:1/);
  assert.equal((await run(['config', 'context', 'rm', 'lab'], options)).exitCode, 0);
  assert.equal((await run(['config', 'context', 'ls'], options)).stdout, '');
  const gone = await run(['--context', 'lab', 'status'], options);
  assert.equal(gone.exitCode, 2);
  assert.match(gone.stderr, /there is no context 'lab'/);
});
