import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { processesOf, Sandbox } from '../process/harness.js';

const sandbox = new Sandbox();
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

const DEBUG = ['--log-level', 'debug'];

/** The base64 lines of private keys, and the secrets of tokens. */
const secrets = new Set<string>();
const secretOf = (token: string): string => token.split('-')[5] as string;

/** Every file below, with what is in it. */
function filesOf(folder: string): { readonly path: string; readonly text: string; readonly mode: number }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, text: readFileSync(path, 'latin1'), mode: statSync(path).mode & 0o777 }));
}

function noteKeys(folder: string): void {
  for (const { text } of filesOf(folder)) {
    for (const [, body = ''] of text.matchAll(/-----BEGIN PRIVATE KEY-----\n([^-]+)-----END/g)) {
      for (const line of body.trim().split('\n')) if (line.length > 20) secrets.add(line);
    }
  }
}

function assertNoSecret(text: string, where: string): void {
  for (const secret of secrets) assert.ok(!text.includes(secret), `a secret in ${where}`);
}

test('no secret is in ps, a log at level debug, an error, status, a crash or a file that needs none', {
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async () => {
  const { ready, program } = await sandbox.lead(DEBUG);
  const address = ready.address;
  const away = (name: string) => ({
    NETMGR_STATE_DIR: sandbox.path(name),
    NETMGR_CONFIG_DIR: sandbox.path(`${name}-config`),
  });
  const invite = async (...words: string[]): Promise<string> => {
    const { stdout } = await sandbox.run(['invite', 'create', ...words]);
    secrets.add(secretOf(stdout.trim()));
    return stdout.trim();
  };
  const [byFlag, byFile, operatorToken, revoked] = await Promise.all([
    invite(),
    invite(),
    invite('--role', 'operator'),
    invite(),
  ]);
  const file = sandbox.file('token', byFile);
  const crash = sandbox.file(
    'crash.mjs',
    'export default { crash: () => { setImmediate(() => { throw new Error("boom"); }); return new Promise(() => {}); } };',
  );
  const joined = await sandbox.join('w1', [address, '--token', byFlag, '--handlers', crash, ...DEBUG], {
    env: away('w1'),
  });
  const filed = await sandbox.join('w2', [address, '--token-file', file, ...DEBUG], { env: away('w2') });
  const operator = sandbox.file('operator-token', operatorToken);
  const added = await sandbox.run(['config', 'context', 'add', 'prod', address, '--token-file', operator], {
    env: away('op'),
  });
  assert.equal(added.code, 0, added.stderr);
  const runs = [added];
  await sandbox.run(['invite', 'revoke', revoked.split('-')[4] as string]);
  // Tokens that are refused, mistyped and of no use.
  const typo = `${byFlag.slice(0, -1)}${byFlag.endsWith('a') ? 'b' : 'a'}`;
  for (const token of [revoked, byFlag, typo, operatorToken]) {
    const name = `x${runs.length}`;
    runs.push(await sandbox.run(['join', address, '--name', name, '--token', token, ...DEBUG], { env: away(name) }));
    assert.notEqual(runs.at(-1)?.code, 0);
  }
  for (const words of ['status', 'invite ls', 'nodes show w1', 'ca show', 'doctor']) {
    runs.push(await sandbox.run([...words.split(' '), '--json']));
  }
  runs.push(await sandbox.run(['--context', 'prod', 'status', '--json'], { env: away('op') }));
  assert.equal(runs.at(-1)?.code, 0, runs.at(-1)?.stderr);
  for (const folder of [sandbox.state, sandbox.path('w1'), sandbox.path('w2'), sandbox.path('op')]) noteKeys(folder);
  assert.ok(secrets.size >= 8, 'there are secrets to look for');
  for (const { pid, command } of processesOf(sandbox.directory)) {
    assertNoSecret(command, `the command line of ${pid}`);
    for (const name of readdirSync(`/proc/${pid}/task`)) {
      assertNoSecret(readFileSync(`/proc/${pid}/task/${name}/comm`, 'latin1'), 'the name of a thread');
    }
  }
  // A handler ends its process.
  await sandbox.run(['call', 'crash', '--to', 'w1', '--timeout', '10s']);
  const crashed = await joined.exit;
  assert.notEqual(crashed.code, 0);
  assertNoSecret(crashed.stdout + crashed.stderr, 'a crash');
  for (const [index, { stdout, stderr }] of runs.entries()) assertNoSecret(stdout + stderr, `run ${index}`);
  for (const each of [program, filed]) assertNoSecret(each.stdout + each.stderr, 'a log');
  for (const { path, text, mode } of [sandbox.state, ...['w1', 'w2', 'op'].map((name) => sandbox.path(name))].flatMap(
    filesOf,
  )) {
    if (/\.(key|pem)$/.test(path)) assert.equal(mode, 0o600, path);
    else assertNoSecret(text, path);
  }
});
