import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkFaults } from '../../src/network/memory/options.js';
import { assertNothingLeft } from '../leaks.js';
import { makeLab } from './memory-lab.js';

assertNothingLeft();

/** Sends numbered events from b to a under the given faults; what arrived, and the lab. */
async function flood(faults: Partial<LinkFaults>, count: number, seed = 1) {
  const lab = makeLab({ seed });
  const { clock, hub, station } = lab;
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  hub.setFaults(faults);
  for (let i = 0; i < count; i += 1) {
    b.network.send(b.make({ payload: i }));
    await clock.advance(1);
  }
  await clock.advance(1000);
  return { ...lab, a, b, arrived: a.payloads() as number[] };
}

test('partition: nothing passes, nobody is told; what waited arrives in order after it', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  hub.partition('a', 'b');
  for (let i = 0; i < 5; i += 1) b.network.send(b.make({ payload: i }));
  a.network.send(a.make({ to: 'b', payload: 'x' }));
  await clock.advance(60_000);
  assert.deepEqual([a.payloads(), b.payloads()], [[], []]);
  assert.deepEqual([a.events.length, b.events.length], [1, 1]);
  hub.healPartition('a', 'b');
  await clock.advance(10);
  assert.deepEqual([a.payloads(), b.payloads()], [[0, 1, 2, 3, 4], ['x']]);
});

test('a one-way partition lets the other way through', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  hub.partition('b', 'a', { oneWay: true });
  b.network.send(b.make({ payload: 'up' }));
  a.network.send(a.make({ to: 'b', payload: 'down' }));
  await clock.advance(1000);
  assert.deepEqual([a.payloads(), b.payloads()], [[], ['down']]);
  const late = await station('c', { dial: 'a' });
  hub.partition('c', 'a', { oneWay: true });
  await clock.advance(10_000);
  assert.ok(late.story().length > 1 && late.story().every((line) => line === 'unreachable CONNECTION_FAILED'));
  hub.healPartition('c', 'a', { oneWay: true });
  await clock.advance(10_000);
  assert.equal(late.story().at(-1), 'connected a');
});

test('a crash behind a partition is learnt of when it heals', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  await station('b', { dial: 'a' });
  await clock.advance(10);
  hub.partition('a', 'b');
  hub.crash('b');
  await clock.advance(10_000);
  assert.deepEqual(a.story(), ['connected b']);
  hub.healPartition('a', 'b');
  await clock.advance(10);
  assert.deepEqual(a.story(), ['connected b', 'disconnected b lost']);
});

test('a failed node neither hears nor is heard, until it recovers', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  const c = await station('c', { dial: 'a' });
  await clock.advance(10);
  hub.failNode('b');
  b.network.send(b.make({ payload: 'b' }));
  c.network.send(c.make({ payload: 'c' }));
  await clock.advance(5000);
  assert.deepEqual(a.payloads(), ['c']);
  hub.recoverNode('b');
  await clock.advance(10);
  assert.deepEqual(a.payloads(), ['c', 'b']);
  assert.deepEqual(b.story(), ['connected a']);
});

test('drops lose some and keep the order of the rest; requests and answers are lost separately', async () => {
  const { arrived } = await flood({ dropRate: 0.3 }, 500);
  assert.ok(arrived.length > 300 && arrived.length < 400, `${arrived.length} of 500`);
  assert.deepEqual(
    arrived,
    [...arrived].sort((x, y) => x - y),
  );

  const { clock, hub, station } = makeLab({ faults: { requestDropRate: 1 } });
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  b.network.send(b.make({ kind: 'request', payload: 'request' }));
  b.network.send(b.make({ kind: 'response', re: 'x', payload: 'response' }));
  b.network.send(b.make({ kind: 'event', payload: 'event' }));
  hub.setFaults({ requestDropRate: 0, responseDropRate: 1 });
  b.network.send(b.make({ kind: 'error', re: 'x', payload: 'error' }));
  await clock.advance(10);
  assert.deepEqual(a.payloads(), ['response', 'event']);
});

test('duplicates arrive twice, reordered ones late, and nothing is lost by either', async () => {
  const twice = await flood({ duplicateRate: 0.5 }, 300);
  const counts = twice.arrived.length;
  assert.ok(counts > 400 && counts < 500, `${counts} of 300`);
  assert.equal(new Set(twice.arrived).size, 300);

  const mixed = await flood({ reorderRate: 0.2, baseDelayMs: 5 }, 300);
  assert.equal(mixed.arrived.length, 300);
  const sorted = [...mixed.arrived].sort((x, y) => x - y);
  assert.equal(new Set(mixed.arrived).size, 300);
  assert.notDeepEqual(mixed.arrived, sorted);
});

test('a link has faults of its own until they are taken away', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  const c = await station('c', { dial: 'a' });
  await clock.advance(10);
  hub.setLinkFaults('b', 'a', { dropRate: 1, oneWay: true });
  for (const node of [b, c]) node.network.send(node.make({ payload: node.network.self }));
  a.network.send(a.make({ to: 'b', payload: 'back' }));
  await clock.advance(10);
  assert.deepEqual([a.payloads(), b.payloads()], [['c'], ['back']]);
  hub.setLinkFaults('b', 'a', undefined);
  b.network.send(b.make({ payload: 'b' }));
  await clock.advance(10);
  assert.deepEqual(a.payloads(), ['c', 'b']);
});

test('a fault outside of its range is refused by name', () => {
  const { hub } = makeLab();
  assert.throws(() => hub.setFaults({ dropRate: 1.5 }), { code: 'INVALID_OPTION', message: /dropRate: 1.5/ });
  assert.throws(() => hub.setFaults({ baseDelayMs: -1 }), { code: 'INVALID_OPTION', message: /baseDelayMs/ });
  assert.throws(() => hub.setFaults({ requestDropRate: Number.NaN }), { code: 'INVALID_OPTION' });
});

test('a peer that does not take its messages is congested, then refused, and drains', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  hub.partition('a', 'b');
  const payload = 'x'.repeat(512 * 1024);
  const outcomes: string[] = [];
  for (let i = 0; i < 20; i += 1) outcomes.push(b.network.send(b.make({ payload })));
  assert.equal(b.story().length, 1, 'not told inside send');
  await clock.advance(10);
  assert.deepEqual(new Set(outcomes), new Set(['queued', 'BACKPRESSURE']));
  assert.equal(outcomes.indexOf('BACKPRESSURE'), 15);
  assert.deepEqual(b.story(), ['connected a', 'congested a']);
  hub.healPartition('a', 'b');
  await clock.advance(10);
  assert.deepEqual(b.story(), ['connected a', 'congested a', 'drained a']);
  assert.equal(a.received.length, 15);
});

test('a stop behind a partition gives up after its grace; the other side is not told left', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  hub.partition('a', 'b');
  const stopped = b.network.stop({ graceMs: 500 });
  let over = false;
  void stopped.then(() => {
    over = true;
  });
  await clock.advance(499);
  assert.equal(over, false);
  await clock.advance(1);
  assert.equal(over, true);
  hub.healPartition('a', 'b');
  await clock.advance(10);
  assert.deepEqual(a.story(), ['connected b', 'disconnected b lost']);
  assert.equal(clock.pending, 0);
});

test('the same seed gives the same history, another seed another', async () => {
  const faults = { baseDelayMs: 4, jitter: 0.8, dropRate: 0.1, duplicateRate: 0.1, reorderRate: 0.1 };
  const [one, same, other] = [await flood(faults, 100, 7), await flood(faults, 100, 7), await flood(faults, 100, 8)];
  assert.equal(one.hub.digest(), same.hub.digest());
  assert.deepEqual(one.hub.trace(), same.hub.trace());
  assert.notEqual(one.hub.digest(), other.hub.digest());
  assert.match(one.hub.digest(), /^[0-9a-f]{16}$/);
});

test('the digest covers what the trace has forgotten', async () => {
  const digests = ['x', 'y'].map((first) => {
    const { hub } = makeLab({ historySize: 3 });
    for (const text of [first, 'b', 'c', 'd']) hub.note('test', text);
    assert.equal(hub.eventCount, 4);
    assert.deepEqual(
      hub.trace().map((line) => line.trim().split(/\s+/).at(-1)),
      ['b', 'c', 'd'],
    );
    return hub.digest();
  });
  assert.notEqual(digests[0], digests[1]);
});
