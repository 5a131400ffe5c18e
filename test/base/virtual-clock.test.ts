import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/base/clock.js';
import { integer, seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';

test('time stands still until it is moved', async () => {
  const clock = new VirtualClock({ epochMs: 1000 });
  const ran: string[] = [];
  clock.setTimer(10, () => ran.push('ten'));
  await clock.advance(9.5);
  assert.deepEqual(ran, []);
  assert.equal(clock.now(), 9.5);
  assert.equal(clock.wallNow(), 1009);
  await clock.advance(0.5);
  assert.deepEqual(ran, ['ten']);
});

test('timers run in the order of their time, then of their setting', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const expected: [number, number][] = [];
  const ran: [number, number][] = [];
  for (let i = 0; i < 5000; i += 1) {
    const at = integer(random, 100);
    const timer = clock.setTimer(at, () => ran.push([at, i]));
    if (i % 3 === 0) timer.cancel();
    else expected.push([at, i]);
  }
  expected.sort(([a, i], [b, j]) => a - b || i - j);
  assert.equal(clock.pending, expected.length);
  await clock.advance(100);
  assert.deepEqual(ran, expected);
  assert.equal(clock.pending, 0);
});

test('promises settle at the instant that settled them', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const work = async () => {
    await sleep(clock, 5);
    for (let hop = 0; hop < 20; hop += 1) await null;
    seen.push(`slept at ${clock.now()}`);
    await sleep(clock, 5);
    seen.push(`slept at ${clock.now()}`);
  };
  clock.setTimer(6, () => seen.push('six'));
  const done = work();
  await clock.advance(20);
  await done;
  assert.deepEqual(seen, ['slept at 5', 'six', 'slept at 10']);
});

test('deferred calls run at the same instant, after everything that is ready', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.setTimer(5, () => {
    clock.defer(() => seen.push(`deferred at ${clock.now()}`));
    clock.setTimer(0, () => seen.push('at once'));
    void Promise.resolve().then(() => clock.setTimer(0, () => seen.push('after a promise')));
  });
  clock.setTimer(5, () => seen.push('beside'));
  const cancelled = clock.defer(() => seen.push('cancelled'));
  cancelled.cancel();
  await clock.advance(6);
  assert.deepEqual(seen, ['beside', 'at once', 'after a promise', 'deferred at 5']);
});

test('runUntil stops at the instant in which the predicate holds, and says when it never did', async () => {
  const clock = new VirtualClock();
  let count = 0;
  const tick = () => {
    count += 1;
    clock.setTimer(10, tick);
  };
  clock.setTimer(10, tick);
  assert.equal(await clock.runUntil(() => count === 3), true);
  assert.equal(clock.now(), 30);
  assert.equal(await clock.runUntil(() => count === 1000, { limitMs: 100 }), false);
  assert.equal(clock.now(), 130);
  assert.equal(await clock.runUntil(200), true);
  assert.equal(clock.now(), 200);
  assert.equal(await new VirtualClock().runUntil(() => false), false);
});

test('a node has its own wall clock and count, and can be halted', async () => {
  const clock = new VirtualClock({ epochMs: 0 });
  const a = clock.skewed(250);
  const b = clock.skewed(-250);
  const ran: string[] = [];
  a.setTimer(10, () => ran.push('a'));
  a.defer(() => ran.push('a deferred'));
  b.setTimer(10, () => ran.push('b'));
  assert.deepEqual([a.pending, b.pending, clock.pending], [2, 1, 3]);
  a.halt();
  a.halt();
  a.setTimer(1, () => ran.push('from the grave'));
  assert.deepEqual([a.pending, b.pending, clock.pending], [0, 1, 1]);
  await clock.advance(20);
  assert.deepEqual(ran, ['b']);
  assert.deepEqual([a.now(), a.wallNow(), b.wallNow()], [20, 270, -230]);
});

test('what a callback throws ends the advance; a second advance at once is refused', async () => {
  const clock = new VirtualClock();
  clock.setTimer(1, () => {
    throw new Error('boom');
  });
  const first = clock.advance(5);
  await assert.rejects(clock.advance(5), { code: 'INTERNAL' });
  await assert.rejects(first, /boom/);
  assert.equal(clock.now(), 1);
  await clock.advance(4);
  assert.equal(clock.now(), 5);
});

test('a timer that re-arms itself with no delay is found out', async () => {
  const clock = new VirtualClock();
  const again = () => void clock.setTimer(0, again);
  again();
  await assert.rejects(clock.advance(1), /stands still/);
});

test('a node whose clock drifts sees more time, or less, and its timers with it', async () => {
  const clock = new VirtualClock();
  const fast = clock.skewed(0);
  const slow = clock.skewed(0);
  await clock.advance(1000);
  fast.driftPpm = 100_000;
  slow.driftPpm = -200_000;
  const ran: string[] = [];
  fast.setTimer(1100, () => ran.push(`fast ${Math.round(clock.now())} ${Math.round(fast.now())}`));
  slow.setTimer(800, () => ran.push(`slow ${Math.round(clock.now())} ${Math.round(slow.now())}`));
  // Whatever rounding does, nothing comes too early: what waits again for the rest would wait for ever.
  let early = 0;
  for (let i = 1; i <= 1000; i += 1) {
    const from = fast.now();
    fast.setTimer(i * 0.9, () => {
      if (fast.now() - from < i * 0.9) early += 1;
    });
  }
  await clock.advance(1001);
  assert.deepEqual(ran, ['fast 2000 2100', 'slow 2000 1800']);
  assert.equal(early, 0);
  assert.equal(fast.wallNow() - clock.wallNow(), 100);
  fast.driftPpm = 0;
  await clock.advance(5000);
  assert.equal(fast.wallNow() - clock.wallNow(), 100);
  assert.throws(
    () => {
      fast.driftPpm = -1_000_000;
    },
    { code: 'INVALID_OPTION' },
  );
});
