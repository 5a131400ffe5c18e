import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { handle } from '../../src/manager/handler.js';
import type { ClusterStatus } from '../../src/role/status.js';
import { assertNothingLeft } from '../leaks.js';
import { Puppet } from './puppet.js';
import { Stage } from './stage.js';

assertNothingLeft();

const notAllowed = (text: RegExp) => (error: NetworkError) => {
  assert.equal(error.code, 'NOT_ALLOWED', error.message);
  assert.match(error.message, text);
  return true;
};

test('a collaborator that may not submit knows it, says so at once, and stays where it is', async () => {
  await using stage = new Stage();
  const ping = handle('ping', {}, () => 'pong');
  const leader = await stage.leader({ handlers: [ping] });
  await stage.collaborator('w1', [ping]);
  const mute = await stage.collaborator('mute', [ping], { maySubmit: false });
  for (const to of [undefined, 'w1', '?']) {
    await assert.rejects(mute.request('ping', null, { to }), notAllowed(/mute is a collaborator.*--can-submit/));
    assert.throws(() => mute.emit('ping', null, { to }), notAllowed(/--can-submit/));
  }
  assert.throws(() => mute.broadcast('ping'), notAllowed(/--can-submit/));
  await stage.clock.advance(5000);
  assert.equal(mute.connected, true);
  assert.equal(leader.status().leader.counters['refused'], 0, 'the leader was not even asked');
  assert.equal(await stage.until(leader.request('ping', null, { to: 'mute' })), 'pong', 'it works all the same');
});

test('a collaborator sees of the status what is about itself', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1');
  const mute = await stage.collaborator('mute', [], { maySubmit: false });
  const status = (await stage.until(mute.request('netmgr.status'))) as ClusterStatus;
  assert.deepEqual(
    status.nodes.map(({ node }) => node),
    ['mute'],
  );
  assert.deepEqual(status.counts, { joining: 0, alive: 1, suspect: 0, lost: 0, draining: 0, left: 0 });
  assert.deepEqual(status.leader.counters, {});
  assert.equal(status.leader.node, leader.name);
  await assert.rejects(mute.request('netmgr.status', null, { to: 'w1' }), notAllowed(/operators and observers/));
});

test('a client that may only look says so at once, and stays connected', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const observer = await stage.operator('eye', 'observer');
  await assert.rejects(
    observer.createInvite({ role: 'operator' }),
    notAllowed(/'netmgr\.invite\.create' is for operators$/),
  );
  await assert.rejects(
    observer.call('ping'),
    notAllowed(/eye is an observer: 'ping' to \? is for collaborators and operators/),
  );
  assert.equal((await stage.until(observer.status())).cluster, 'test');
  assert.equal(leader.status().leader.counters['refused'], 0);
});

test('nothing that carries a payload goes to those who may not see it: work is for collaborators alone', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [handle('work', {}, () => 'done')]);
  const eye = await Puppet.join(stage, 'eye', { role: 'observer' });
  const operator = await stage.operator();
  const payload = 'for nobody else';
  const noHandler = (error: NetworkError) => error.code === 'NO_HANDLER' && /eye is an observer/.test(error.message);
  await assert.rejects(stage.until(operator.call('work', payload, { to: 'eye' })), noHandler);
  await assert.rejects(stage.until(leader.request('work', payload, { to: 'eye' })), noHandler);
  assert.equal(leader.emit('work', payload, { to: 'eye' }), 'UNREACHABLE');
  leader.broadcast('work', payload);
  const sent = await stage.until(operator.emitEach('work', payload, { nodes: ['w1', 'eye'] }));
  assert.deepEqual(sent, [
    { node: 'w1', sent: true },
    { node: 'eye', sent: false, code: 'UNREACHABLE' },
  ]);
  const asked = [undefined, 'w1'].map((to) => eye.say({ kind: 'request', type: 'netmgr.status', to }));
  await stage.clock.advance(50);
  for (const id of asked) assert.equal((eye.answerTo(id) as { schema?: number }).schema, 1);
  assert.ok(
    eye.received.every((message) => message.re !== undefined),
    'it is answered, and told nothing else',
  );
  assert.ok(!JSON.stringify(asked.map((id) => eye.answerTo(id))).includes(payload));
});

test('what an evicted node still waits for fails with the reason', async () => {
  await using stage = new Stage();
  await stage.leader();
  const slow = handle(
    'slow',
    {},
    (_payload, { clock }) => new Promise((resolve) => void clock.setTimer(1000, () => resolve(1))),
  );
  await stage.collaborator('w1', [slow]);
  const asker = await stage.collaborator('asker');
  const operator = await stage.operator();
  const asked = asker.request('slow', null, { to: 'w1' });
  asked.catch(() => {});
  await stage.clock.advance(20);
  const evicted = operator.evict('asker');
  await assert.rejects(stage.until(asked), (error: NetworkError) => error.code === 'EVICTED');
  await stage.until(evicted);
});

test('nobody joins as a second leader', async () => {
  await using stage = new Stage();
  await stage.leader();
  const pretender = await Puppet.join(stage, 'pretender', { role: 'leader' });
  assert.equal(pretender.refused?.code, 'NOT_ALLOWED');
});
