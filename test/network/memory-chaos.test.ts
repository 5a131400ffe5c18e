import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.js';
import type { Fault } from '../../src/network/memory/fault.js';
import { drawLatency, type Latency } from '../../src/network/memory/latency.js';
import { randomSchedule } from '../../src/network/memory/random-schedule.js';
import { assertNothingLeft } from '../leaks.js';
import { makeLab } from './memory-lab.js';

assertNothingLeft();

/** Two stations that are connected. */
async function pair(options: Parameters<typeof makeLab>[0] = {}) {
  const lab = makeLab(options);
  const a = await lab.station('a');
  const b = await lab.station('b', { dial: 'a' });
  await lab.clock.advance(10);
  return { ...lab, a, b };
}

test('latencies have the median, the spread and the bounds of their distribution', () => {
  const of = (latency: Latency) => {
    const random = seededRandom(3);
    const drawn = Array.from({ length: 20_000 }, () => drawLatency(latency, random)).sort((x, y) => x - y);
    const at = (share: number) => drawn[Math.floor(share * drawn.length)] as number;
    return { low: at(0), p16: at(0.1587), median: at(0.5), p84: at(0.8413), high: at(0.9999) };
  };
  const near = (value: number, expected: number) => assert.ok(Math.abs(value - expected) < 0.05 * expected, `${value}`);
  assert.deepEqual(of({ kind: 'fixed', ms: 7 }), { low: 7, p16: 7, median: 7, p84: 7, high: 7 });
  const even = of({ kind: 'uniform', minMs: 10, maxMs: 30 });
  near(even.median, 20);
  assert.ok(even.low >= 10 && even.high < 30);
  const normal = of({ kind: 'normal', meanMs: 50, deviationMs: 10 });
  for (const [value, expected] of [
    [normal.p16, 40],
    [normal.median, 50],
    [normal.p84, 60],
  ] as const) {
    near(value, expected);
  }
  assert.equal(of({ kind: 'normal', meanMs: 1, deviationMs: 100 }).low, 0, 'nothing arrives before it was sent');
  const skew = of({ kind: 'log-normal', medianMs: 20, sigma: 0.5 });
  near(skew.median, 20);
  near(skew.p84, 20 * Math.exp(0.5));
  // The median of Pareto's is minMs * 2^(1/shape).
  const tail = of({ kind: 'pareto', minMs: 5, shape: 2 });
  near(tail.median, 5 * Math.SQRT2);
  assert.ok(tail.low >= 5 && tail.high > 100);
  assert.equal(of({ kind: 'pareto', minMs: 1000, shape: 0.01 }).high, 3_600_000, 'a tail has an end');
  const list = of({ kind: 'list', ms: [1, 2, 300] });
  assert.deepEqual([list.low, list.median, list.high], [1, 2, 300]);
});

test('a latency takes the place of a simple delay, and the other way round', async () => {
  const { clock, hub, a, b } = await pair();
  hub.setFaults({ latency: { kind: 'list', ms: [40] } });
  b.network.send(b.make({ payload: 1 }));
  await clock.advance(39);
  assert.deepEqual(a.payloads(), []);
  await clock.advance(1);
  assert.deepEqual(a.payloads(), [1]);
  hub.setFaults({ baseDelayMs: 2 });
  b.network.send(b.make({ payload: 2 }));
  await clock.advance(2);
  assert.deepEqual(a.payloads(), [1, 2]);
  for (const latency of [
    { kind: 'list', ms: [] },
    { kind: 'uniform', minMs: 9, maxMs: 3 },
    { kind: 'pareto', minMs: 1, shape: 0 },
    { kind: 'gamma' } as unknown as Latency,
  ] as const) {
    assert.throws(() => hub.setFaults({ latency }), { code: 'INVALID_OPTION', message: /latency/ });
  }
});

test('bandwidth: bytes leave one after the other, whichever connection they are of', async () => {
  const { clock, hub, a, b } = await pair({ faults: { baseDelayMs: 0 } });
  hub.setFaults({ bytesPerSecond: 1000 });
  const payload = 'x'.repeat(500);
  const sent = [1, 2, 3].map(() => b.make({ payload }));
  for (const message of sent) b.network.send(message);
  const bytes = (b.network.peers.get('a')?.traffic.bytesOut ?? 0) / 3;
  await clock.advance(bytes - 1);
  assert.equal(a.received.length, 0);
  await clock.advance(bytes);
  assert.equal(a.received.length, 1);
  await clock.advance(bytes + 2);
  assert.equal(a.received.length, 3);
  // An idle link has saved nothing up.
  await clock.advance(10_000);
  b.network.send(b.make({ payload }));
  await clock.advance(bytes - 1);
  assert.equal(a.received.length, 3);
});

for (const codec of ['json', 'msgpack'] as const) {
  test(`${codec}: damaged frames are refused by the decoder, end the connection, and nothing of them is delivered`, async () => {
    const { clock, hub, a, b } = await pair({ codec });
    hub.setFaults({ corruptRate: 1 });
    for (let i = 0; i < 200; i += 1) {
      b.network.send(b.make({ payload: { text: 'a payload that would survive most damage', i } }));
      await clock.advance(4000);
    }
    assert.deepEqual(a.payloads(), []);
    const { framingErrors = 0, invalidMessages = 0 } = a.network.counters;
    assert.equal(
      framingErrors + invalidMessages,
      hub.events().filter(({ what, to }) => what === 'corrupt' && to === 'a').length,
    );
    assert.ok(framingErrors > 50, `${framingErrors}`);
    assert.ok(a.events.some((event) => event.type === 'disconnected' && event.error.code === 'DESERIALIZATION'));
    hub.setFaults({ corruptRate: 0 });
    await clock.advance(60_000);
    b.network.send(b.make({ payload: 'whole' }));
    await clock.advance(10);
    assert.deepEqual(a.payloads(), ['whole']);
  });
}

test('rules act on the messages that match, as often as they were told', async () => {
  const { clock, hub, a, b } = await pair();
  const lost = hub.when({ type: 'test', from: 'b', to: 'a', kind: 'event' }).after(1).times(2).drop();
  const slow = hub.when({ where: ({ payload }) => payload === 5 }).delay(100);
  hub
    .when({ where: ({ payload }) => payload === 6 })
    .once()
    .duplicate();
  hub.when({ from: 'a' }).drop();
  for (let i = 1; i <= 7; i += 1) b.network.send(b.make({ payload: i }));
  a.network.send(a.make({ to: 'b', payload: 'never' }));
  await clock.advance(50);
  assert.deepEqual(a.payloads(), [1, 4, 6, 6, 7]);
  await clock.advance(100);
  assert.deepEqual(a.payloads(), [1, 4, 6, 6, 7, 5]);
  assert.deepEqual(b.payloads(), []);
  assert.deepEqual([lost.hits, lost.over, slow.hits, slow.over], [2, true, 1, false]);

  slow[Symbol.dispose]();
  hub.when({ where: ({ payload }) => payload === 8 }).pass();
  hub.when().once().corrupt();
  for (const payload of [5, 8]) b.network.send(b.make({ payload }));
  await clock.advance(1);
  assert.equal(a.network.counters['framingErrors'] ?? 0, 1, 'the first rule that is about a message decides');
  assert.throws(() => hub.when().times(-1), { code: 'INVALID_OPTION' });
  assert.throws(() => hub.when().delay(Number.NaN), { code: 'INVALID_OPTION' });
});

test('rules have a bound', () => {
  const { hub } = makeLab();
  const rules = Array.from({ length: 1000 }, () => hub.when().drop());
  assert.throws(() => hub.when().drop(), { code: 'INVALID_OPTION', message: /1000/ });
  rules[0]?.[Symbol.dispose]();
  hub.when().drop();
});

test('a partition that rejects tells senders and who dials; a failed node likewise', async () => {
  const { clock, hub, a, b, station } = await pair();
  hub.partition('a', 'b', { reject: true, oneWay: true });
  assert.equal(a.network.send(a.make({ to: 'b' })), 'PARTITIONED');
  assert.equal(b.network.send(b.make({ payload: 'up' })), 'queued');
  hub.healPartition('a', 'b', { oneWay: true });
  hub.failNode('b', { reject: true });
  assert.equal(a.network.send(a.make({ to: 'b' })), 'NODE_FAILED');
  assert.equal(b.network.send(b.make({})), 'NODE_FAILED');
  assert.equal(a.network.counters['barred'], 2);
  hub.partition('c', 'a', { reject: true });
  const [c, d] = [await station('c', { dial: 'a' }), await station('d', { dial: 'b' })];
  await clock.advance(10);
  assert.deepEqual(c.story(), ['unreachable PARTITIONED']);
  assert.deepEqual(d.story(), ['unreachable NODE_FAILED']);
  hub.healPartition('c', 'a');
  hub.recoverNode('b');
  await clock.advance(3000);
  assert.equal(c.story().at(-1), 'connected a');
  assert.deepEqual(a.payloads(), ['up']);
});

test('groups do not hear one another, whoever comes later; one way if told', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const [b, c] = [await station('b', { dial: 'a' }), await station('c', { dial: 'a' })];
  await clock.advance(10);
  hub.partitionGroups([['a', 'c'], ['b']]);
  b.network.send(b.make({ payload: 'b' }));
  c.network.send(c.make({ payload: 'c' }));
  await clock.advance(100);
  assert.deepEqual(a.payloads(), ['c']);
  hub.partitionGroups([['b'], ['a']], { oneWay: true });
  a.network.send(a.make({ to: 'b', payload: 'down' }));
  await clock.advance(100);
  assert.deepEqual([a.payloads(), b.payloads()], [['c'], ['down']]);
  hub.partitionGroups([]);
  await clock.advance(10);
  assert.deepEqual(a.payloads(), ['c', 'b']);
  assert.throws(() => hub.partitionGroups([['a']]), { code: 'INVALID_OPTION' });
  assert.throws(() => hub.partitionGroups([['a'], ['a']]), { code: 'INVALID_OPTION', message: /a is in two/ });
});

test('injected faults lie over one another and over what stands, and each ends by itself', async () => {
  const { clock, hub, a, b } = await pair();
  const passes = async () => {
    const before = a.received.length;
    b.network.send(b.make({}));
    await clock.advance(1);
    return a.received.length > before;
  };
  const partition: Fault = { kind: 'partition', between: ['a', 'b'] };
  hub.inject(partition, { forMs: 1000 }).end();
  assert.equal(clock.pending, 0, 'what is over leaves no timer');
  hub.inject(partition, { forMs: 100 });
  const second = hub.inject(partition);
  hub.healPartition('a', 'b');
  assert.equal(await passes(), false, 'what was injected ends with its time, not with another verb');
  await clock.advance(100);
  assert.equal(await passes(), false);
  second.end();
  second.end();
  await clock.advance(1);
  assert.equal(await passes(), true);

  const loss = hub.inject({ kind: 'faults', faults: { dropRate: 1 }, from: 'b' });
  const slow = hub.inject({ kind: 'faults', faults: { baseDelayMs: 50 } });
  assert.equal(await passes(), false);
  loss.end();
  assert.equal(await passes(), false);
  slow.end();
  await clock.advance(50);
  assert.equal(await passes(), true);
  for (const fault of [
    { kind: 'partition', between: ['a'] },
    { kind: 'fail', node: '' },
    { kind: 'faults', faults: { dropRate: 2 } },
    { kind: 'clock', node: 'a', driftPpm: 1e9 },
    { kind: 'meteor' },
  ]) {
    assert.throws(() => hub.inject(fault as unknown as Fault), { code: 'INVALID_OPTION' });
  }
});

test('a schedule begins each fault at its time; calm ends everything', async () => {
  const { clock, hub, a, b } = await pair();
  const heard = async (atMs: number) => {
    await clock.runUntil(atMs);
    const before = a.received.length;
    b.network.send(b.make({}));
    await clock.advance(1);
    return a.received.length - before;
  };
  const start = clock.now();
  hub.schedule([
    { at: 100, forMs: 50, fault: { kind: 'fail', node: 'b' } },
    { at: 300, fault: { kind: 'faults', faults: { duplicateRate: 1, baseDelayMs: 0 } } },
    { at: 500, fault: { kind: 'split', groups: [['a'], ['b']] } },
    { at: 10_000, fault: { kind: 'crash', node: 'b' } },
  ]);
  assert.equal(await heard(start + 50), 1);
  assert.equal(await heard(start + 120), 0);
  assert.equal(await heard(start + 200), 1);
  assert.equal(await heard(start + 400), 2);
  assert.equal(await heard(start + 600), 0);
  hub.calm();
  await clock.advance(1);
  assert.equal(await heard(start + 700), 1);
  assert.equal(clock.pending, 0);
  assert.throws(() => hub.schedule([{ at: -1, fault: { kind: 'fail', node: 'b' } }]), { code: 'INVALID_OPTION' });
  const plan = hub.schedule([{ at: 10, fault: { kind: 'fail', node: 'b' } }]);
  plan[Symbol.dispose]();
  assert.equal(clock.pending, 0);
  const many = Array.from({ length: 10_001 }, () => ({ at: 1, fault: { kind: 'fail', node: 'b' } as const }));
  assert.throws(() => hub.schedule(many), { code: 'INVALID_OPTION', message: /10000/ });
});

test('as many faults as may be scheduled may go on at once', async () => {
  const { clock, hub } = await pair();
  const fault = { kind: 'faults', faults: { baseDelayMs: 1 } } as const;
  hub.schedule(Array.from({ length: 10_000 }, () => ({ at: 1, forMs: 50, fault })));
  await clock.advance(10);
  assert.throws(() => hub.inject(fault), { code: 'INVALID_OPTION', message: /10000/ });
  await clock.advance(50);
  hub.inject(fault, { forMs: 5 }).end();
  assert.equal(clock.pending, 0);
});

test('a hosted program dies with its clock and starts again, on the same machine', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const beats: string[] = [];
  hub.host('w', ({ generation, clock: own, random, factory }) => {
    const beat = () => {
      beats.push(`${generation} ${own.wallNow() - clock.wallNow()}`);
      own.setTimer(1000, beat);
    };
    beat();
    assert.ok(random.next() >= 0 && factory);
    void hub.node('w', { dial: 'a' }).start();
  });
  await clock.advance(1500);
  hub.inject({ kind: 'clock', node: 'w', skewMs: 70 });
  hub.inject({ kind: 'crash', node: 'w' }, { forMs: 5000 });
  hub.inject({ kind: 'crash', node: 'w' }, { forMs: 2000 });
  await clock.advance(4900);
  assert.deepEqual(beats, ['1 0', '1 0']);
  await clock.advance(200);
  assert.deepEqual(beats, ['1 0', '1 0', '2 70']);
  hub.restart('w');
  await clock.advance(10);
  assert.deepEqual(beats.slice(3), ['3 70']);
  assert.deepEqual(a.story().slice(-2), ['disconnected w lost', 'connected w']);
  assert.throws(() => hub.host('w', () => {}), { code: 'INVALID_OPTION' });
  assert.throws(() => hub.restart('nobody'), { code: 'INVALID_OPTION', message: /nobody/ });
});

test('a hosted program that rejects is heard of where time is moved', async () => {
  const { clock, hub } = makeLab();
  hub.host('w', () => Promise.reject(new Error('no configuration')));
  await assert.rejects(clock.advance(1), /no configuration/);
});

test("one link's fate does not depend on what happens on another, nor on another kind of fault", async () => {
  const fates = async (more: boolean, duplicateRate: number) => {
    const { clock, hub, station } = makeLab({ seed: 5 });
    const a = await station('a');
    const b = await station('b', { dial: 'a' });
    const c = more ? await station('c', { dial: 'a' }) : undefined;
    await clock.advance(20);
    hub.setFaults({ dropRate: 0.5, duplicateRate, jitter: 1 });
    for (let i = 0; i < 100; i += 1) {
      b.network.send(b.make({ payload: i }));
      c?.network.send(c.make({ payload: 'c' }));
      await clock.advance(5);
    }
    const numbers = a.payloads().filter((payload): payload is number => typeof payload === 'number');
    return [...new Set(numbers)].sort((x, y) => x - y);
  };
  const alone = await fates(false, 0);
  assert.ok(alone.length > 30 && alone.length < 70);
  assert.deepEqual(await fates(true, 0), alone);
  assert.deepEqual(await fates(false, 0.5), alone);
});

test('a random schedule is the same for the same seed, and one more fault leaves the others', () => {
  const options = {
    nodes: ['a', 'b', 'c'],
    durationMs: 5000,
    kinds: ['partition', 'split', 'fail', 'crash', 'faults', 'clock'],
  } as const;
  const draw = (seed: number, count: number) => randomSchedule(seededRandom(seed), { ...options, count });
  assert.deepEqual(draw(1, 20), draw(1, 20));
  assert.notDeepEqual(draw(1, 20), draw(2, 20));
  const more = draw(1, 21);
  for (const fault of draw(1, 20)) assert.ok(more.some((other) => JSON.stringify(other) === JSON.stringify(fault)));
  const { hub } = makeLab();
  const all = Array.from({ length: 50 }, (_, seed) => draw(seed, 20)).flat();
  hub.schedule(all);
  assert.deepEqual(JSON.parse(JSON.stringify(all)), all, 'it can be saved');
  assert.equal(new Set(all.map(({ fault }) => fault.kind)).size, 6);
  hub.calm();
  assert.throws(() => randomSchedule(seededRandom(1), { nodes: [], durationMs: 1 }), { code: 'INVALID_OPTION' });
});
