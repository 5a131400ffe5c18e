import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock, Timer } from '../../src/base/clock.js';
import { Deadline, DeadlineWheel } from '../../src/base/deadline-wheel.js';

interface Armed {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that jumps from timer to timer. */
class JumpingClock implements Clock {
  readonly armed: Set<Armed> = new Set();
  /** Timers that were set in all. */
  set = 0;
  #now = 0;

  get pending(): number {
    return this.armed.size;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.armed.add(timer);
    this.set += 1;
    return { cancel: () => void this.armed.delete(timer) };
  }

  defer(callback: () => void): Timer {
    return this.setTimer(0, callback);
  }

  /** Runs every timer that is due until `ms`, each at its time. */
  runTo(ms: number): void {
    for (;;) {
      const [next] = [...this.armed].filter(({ at }) => at <= ms).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.armed.delete(next);
      next.callback();
    }
    this.#now = Math.max(this.#now, ms);
  }

  /** The process was stopped: time passes and no timer runs. */
  stall(ms: number): void {
    this.#now += ms;
  }
}

class Noted extends Deadline {
  readonly fired: number[] = [];
  readonly #clock: Clock;
  readonly #then: () => void;

  constructor(clock: Clock, then: () => void = () => {}) {
    super();
    this.#clock = clock;
    this.#then = then;
  }

  expire(): void {
    this.fired.push(this.#clock.now());
    this.#then();
  }
}

interface Plan {
  readonly at: number;
  readonly delayMs: number;
  readonly removeAt: number | null;
  readonly item: Noted;
}

function assertFired({ at, delayMs, removeAt, item }: Plan): void {
  const due = at + delayMs;
  const removed = removeAt !== null && removeAt > at ? removeAt : Number.POSITIVE_INFINITY;
  if (removed < due) assert.deepEqual(item.fired, []);
  if (removed > due + 10) assert.equal(item.fired.length, 1);
  for (const when of item.fired) assert.ok(when >= due && when <= due + 10 + 1e-6, `${when} for ${due}`);
}

test('a deadline fires once, never early, at most a tick late', () => {
  const delayMs = fc.oneof(
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 30_000 }),
    fc.double({ min: 0, max: 6000, noNaN: true }),
  );
  const plan = fc.record({ at: fc.nat(8000), delayMs, removeAt: fc.option(fc.nat(9000)) });
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 30 }), (plans) => {
      const clock = new JumpingClock();
      const wheel = new DeadlineWheel(clock);
      const noted: Plan[] = plans.map((fields) => ({ ...fields, item: new Noted(clock) }));
      for (const { at, delayMs: delay, removeAt, item } of noted) {
        clock.setTimer(at, () => wheel.add(item, delay));
        if (removeAt !== null && removeAt > at) clock.setTimer(removeAt, () => wheel.remove(item));
      }
      clock.runTo(50_000);
      for (const one of noted) assertFired(one);
      assert.equal(wheel.size, 0);
    }),
    { numRuns: 300 },
  );
});

test('any number of deadlines need one timer, and requests in a row need no timer each', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock);
  const items = Array.from({ length: 1000 }, () => new Noted(clock));
  for (const item of items) wheel.add(item, 5000);
  assert.equal(wheel.size, 1000);
  assert.equal(clock.pending, 1);
  for (const item of items) wheel.remove(item);
  assert.equal(wheel.size, 0);
  for (const item of items) {
    wheel.add(item, 5000);
    wheel.remove(item);
  }
  assert.equal(clock.set, 1);
  wheel.clear();
  assert.equal(clock.pending, 0);
});

test('added again, a deadline moves; removed twice, it stays removed', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock);
  const item = new Noted(clock);
  wheel.add(item, 100);
  wheel.add(item, 300);
  assert.equal(wheel.size, 1);
  clock.runTo(250);
  assert.deepEqual(item.fired, []);
  clock.runTo(400);
  assert.deepEqual(item.fired, [300]);
  wheel.add(item, 100);
  wheel.remove(item);
  wheel.remove(item);
  clock.runTo(1000);
  assert.deepEqual(item.fired, [300]);
  assert.equal(clock.pending, 0);
});

test('a stalled process fires everything that is due once it runs again, and nothing else', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock);
  const due = [20, 3000, 5119, 5121, 9000].map((delayMs) => {
    const item = new Noted(clock);
    wheel.add(item, delayMs);
    return item;
  });
  const later = new Noted(clock);
  wheel.add(later, 20_000);
  clock.stall(10_000);
  clock.runTo(10_000);
  assert.deepEqual(
    due.map(({ fired }) => fired),
    due.map(() => [10_000]),
  );
  assert.deepEqual(later.fired, []);
  clock.runTo(30_000);
  assert.deepEqual(later.fired, [20_000]);
});

test('an expiring deadline may add itself and others', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock);
  const other = new Noted(clock);
  const item: Noted = new Noted(clock, () => {
    if (item.fired.length < 3) wheel.add(item, 100);
    else wheel.add(other, 0);
  });
  wheel.add(item, 100);
  clock.runTo(1000);
  assert.deepEqual(item.fired, [100, 200, 300]);
  assert.deepEqual(other.fired, [310]);
});

test('a cleared wheel fires nothing and can be used again', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock, 50);
  const item = new Noted(clock);
  wheel.add(item, 100);
  wheel.clear();
  assert.equal(wheel.size, 0);
  assert.equal(clock.pending, 0);
  clock.runTo(500);
  assert.deepEqual(item.fired, []);
  wheel.add(item, 70);
  clock.runTo(1000);
  assert.deepEqual(item.fired, [600]);
});

test('a deadline that another one ends in the same tick does not fire', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock);
  const items: Noted[] = [];
  for (let i = 0; i < 2; i += 1) {
    const other = 1 - i;
    items.push(new Noted(clock, () => wheel.remove(items[other] as Noted)));
  }
  for (const item of items) wheel.add(item, 100);
  clock.runTo(1000);
  assert.equal(items.flatMap(({ fired }) => fired).length, 1);
  assert.ok(items.every(({ armed }) => !armed));
});

test('one that throws keeps nobody else from firing', () => {
  const clock = new JumpingClock();
  const wheel = new DeadlineWheel(clock);
  const items = [0, 1, 2].map((i) => {
    return new Noted(clock, () => {
      if (i === 1) throw new Error('the middle one');
    });
  });
  for (const item of items) wheel.add(item, 100);
  assert.throws(() => clock.runTo(1000), /the middle one/);
  assert.deepEqual(
    items.map(({ fired }) => fired.length),
    [1, 1, 1],
  );
});
