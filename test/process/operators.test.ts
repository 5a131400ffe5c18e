import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { assertRefused, elsewhere, idOf, invite, secretOf } from './guests.js';
import { jsonLines, type LeaderProcess, Sandbox } from './harness.js';

const sandbox = new Sandbox();
let leader: LeaderProcess;
let address: string;

before(async () => {
  leader = await sandbox.lead();
  address = leader.ready.address.replace('wss://', '');
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

test('tokens are listed without their secrets, kept in a private file, revoked by id or whole, and rotated', async () => {
  const file = sandbox.path('out-token');
  const made = await sandbox.run(['invite', 'create', '--uses', '2', '--ttl', '2h', '--out', file, '--can-submit']);
  assert.deepEqual([made.code, made.stdout], [0, '']);
  assert.match(made.stderr, /^for 2 collaborators, within 2h; 'netmgr invite revoke [a-z2-7]{8}' takes it back\n/);
  assert.match(made.stderr, new RegExp(`use it with: {2}netmgr join ${address} --token-file .*out-token\n$`));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const token = readFileSync(file, 'utf8').trim();
  const list = await sandbox.run(['invite', 'ls']);
  assert.match(list.stdout, /^ID +ROLE +USED +STATE/);
  assert.match(list.stdout, new RegExp(`${idOf(token)} +collaborator, can submit +0/2 +open +in 1h 59m`));
  assert.ok(!list.stdout.includes(secretOf(token)));
  const json = await sandbox.run(['invite', 'create', '--role', 'observer', '--json']);
  const { schema, role, uses, address: told, token: observer } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual([schema, role, uses, told], [1, 'observer', 1, leader.ready.address]);
  assert.match(json.stderr, /netmgr config context add NAME /);
  const revoked = await sandbox.run(['invite', 'revoke', String(observer), '--json']);
  assert.deepEqual(jsonLines(revoked.stdout), [{ id: idOf(String(observer)), revoked: true }]);
  assert.match(
    (await sandbox.run(['invite', 'revoke', 'aaaaaaaa'])).stderr,
    /there is no join token with the id 'aaaaaaaa'/,
  );
  const rotated = await sandbox.run(['invite', 'rotate']);
  assert.match(rotated.stderr, /^\d+ tokens? (is|are) revoked\n/);
  const open = JSON.parse((await sandbox.run(['invite', 'ls', '--json'])).stdout) as { invites: { id: string }[] };
  assert.deepEqual(
    open.invites.map(({ id }) => id),
    [idOf(rotated.stdout.trim())],
  );
});

test('an operator elsewhere enrols with one command, and so does an observer, who only looks', async () => {
  const env = elsewhere(sandbox, 'laptop');
  const netmgr = (...words: string[]) => sandbox.run(words, { env });
  const add = async (role: string, name: string) =>
    netmgr(
      'config',
      'context',
      'add',
      name,
      address,
      '--token-file',
      sandbox.file(`${name}-token`, await invite(sandbox, '--role', role)),
    );
  const added = await add('operator', 'prod');
  assert.deepEqual([added.code, added.stdout], [0, '']);
  const node = /enrolled as operator '([a-z0-9-]+)' with the leader at wss:/.exec(added.stderr)?.[1] ?? '';
  assert.match(added.stderr, /netmgr --context prod status\n$/);
  const [status, several, listed] = await Promise.all([
    netmgr('--context', 'prod', 'status'),
    netmgr('--context', 'prod', 'status', '--json'),
    netmgr('config', 'context', 'ls'),
  ]);
  assert.deepEqual([status.code, several.code], [0, 0], status.stderr + several.stderr);
  assert.match(listed.stdout, new RegExp(`prod {2}${address} {2}as operator ${node}\n`));
  assert.match((await add('observer', 'look')).stderr, /enrolled as observer/);
  assert.equal((await netmgr('--context', 'look', 'status')).code, 0);
  for (const words of [
    ['invite', 'create'],
    ['nodes', 'evict', node],
    ['ca', 'rotate'],
  ]) {
    const exit = await netmgr('--context', 'look', ...words);
    assert.equal(exit.code, 77, words.join(' '));
  }
  const wrong = await add('collaborator', 'wrong');
  assertRefused(wrong, 78, /this token is for collaborators.*\n.*invite create --role operator/);
  assert.equal((await sandbox.run(['nodes', 'evict', node])).code, 0);
  const shut = await netmgr('--context', 'prod', 'status');
  assert.equal(shut.code, 77, shut.stderr);
  const keys = join(env.NETMGR_STATE_DIR, 'contexts', 'look');
  assert.ok(existsSync(join(keys, 'device.key')));
  assert.equal((await netmgr('config', 'context', 'rm', 'look')).code, 0);
  assert.ok(!existsSync(keys));
});

test('doctor tells a leader by its fingerprint, and whether a token fits it', async () => {
  await using other = new Sandbox();
  const stranger = await other.lead();
  const token = sandbox.file('doctor-token', await invite(sandbox));
  const env = elsewhere(sandbox, 'doctor');
  const [fits, differs, unknown, here] = await Promise.all([
    sandbox.run(['doctor', '--leader', address, '--token-file', token], { env }),
    sandbox.run(['doctor', '--leader', stranger.ready.address, '--token-file', token], { env }),
    sandbox.run(['doctor', '--leader', address], { env }),
    sandbox.run(['doctor', '--json']),
  ]);
  assert.equal(fits.code, 0, fits.stdout);
  assert.match(
    fits.stdout,
    /ok {4}leader .*TLS 1\.3\nok {4}certificate .*'default', good for \d+d.*\nok {4}fingerprint .*\nok {4}clock/,
  );
  assert.equal(differs.code, 1);
  assert.match(differs.stdout, /fail {2}fingerprint .*but the leader there shows .*\n.*poses as the leader/);
  assert.match(unknown.stdout, /warn {2}fingerprint .*\n.*netmgr ca show/);
  assert.equal(here.code, 0, here.stdout);
  const { healthy, checks } = JSON.parse(here.stdout) as { healthy: boolean; checks: { check: string }[] };
  assert.equal(healthy, true);
  for (const each of ['session', 'address'])
    assert.ok(
      checks.some(({ check }) => check === each),
      each,
    );
  for (const { stdout, stderr } of [fits, differs])
    assert.doesNotMatch(stdout + stderr, new RegExp(secretOf(readFileSync(token, 'utf8'))));
});
