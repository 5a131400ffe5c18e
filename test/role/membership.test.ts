import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { handle } from '../../src/manager/handler.js';
import type { LeaderEvent } from '../../src/role/collaborator.js';
import type { Leader } from '../../src/role/leader.js';
import { assertNothingLeft } from '../leaks.js';
import { Stage } from './stage.js';

assertNothingLeft();

const statusOf = (leader: Leader, node: string) => leader.status().nodes.find((row) => row.node === node)?.status;

test('a member that says goodbye has left, one that does not is lost within a second', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const events: string[] = [];
  leader.on('member', (event) => events.push(`${event.node} ${event.from ?? 'new'} ${event.to} ${event.reason}`));
  const w1 = await stage.collaborator('w1');
  await stage.collaborator('w2');
  assert.equal(statusOf(leader, 'w1'), 'alive');
  await stage.until(w1.stop());
  stage.hub.crash('w2');
  await stage.clock.advance(1000);
  assert.equal(statusOf(leader, 'w1'), 'left');
  assert.equal(statusOf(leader, 'w2'), 'lost');
  assert.deepEqual(leader.status().counts, { joining: 0, alive: 0, suspect: 0, lost: 1, draining: 0, left: 1 });
  assert.deepEqual(events, [
    'w1 new joining connected',
    'w1 joining alive registered',
    'w2 new joining connected',
    'w2 joining alive registered',
    'w1 alive draining registered',
    'w1 draining left goodbye',
    'w2 alive lost disconnected',
  ]);
});

test('a silent member is suspect after 6 s and lost after 9 s, and comes back by itself', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1');
  const at: Record<string, number> = {};
  leader.on('member', ({ to }) => {
    at[to] = stage.clock.now();
  });
  stage.hub.partition('w1', 'leader');
  const start = stage.clock.now();
  await stage.clock.advance(20_000);
  assert.equal(statusOf(leader, 'w1'), 'lost');
  const suspectAfter = (at['suspect'] ?? 0) - start;
  const lostAfter = (at['lost'] ?? 0) - start;
  assert.ok(suspectAfter > 3_500 && suspectAfter <= 6_600, `suspect after ${suspectAfter} ms`);
  assert.ok(lostAfter > 6_500 && lostAfter <= 9_600, `lost after ${lostAfter} ms`);
  stage.hub.healPartition('w1', 'leader');
  const healed = stage.clock.now();
  await stage.clock.runUntil(() => statusOf(leader, 'w1') === 'alive', { limitMs: 60_000 });
  assert.ok(stage.clock.now() - healed <= 5_500, `usable again after ${stage.clock.now() - healed} ms`);
});

test('after a restart of the leader everybody is back by itself under the same name', async () => {
  await using stage = new Stage();
  await stage.leader();
  const seen: LeaderEvent['type'][] = [];
  const names = ['w1', 'w2', 'w3'];
  for (const name of names) {
    const collaborator = await stage.collaborator(name, [handle('ping', {}, () => name)]);
    if (name === 'w1') collaborator.on('leader', (event) => seen.push(event.type));
  }
  stage.hub.crash('leader');
  await stage.clock.advance(3000);
  const again = await stage.leader();
  await stage.clock.runUntil(() => again.status().counts.alive === 3, { limitMs: 10_000 });
  assert.deepEqual([...again.members()].sort(), names);
  assert.equal(await stage.until(again.request('ping', null, { to: 'w2' })), 'w2');
  assert.equal(seen[0], 'lost');
  assert.equal(seen.at(-1), 'joined');
});

test('a name in use is refused with who has it, and the one who has it is not harmed', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [handle('ping', {}, () => 'first')]);
  const second = await stage.collaborator('w1', [], { wait: false });
  await assert.rejects(stage.until(second.joined()), (error: NetworkError) => {
    assert.equal(error.code, 'NAME_IN_USE');
    assert.match(error.message, /w1/);
    return true;
  });
  assert.equal(await stage.until(leader.request('ping', null, { to: 'w1' })), 'first');
});

test('handlers that come, go and are replaced at run time are announced', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const w1 = await stage.collaborator('w1');
  const row = () => leader.status().nodes[0];
  assert.deepEqual(row()?.handlers, []);
  w1.handle('a', {}, () => 1);
  await stage.clock.advance(50);
  assert.deepEqual(row()?.handlers, ['a']);
  assert.equal(await stage.until(leader.request('a')), 1);
  w1.handle(handle('a', {}, () => 2));
  w1.handle(handle('b', {}, () => 3));
  await stage.clock.advance(50);
  assert.deepEqual(row()?.handlers, ['a', 'b']);
  assert.equal(await stage.until(leader.request('a')), 2);
  assert.equal(w1.unhandle('a'), true);
  assert.equal(w1.unhandle('a'), false);
  await stage.clock.advance(50);
  assert.deepEqual(row()?.handlers, ['b']);
});

test('status answers at once, or as soon as something changes', async () => {
  await using stage = new Stage();
  await stage.leader();
  const operator = await stage.operator();
  const first = await stage.until(operator.status());
  assert.equal(first.nodes.length, 0);
  const next = operator.status({ after: first.revision, timeoutMs: 30_000 });
  await stage.clock.advance(5000);
  await stage.collaborator('w1');
  const second = await stage.until(next);
  assert.ok(second.revision > first.revision);
  const unchanged = await stage.until(operator.status());
  const waited = await stage.until(operator.status({ after: unchanged.revision, timeoutMs: 2000 }));
  assert.equal(waited.revision, unchanged.revision, 'and when nothing changes, what is then');
});

test('an operator evicts a node, whose process may not come back', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const operator = await stage.operator();
  const w1 = await stage.collaborator('w1');
  const refused = new Promise<NetworkError>((resolve) => {
    w1.on('leader', (event) => {
      if (event.type === 'refused') resolve(event.error);
    });
  });
  await stage.until(operator.evict('w1'));
  assert.equal((await stage.until(refused)).code, 'EVICTED');
  assert.equal(statusOf(leader, 'w1'), 'left');
  await assert.rejects(stage.until(operator.evict('nobody')), (error: NetworkError) => error.code === 'NO_TARGET');
});

test('an observer may look, and nothing else', async () => {
  await using stage = new Stage();
  await stage.leader();
  await stage.collaborator('w1', [handle('ping', {}, () => 'pong')]);
  const observer = await stage.operator('eye', 'observer');
  assert.equal((await stage.until(observer.status())).nodes.length, 1);
  const notAllowed = (error: NetworkError) => error.code === 'NOT_ALLOWED';
  await assert.rejects(stage.until(observer.call('ping', null, { to: 'w1' })), notAllowed);
  await assert.rejects(stage.until(observer.evict('w1')), notAllowed);
  await assert.rejects(stage.until(observer.emitEach('x', 1, { nodes: ['w1'] })), notAllowed);
});

test('stopping waits for what runs, refuses what is new, and leaves no timer', async () => {
  const stage = new Stage();
  const leader = await stage.leader();
  let finished = false;
  const slow = handle('slow', {}, async (_payload, { clock }) => {
    await new Promise<void>((resolve) => clock.setTimer(500, resolve));
    finished = true;
    return 'done';
  });
  const w1 = await stage.collaborator('w1', [slow]);
  const asked = leader.request('slow', null, { to: 'w1' });
  await stage.clock.advance(100);
  const stopping = w1.stop();
  const late = leader.request('slow', null, { to: 'w1' });
  late.catch(() => {});
  assert.equal(await stage.until(asked), 'done');
  await stage.until(stopping);
  assert.ok(finished);
  await assert.rejects(stage.until(late), (error: NetworkError) => error.retryable);
  await stage[Symbol.asyncDispose]();
  await stage.clock.advance(60_000);
  assert.equal(stage.clock.pending, 0);
});
