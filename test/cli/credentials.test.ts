import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import type { Invocation } from '../../src/cli/command.js';
import { askSecret } from '../../src/cli/credentials/secret-question.js';
import {
  givenToken,
  pastedToken,
  type TakenToken,
  tokenFileFlag,
  tokenFlag,
} from '../../src/cli/credentials/token-intake.js';
import { withoutTokens } from '../../src/cli/credentials/visible-words.js';
import type { Flag } from '../../src/cli/flags.js';
import { createOutput } from '../../src/cli/output.js';
import { resolveFlag, type TypedFlags } from '../../src/cli/settings.js';
import { formatToken } from '../../src/security/invites/join-token.js';
import { assertNothingLeft } from '../leaks.js';
import { type FakeOptions, fakeEnvironment, run } from './fake-environment.js';

assertNothingLeft();
const directory = mkdtempSync(join(tmpdir(), 'netmgr-credentials-'));
after(() => rmSync(directory, { recursive: true }));

const make = (role: 'collaborator' | 'operator', id: string): string =>
  formatToken({ role, fingerprint: new Uint8Array(32).fill(7), id, secret: new Uint8Array(20).fill(9) });
const TOKEN = make('collaborator', 'abcd2345');
const SECRET = TOKEN.split('-')[5] ?? '';

test('a command line keeps its words, but no token', () => {
  const table: readonly (readonly [readonly string[], readonly string[] | undefined])[] = [
    [
      ['join', 'h:1', '--token', TOKEN, '--name', 'w1'],
      ['join', 'h:1', '--token', '[erased]', '--name', 'w1'],
    ],
    [
      ['join', `--token=${TOKEN}`],
      ['join', '--token=[erased]'],
    ],
    [
      ['join', '--token', 'anything'],
      ['join', '--token', '[erased]'],
    ],
    [
      ['join', TOKEN],
      ['join', '[erased]'],
    ],
    [
      ['invite', 'revoke', TOKEN.toUpperCase()],
      ['invite', 'revoke', '[erased]'],
    ],
    [['join', '--token-file', 'f', 'h:1'], undefined],
    [[], undefined],
  ];
  for (const [words, visible] of table) assert.deepEqual(withoutTokens(words), visible, words.join(' '));
});

interface Given {
  readonly typed?: TypedFlags;
  readonly options?: FakeOptions;
}

async function intake({ typed = {}, options = {} }: Given): Promise<{ taken: TakenToken | undefined; stderr: string }> {
  const fake = fakeEnvironment(options);
  const sources = { typed, variables: fake.environment.variables, config: { path: '', values: {} } };
  const output = createOutput({ ...fake.environment, quiet: () => false });
  const parts = {
    output,
    value: <T>(flag: Flag<T>) => resolveFlag(flag, sources).value,
    setting: <T>(flag: Flag<T>) => resolveFlag(flag, sources),
  };
  const taken = await givenToken(fake.environment, parts as unknown as Invocation);
  return { taken, stderr: fake.stderr() };
}

function file(name: string, text: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a token comes by flag, file, stdin or environment; the flag wins, and is told of better ways', async () => {
  const other = make('operator', 'zzzz7777');
  const NETMGR_TOKEN = other;
  const path = file('t', `${TOKEN}\n`);
  const table: readonly (readonly [Given, string, RegExp])[] = [
    [{ typed: { token: TOKEN } }, 'abcd2345', /^The token is erased .*--token-file FILE.*NETMGR_TOKEN\.\n$/],
    [{ typed: { token: TOKEN }, options: { variables: { NETMGR_TOKEN } } }, 'abcd2345', /erased/],
    [{ typed: { 'token-file': path }, options: { variables: { NETMGR_TOKEN } } }, 'abcd2345', /^$/],
    [{ typed: { 'token-file': '-' }, options: { input: ` ${TOKEN}\r\n` } }, 'abcd2345', /^$/],
    [{ options: { variables: { NETMGR_TOKEN } } }, 'zzzz7777', /^$/],
    [{ options: { variables: { NETMGR_TOKEN_FILE: path } } }, 'abcd2345', /^$/],
    [{ typed: { 'token-file': '-' }, options: { typed: `${TOKEN}\r` } }, 'abcd2345', /not shown/],
  ];
  for (const [given, id, stderr] of table) {
    const got = await intake(given);
    assert.equal(got.taken?.token.id, id);
    assert.match(got.stderr, stderr);
    assert.ok(!got.stderr.includes(SECRET));
  }
  assert.equal((await intake({})).taken, undefined);
  assert.deepEqual(tokenFlag.setting, undefined, 'a secret is no setting');
});

test('a token file that others may read is told of, and read all the same', async () => {
  const path = file('open', TOKEN, 0o644);
  const { taken, stderr } = await intake({ typed: { [tokenFileFlag.name]: path } });
  assert.equal(taken?.token.id, 'abcd2345');
  assert.match(stderr, /^warning: others on this host may read the token in .*open \(mode 644\): chmod 600 .*open\n$/);
});

test('what is no token is refused by its source, without its secret', async () => {
  const typo = `${TOKEN.slice(0, 80)}${TOKEN[80] === 'a' ? 'b' : 'a'}${TOKEN.slice(81)}`;
  const table: readonly (readonly [Given, RegExp])[] = [
    [{ typed: { token: typo } }, /^--token: .*checksum/],
    [{ typed: { 'token-file': file('typo', typo) } }, /^--token-file .*typo: .*checksum/],
    [{ options: { variables: { NETMGR_TOKEN: TOKEN.slice(0, 90) } } }, /^NETMGR_TOKEN: /],
    [{ typed: { 'token-file': join(directory, 'missing') } }, /^--token-file .*missing: ENOENT/],
    [{ typed: { 'token-file': directory } }, /^--token-file .*: E?ISDIR/],
    [{ typed: { 'token-file': file('empty', '\n') } }, /there is no token in it/],
    [{ typed: { 'token-file': '-' } }, /^--token-file -: there is no token in it/],
    [{ typed: { 'token-file': file('long', 'x'.repeat(10_000)) } }, /more in it than a token/],
  ];
  for (const [given, message] of table) {
    await assert.rejects(intake(given), (error: Error & { exitCode?: number; hint?: string }) => {
      assert.match(error.message, message);
      assert.equal(error.exitCode, 78);
      assert.ok(error.hint !== undefined && error.hint !== '');
      assert.ok(!`${error.message}${error.hint}`.includes(SECRET.slice(0, 12)), error.message);
      return true;
    });
  }
  await assert.rejects(intake({ typed: { token: TOKEN, 'token-file': 'f' } }), { exitCode: 2 });
});

test('a secret that is typed is not shown; it can be mended, and Ctrl-C is heard', async () => {
  const raw: boolean[] = [];
  const ask = async (...keys: string[]) => {
    const { environment, stderr } = fakeEnvironment();
    const keyboard = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) });
    const answer = askSecret({ ...environment, stdin: keyboard }, 'Token: ');
    for (const key of keys) keyboard.write(key);
    const text = await answer.finally(() => assert.equal(stderr(), 'Token: \n'));
    keyboard.destroy();
    return text;
  };
  assert.equal(await ask('ab', 'c\r'), 'abc');
  assert.equal(await ask('\x1b[200~abx', '\x7f', 'c\x1b[201~', '\n'), 'abc');
  assert.equal(await ask('ab\x04'), 'ab');
  await assert.rejects(ask('ab\x03'), { code: 'CANCELLED' });
  await assert.rejects(ask('x'.repeat(5000)), { code: 'TOO_LARGE' });
  assert.deepEqual(
    raw,
    Array.from({ length: 10 }, (_, index) => index % 2 === 0),
  );
  const { environment } = fakeEnvironment({ typed: `${TOKEN}\r` });
  assert.equal((await pastedToken(environment, 'wss://h:1')).token.id, 'abcd2345');
});

test('a token in the place of something else is told, and not told back', async () => {
  const variables = { NETMGR_STATE_DIR: join(directory, 's'), NETMGR_CONFIG_DIR: join(directory, 'c') };
  for (const words of [
    ['join', TOKEN],
    ['status', '--leader', TOKEN],
    [TOKEN],
    ['join', '--name', TOKEN],
    ['config', 'context', 'add', TOKEN, 'h:1'],
    ['doctor', 'explain', TOKEN],
    ['join', '--token', TOKEN],
  ]) {
    for (const json of [[], ['--json']]) {
      const { exitCode, stdout, stderr } = await run([...words, ...json], { variables });
      assert.equal(exitCode, 2, words.join(' '));
      assert.ok(!`${stdout}${stderr}`.toLowerCase().includes(SECRET.slice(0, 12)), stderr);
    }
  }
});
