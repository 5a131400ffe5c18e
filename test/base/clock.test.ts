import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, SystemClock, sleep, type Timer } from '../../src/base/clock.js';
import { deferred } from '../../src/base/deferred.js';
import { assertNothingLeft } from '../leaks.js';

const clock = new SystemClock();
assertNothingLeft(clock);

test('a timer runs once, and counts as pending until then', async () => {
  const ran = deferred();
  let calls = 0;
  const timer = clock.setTimer(1, () => {
    calls += 1;
    ran.resolve();
  });
  assert.equal(clock.pending, 1);
  await ran.promise;
  assert.equal(clock.pending, 0);
  timer.cancel();
  assert.equal(clock.pending, 0);
  assert.equal(calls, 1);
});

test('a cancelled timer or deferred call does not run, however often it is cancelled', async () => {
  const calls: string[] = [];
  const timers = [clock.setTimer(0, () => calls.push('timer')), clock.defer(() => calls.push('deferred'))];
  assert.equal(clock.pending, 2);
  for (const timer of [...timers, ...timers]) timer.cancel();
  assert.equal(clock.pending, 0);
  await sleep(clock, 5);
  assert.deepEqual(calls, []);
});

test('a deferred call comes after the promises of this turn', async () => {
  const order: string[] = [];
  const done = deferred();
  clock.defer(() => {
    order.push('deferred');
    done.resolve();
  });
  void Promise.resolve().then(() => order.push('promise'));
  await done.promise;
  assert.deepEqual(order, ['promise', 'deferred']);
});

test('time goes on monotonically, and delays that no timer can take are shortened, not run at once', async () => {
  const before = clock.now();
  let ran = false;
  const never = clock.setTimer(2 ** 40, () => {
    ran = true;
  });
  const past = deferred();
  clock.setTimer(-5, () => past.resolve());
  await past.promise;
  assert.ok(clock.now() >= before);
  assert.equal(ran, false);
  never.cancel();
  assert.ok(clock.wallNow() > Date.UTC(2024, 0));
});

test('a sleep ends as soon as its signal aborts, with the reason', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const sleeping = sleep(clock, 60_000, controller.signal);
  assert.equal(clock.pending, 1);
  controller.abort(reason);
  await assert.rejects(sleeping, reason);
  assert.equal(clock.pending, 0);
  await assert.rejects(sleep(clock, 60_000, controller.signal), reason);
  assert.equal(clock.pending, 0);
});

test('a sleep that ended leaves no listener on its signal', async () => {
  const signal = new AbortController().signal;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  const timers: (() => void)[] = [];
  const fake: Clock = {
    now: () => 0,
    wallNow: () => 0,
    pending: 0,
    setTimer(_delayMs: number, callback: () => void): Timer {
      timers.push(callback);
      return { cancel: () => {} };
    },
    defer: (callback: () => void): Timer => fake.setTimer(0, callback),
  };
  const sleeping = sleep(fake, 10, signal);
  assert.equal(listeners, 1);
  for (const run of timers) run();
  await sleeping;
  assert.equal(listeners, 0);
});
