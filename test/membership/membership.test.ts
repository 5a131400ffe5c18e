import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Membership } from '../../src/membership/membership.js';
import { beat, connect, join, lose, register, told } from './events.js';

const statusOf = (membership: Membership, node = 'w1') => membership.get(node)?.status;

test('a member joins, registers, leaves, and is told apart from one that is lost', () => {
  const membership = new Membership();
  const log = [
    ...connect(membership, 'w1', {}, 0),
    ...register(membership, 'w1', {}, 10),
    ...connect(membership, 'w2', {}, 20),
    ...register(membership, 'w2', {}, 30),
    ...lose(membership, 'w1', { left: true }, 40),
    ...lose(membership, 'w2', { left: false }, 50),
  ];
  assert.deepEqual(told(log), [
    'w1: new → joining (connected)',
    'w1: joining → alive (registered)',
    'w2: new → joining (connected)',
    'w2: joining → alive (registered)',
    'w1: alive → left (goodbye)',
    'w2: alive → lost (disconnected)',
  ]);
  assert.deepEqual(membership.counts, { joining: 0, alive: 0, suspect: 0, lost: 1, draining: 0, left: 1 });
  assert.equal(membership.get('w2')?.statusSince, 50);
});

test('what a member registered is shown; a repeated registration is harmless', () => {
  const membership = new Membership();
  connect(membership, 'w1', { pid: 7, address: 'unix' }, 0);
  register(membership, 'w1', { sequence: 1, handlers: ['a', 'b'], tags: { gpu: '1' }, slots: 8 }, 5);
  const { handlers, tags, slots, pid, address, version } = membership.get('w1') ?? assert.fail('no row');
  assert.deepEqual([handlers, tags, slots, pid, address, version], [['a', 'b'], { gpu: '1' }, 8, 7, 'unix', '0.1.0']);
  const { revision } = membership;
  assert.deepEqual(
    register(membership, 'w1', { sequence: 1, handlers: ['a', 'b'], tags: { gpu: '1' }, slots: 8 }, 6),
    [],
  );
  assert.deepEqual(
    register(membership, 'w1', { sequence: 2, handlers: ['a', 'b'], tags: { gpu: '1' }, slots: 8 }, 7),
    [],
  );
  assert.equal(membership.revision, revision);
});

test('members of one kind share the list of what they handle, which changes for each of them alone', () => {
  const membership = new Membership();
  const handlersOf = (node: string) => membership.get(node)?.handlers;
  for (const node of ['w1', 'w2', 'w3']) connect(membership, node, {}, 0);
  register(membership, 'w1', { handlers: ['a', 'b'] }, 1);
  register(membership, 'w2', { handlers: ['b', 'a'] }, 1);
  register(membership, 'w3', { handlers: ['a', 'b'] }, 1);
  assert.equal(handlersOf('w3'), handlersOf('w1'));
  register(membership, 'w1', { sequence: 2, handlers: ['a'] }, 2);
  assert.deepEqual(['w1', 'w2', 'w3'].map(handlersOf), [['a'], ['b', 'a'], ['a', 'b']]);
});

test('each change of handlers, tags or slots grows the revision', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  const changes = [
    { handlers: ['x'] },
    { handlers: ['x', 'y'] },
    { tags: { a: '1' } },
    { tags: { b: '1' } },
    { slots: 9 },
  ];
  changes.forEach((change, index) => {
    const { revision } = membership;
    register(membership, 'w1', { sequence: index + 2, ...change }, 10);
    assert.equal(membership.revision, revision + 1, JSON.stringify(change));
  });
});

test('an older registration never overwrites a newer one', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  register(membership, 'w1', { sequence: 3, handlers: ['new'] }, 1);
  assert.deepEqual(register(membership, 'w1', { sequence: 2, handlers: ['old'] }, 2), []);
  assert.deepEqual(membership.get('w1')?.handlers, ['new']);
  assert.equal(membership.counters.registrationsStale, 1);
});

test('a lost registration is asked for when a heartbeat shows it', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  assert.deepEqual(told(beat(membership, 'w1', { registration: 1 }, 10)), ['w1: answer 2000', 'w1: register again']);
  register(membership, 'w1', { sequence: 1 }, 20);
  assert.deepEqual(told(beat(membership, 'w1', { registration: 1 }, 2_000)), ['w1: answer 2000']);
  assert.deepEqual(told(beat(membership, 'w1', { registration: 2 }, 4_000)), ['w1: answer 2000', 'w1: register again']);
  assert.deepEqual(told(beat(membership, 'w1', {}, 6_000)), ['w1: answer 2000']);
});

test('a heartbeat brings what the member measured; a missing round trip keeps the last one', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  assert.equal(membership.get('w1')?.rttMs, undefined);
  const { revision } = membership;
  beat(membership, 'w1', { busy: 3, loopLagMs: 1.5, rttMs: 0.4 }, 2_000);
  beat(membership, 'w1', { busy: 2, loopLagMs: 1.2 }, 4_000);
  const { busy, loopLagMs, rttMs, lastFrameAt } = membership.get('w1') ?? assert.fail('no row');
  assert.deepEqual([busy, loopLagMs, rttMs, lastFrameAt], [2, 1.2, 0.4, 4_000]);
  assert.equal(membership.revision, revision);
});

test('draining goes on and off, waits for the registration, and outlasts a reconnect of the same process', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  const drain = (on: boolean, now: number) => told(membership.apply({ type: 'draining', node: 'w1', on }, now));
  assert.deepEqual(drain(true, 1), []);
  assert.deepEqual(told(register(membership, 'w1', {}, 2)), ['w1: joining → draining (registered)']);
  assert.deepEqual(drain(true, 3), []);
  assert.deepEqual(drain(false, 4), ['w1: draining → alive (resumed)']);
  assert.deepEqual(drain(true, 5), ['w1: alive → draining (draining)']);
  lose(membership, 'w1', {}, 6);
  connect(membership, 'w1', {}, 7);
  assert.deepEqual(told(register(membership, 'w1', {}, 8)), ['w1: joining → draining (registered)']);
  lose(membership, 'w1', {}, 9);
  connect(membership, 'w1', { instance: 'other' }, 10);
  assert.deepEqual(told(register(membership, 'w1', {}, 11)), ['w1: joining → alive (registered)']);
});

test('a registration can say that the member drains, or no longer does', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  const registration = { sequence: 1, handlers: [], tags: {}, slots: 1 };
  membership.apply({ type: 'registered', node: 'w1', registration, draining: true }, 1);
  assert.equal(statusOf(membership), 'draining');
  membership.apply({ type: 'registered', node: 'w1', registration, draining: false }, 2);
  assert.equal(statusOf(membership), 'alive');
});

test('the same process back on a new connection joins again with what it had registered', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  register(membership, 'w1', { sequence: 4, handlers: ['a'] }, 1);
  lose(membership, 'w1', {}, 1_000);
  assert.deepEqual(told(connect(membership, 'w1', { address: 'elsewhere' }, 2_000)), [
    'w1: lost → joining (connected)',
  ]);
  const member = membership.get('w1') ?? assert.fail('no row');
  assert.deepEqual([member.handlers, member.address, member.joinedAt], [['a'], 'elsewhere', 2_000]);
  assert.deepEqual(told(register(membership, 'w1', { sequence: 4, handlers: ['a'] }, 2_001)), [
    'w1: joining → alive (registered)',
  ]);
});

test('until the same process says again what it offers it stays joining, and is asked for it', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  lose(membership, 'w1', {}, 1_000);
  connect(membership, 'w1', {}, 2_000);
  assert.deepEqual(told(beat(membership, 'w1', { registration: 1 }, 2_001)), ['w1: answer 2000', 'w1: register again']);
  membership.apply({ type: 'draining', node: 'w1', on: true }, 2_002);
  assert.equal(statusOf(membership), 'joining');
});

test('a reconnect that is seen before the end of the old connection starts from joining as well', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  assert.deepEqual(told(connect(membership, 'w1', {}, 1_000)), ['w1: alive → joining (connected)']);
});

test('another process under the name replaces the row: the old one is lost, its handlers are gone', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  assert.deepEqual(told(connect(membership, 'w1', { instance: 'second' }, 1_000)), [
    'w1: alive → lost (replaced)',
    'w1: lost → joining (connected)',
  ]);
  assert.deepEqual(membership.get('w1')?.handlers, []);
  assert.equal(membership.get('w1')?.instance, 'second');
  assert.deepEqual(lose(membership, 'w1', { instance: 'w1-1' }, 1_001), []);
  assert.equal(statusOf(membership), 'joining');
  assert.equal(membership.size, 1);
  register(membership, 'w1', { sequence: 1, handlers: ['b'] }, 1_002);
  assert.deepEqual(membership.get('w1')?.handlers, ['b']);
});

test('what comes for a node that is not connected, or not known, changes nothing', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  lose(membership, 'w1', { left: true }, 10);
  const { revision } = membership;
  for (const node of ['w1', 'nobody', '__proto__']) {
    assert.deepEqual(membership.touch(node, 20), []);
    assert.deepEqual(beat(membership, node, {}, 20), []);
    assert.deepEqual(register(membership, node, { sequence: 9 }, 20), []);
    assert.deepEqual(membership.apply({ type: 'draining', node, on: true }, 20), []);
    assert.deepEqual(lose(membership, node, { instance: 'w1-1' }, 20), []);
  }
  assert.equal(membership.revision, revision);
  assert.equal(membership.get('w1')?.lastFrameAt, 0);
});

test('heartbeats beyond the rate are not answered, and a flood ends the connection', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  const effects = told(Array.from({ length: 500 }, () => beat(membership, 'w1', { busy: 1 }, 100)).flat());
  assert.equal(effects.filter((line) => line === 'w1: answer 2000').length, 5);
  assert.equal(effects[5], 'w1: disconnect FLOOD');
  assert.equal(membership.counters.heartbeatsRefused, 495);
  assert.equal(membership.counters.heartbeatFloods, 395);
  assert.equal(membership.get('w1')?.lastFrameAt, 100);
});

test('rows of members that went stay for a day', () => {
  const membership = new Membership();
  const day = 86_400_000;
  join(membership, 'w1', 0);
  join(membership, 'w2', 0);
  join(membership, 'back', 0);
  lose(membership, 'back', {}, 500);
  lose(membership, 'w1', { left: true }, 1_000);
  lose(membership, 'w2', {}, 2_000);
  connect(membership, 'back', {}, day);
  assert.deepEqual(membership.apply({ type: 'evaluate' }, day + 999), []);
  assert.deepEqual(told(membership.apply({ type: 'evaluate' }, day + 1_000)), ['w1: forgotten']);
  assert.deepEqual(told(membership.apply({ type: 'evaluate' }, day + 2_000)), ['w2: forgotten']);
  assert.equal(statusOf(membership, 'back'), 'joining');
  assert.equal(membership.size, 1);
  assert.deepEqual([membership.counters.membersExpired, membership.counters.membersCrowdedOut], [2, 0]);
  assert.deepEqual(membership.counts, { joining: 1, alive: 0, suspect: 0, lost: 0, draining: 0, left: 0 });
});

test('a thousand rows of members that went stay, those that went first go; the connected do not count', () => {
  const membership = new Membership();
  for (let i = 0; i < 1_500; i += 1) join(membership, `w${i}`, 0);
  for (let i = 0; i < 1_000; i += 1) lose(membership, `w${i}`, { left: i % 2 === 0 }, i);
  connect(membership, 'w0', {}, 2_000);
  lose(membership, 'w0', {}, 2_001);
  assert.equal(membership.size, 1_500);
  assert.deepEqual(told(lose(membership, 'w1000', {}, 2_002)), ['w1000: alive → lost (disconnected)', 'w1: forgotten']);
  assert.deepEqual(told(lose(membership, 'w1001', {}, 2_003)).slice(1), ['w2: forgotten']);
  assert.equal(membership.counters.membersCrowdedOut, 2);
  assert.ok(membership.get('w0'));
  assert.equal(membership.present, 498);
});
