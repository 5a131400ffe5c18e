import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { LeaderSecurity } from '../../src/security/leader-security.js';
import { assertNothingLeft } from '../leaks.js';
import { FakeSecurity } from '../security/fake-security.js';
import { RecordingLog } from '../security/recording-log.js';
import { Stage } from './stage.js';

assertNothingLeft();

async function open(stage: Stage) {
  const log = new RecordingLog();
  const { clock } = stage;
  const random = seededRandom(1);
  const security = await LeaderSecurity.open({ cluster: 'test', leader: 'leader', clock, random, log });
  const leader = await stage.leader({
    security,
    log,
    address: () => 'wss://lead.example:7700',
    localAddress: () => 'wss://127.0.0.1:7700',
  });
  return { log, security, leader, operator: await stage.operator() };
}

const codeIs = (code: string, text: RegExp) => (error: NetworkError) => {
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

test('tokens: made with where to use them, listed without their secrets, revoked one by one and all', async () => {
  await using stage = new Stage();
  const { operator } = await open(stage);
  const made = await stage.until(operator.createInvite({ role: 'observer', uses: 3, ttlMs: 60_000 }));
  assert.match(made.token, /^nmtk-1-v-/);
  assert.deepEqual([made.role, made.uses, made.used, made.maySubmit], ['observer', 3, 0, false]);
  assert.equal(made.expiresAt - made.createdAt, 60_000);
  assert.equal(made.address, 'wss://lead.example:7700');
  assert.equal(made.localAddress, 'wss://127.0.0.1:7700');
  const other = await stage.until(operator.createInvite({ role: 'collaborator', maySubmit: true }));
  const listed = await stage.until(operator.invites());
  assert.deepEqual(
    listed.map(({ id, maySubmit }) => [id, maySubmit]),
    [
      [made.id, false],
      [other.id, true],
    ],
  );
  assert.equal(await stage.until(operator.revokeInvite(made.id)), true);
  assert.equal(await stage.until(operator.revokeInvite('aaaaaaaa')), false);
  assert.equal(await stage.until(operator.rotateInvites()), 1);
  assert.ok((await stage.until(operator.invites())).every(({ revokedAt }) => revokedAt !== undefined));
});

test('what is wrong with an order is said with the field, and changes nothing', async () => {
  await using stage = new Stage();
  const { operator } = await open(stage);
  for (const [options, text] of [
    [{ role: 'leader' as 'operator' }, /role must be one of/],
    [{ role: 'collaborator', uses: 0 }, /uses must be/],
    [{ role: 'collaborator', ttlMs: 1 }, /ttlMs must be/],
    [{ role: 'observer', maySubmit: true }, /maySubmit is for collaborators/],
  ] as const) {
    await assert.rejects(stage.until(operator.createInvite(options)), codeIs('INVALID_PAYLOAD', text));
  }
  await assert.rejects(stage.until(operator.revokeInvite(7 as unknown as string)), codeIs('INVALID_PAYLOAD', /^id: /));
  assert.deepEqual(await stage.until(operator.invites()), []);
});

test('the authority is shown and replaced', async () => {
  await using stage = new Stage();
  const { operator, security } = await open(stage);
  assert.deepEqual(await stage.until(operator.authority()), security.authority());
  await using another = new Stage();
  await another.leader({ security: new FakeSecurity() });
  const replaced = await another.until((await another.operator()).rotateAuthority());
  assert.deepEqual(replaced, { fingerprint: 'another', revokedInvites: 0 });
});

test('each operation is a line in the log, done or not: who, from where, what, to what; never a secret', async () => {
  await using stage = new Stage();
  const { operator, leader, log, security } = await open(stage);
  const { token, id } = await stage.until(operator.createInvite({ role: 'operator' }));
  await stage.until(operator.invites());
  await stage.until(operator.revokeInvite(token));
  await stage.until(operator.revokeInvite(id));
  await assert.rejects(stage.until(operator.evict('nobody')));
  await stage.until(operator.status());
  const audited = log.lines.filter(({ fields }) => fields['audit'] === 'operated').map(({ fields }) => fields);
  const who = { audit: 'operated', operator: 'op', address: 'memory', role: 'operator' };
  assert.deepEqual(audited, [
    { ...who, action: 'netmgr.invite.create', target: id, failed: undefined },
    { ...who, action: 'netmgr.invite.list', target: undefined, failed: undefined },
    { ...who, action: 'netmgr.invite.revoke', target: undefined, failed: undefined },
    { ...who, action: 'netmgr.invite.revoke', target: id, failed: undefined },
    { ...who, action: 'netmgr.evict', target: 'nobody', failed: 'NO_TARGET' },
  ]);
  const { counters } = leader.status().leader;
  assert.deepEqual([counters['operations'], counters['operationsFailed']], [5, 1]);
  const secret = token.split('-').at(-2) ?? assert.fail();
  assert.ok(secret.length > 20);
  const seen = [log.text, stage.hub.trace().join('\n'), JSON.stringify(leader.status()), JSON.stringify(security)];
  seen.push(JSON.stringify(security.invites.list()), JSON.stringify(await stage.until(operator.invites())));
  for (const text of seen) assert.ok(!text.includes(secret));
});

test('without keys there are no tokens to manage, and it is said so', async () => {
  await using stage = new Stage();
  const log = new RecordingLog();
  const leader = await stage.leader({ log });
  const operator = await stage.operator();
  for (const order of [() => operator.createInvite({ role: 'operator' }), () => operator.authority()]) {
    await assert.rejects(stage.until<unknown>(order()), codeIs('NOT_ALLOWED', /plaintext/));
  }
  const [line] = log.lines.filter(({ fields }) => fields['audit'] === 'operated');
  const expected = { operator: 'op', action: 'netmgr.invite.create', failed: 'NOT_ALLOWED' };
  assert.deepEqual({ ...line?.fields, ...expected }, line?.fields);
  assert.equal(leader.status().leader.counters['operationsFailed'], 2);
});
