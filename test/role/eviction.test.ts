import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { handle } from '../../src/manager/handler.js';
import type { Leader } from '../../src/role/leader.js';
import type { InvitedRole } from '../../src/role/security-operations.js';
import { LeaderSecurity } from '../../src/security/leader-security.js';
import { assertNothingLeft } from '../leaks.js';
import { FakeSecurity } from '../security/fake-security.js';
import { Puppet } from './puppet.js';
import { Stage } from './stage.js';

assertNothingLeft();

/** A leader with keys, and the devices that are to have them. */
async function secured(stage: Stage, devices: Readonly<Record<string, InvitedRole>>): Promise<Leader> {
  const { clock } = stage;
  const security = await LeaderSecurity.open({ cluster: 'test', leader: 'leader', clock, random: seededRandom(1) });
  for (const [name, role] of Object.entries(devices)) {
    const key = randomBytes(32).toString('base64url');
    await security.devices.enrol({ key, name, role, maySubmit: false, invite: 'abcdefgh' });
  }
  return stage.leader({ security });
}

const rowOf = (leader: Leader, node: string) => leader.status().nodes.find((row) => row.node === node);
const codeIs = (code: string, text: RegExp) => (error: NetworkError) => {
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

test('an evicted node is gone within a second, its name stays its own until it is forgotten', async () => {
  await using stage = new Stage();
  const leader = await secured(stage, { w1: 'collaborator', w2: 'collaborator' });
  const operator = await stage.operator();
  const w1 = await Puppet.join(stage, 'w1');
  const w2 = await Puppet.join(stage, 'w2');
  const start = stage.clock.now();
  await stage.until(operator.evict('w1'));
  await stage.clock.runUntil(() => !w1.connected, { limitMs: 5000 });
  assert.ok(stage.clock.now() - start < 1000, `${stage.clock.now() - start} ms`);
  assert.equal(w1.refused?.code, 'EVICTED');
  assert.equal(rowOf(leader, 'w1')?.status, 'left');
  assert.equal(w2.connected, true);
  assert.equal(leader.security?.devices.byName('w1')?.evictedAt === undefined, false, 'the key is refused');
  assert.equal((await Puppet.join(stage, 'w1')).refused?.code, 'EVICTED');
  await stage.until(operator.evict('w1'), 1000);
  await stage.until(operator.forget('w1'));
  assert.equal(leader.security?.devices.byName('w1'), undefined, 'the name is free');
  assert.equal(rowOf(leader, 'w1'), undefined);
  await assert.rejects(stage.until(operator.forget('w1')), codeIs('NO_TARGET', /no node is called 'w1'/));
  await assert.rejects(stage.until(operator.evict('w1')), codeIs('NO_TARGET', /no node is called 'w1'/));
});

test('an evicted client loses every connection of its key, and nobody else does', async () => {
  await using stage = new Stage();
  await secured(stage, { ops: 'operator', 'ops.east': 'operator', eye: 'observer', opsx: 'operator' });
  const operator = await stage.operator('boss');
  const names = ['ops', 'ops.1', 'ops.2.3', 'ops.east', 'ops.east.1', 'opsx', 'eye', 'eye.1'];
  const clients = new Map<string, Puppet>();
  for (const name of names) {
    clients.set(name, await Puppet.join(stage, name, { role: name.startsWith('eye') ? 'observer' : 'operator' }));
  }
  const connected = () => [...clients].filter(([, puppet]) => puppet.connected).map(([name]) => name);
  assert.deepEqual(connected(), names);
  await stage.until(operator.evict('ops'));
  await stage.clock.advance(10);
  assert.deepEqual(connected(), ['ops.east', 'ops.east.1', 'opsx', 'eye', 'eye.1']);
  await stage.until(operator.evict('eye'));
  await stage.clock.advance(10);
  assert.deepEqual(connected(), ['ops.east', 'ops.east.1', 'opsx']);
  await assert.rejects(
    stage.until(operator.evict('ops.east.1')),
    codeIs('NO_TARGET', /'ops\.east\.1' is a connection of 'ops\.east'.* evict 'ops\.east'/),
  );
});

test('what is there is not forgotten: the error says what to do first', async () => {
  await using stage = new Stage();
  const leader = await secured(stage, { w1: 'collaborator', ops: 'operator' });
  const operator = await stage.operator('boss');
  const w1 = await stage.collaborator('w1', [handle('ping', {}, () => 'pong')]);
  const client = await Puppet.join(stage, 'ops.1', { role: 'operator' });
  for (const [name, text] of [
    ['w1', /w1 is connected \(collaborator at memory\).*'netmgr nodes evict w1'/],
    ['ops', /ops\.1 is connected \(operator at memory\).*'netmgr nodes evict ops'/],
  ] as const) {
    await assert.rejects(stage.until(operator.forget(name)), codeIs('NAME_IN_USE', text));
  }
  assert.equal(await stage.until(leader.request('ping', null, { to: 'w1' })), 'pong');
  await stage.until(Promise.all([w1.stop(), client.leave()]));
  await stage.clock.advance(50);
  for (const name of ['w1', 'ops']) {
    await stage.until(operator.forget(name));
    assert.equal(leader.security?.devices.byName(name), undefined);
  }
  assert.equal(rowOf(leader, 'w1'), undefined);
});

test('a disk that hangs holds nothing up: the connections end before the eviction is stored', async () => {
  await using stage = new Stage();
  const security = new FakeSecurity();
  security.devices.evict = () => new Promise(() => {});
  security.enrol('ops');
  const leader = await stage.leader({ security });
  const client = await Puppet.join(stage, 'ops.1', { role: 'operator' });
  const node = await Puppet.join(stage, 'w1');
  void leader.evict('ops');
  void leader.evict('w1');
  await stage.clock.advance(10);
  assert.equal(client.refused?.code, 'EVICTED');
  assert.equal(node.refused?.code, 'EVICTED');
});

test('a key that is evicted elsewhere, or forgotten, loses its connections just the same', async () => {
  await using stage = new Stage();
  const leader = await secured(stage, { w1: 'collaborator', ops: 'operator' });
  const node = await Puppet.join(stage, 'w1');
  const client = await Puppet.join(stage, 'ops.1', { role: 'operator' });
  const { devices } = leader.security ?? assert.fail();
  await devices.evict('w1');
  await devices.forget('ops');
  await stage.clock.advance(10);
  assert.equal(node.refused?.code, 'EVICTED');
  assert.equal(client.refused?.code, 'EVICTED');
  assert.equal(rowOf(leader, 'w1')?.status, 'left');
});
