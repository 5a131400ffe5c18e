import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Random, seededRandom } from '../../src/base/random.js';
import { Reconnect } from '../../src/network/reconnect.js';

/** Always the same draw. */
const fixed = (value: number): Random => ({ next: () => value, fork: () => fixed(value) });
const ALMOST_ONE = 1 - 2 ** -32;

/** The ceilings of a series: what the largest draw gives, rounded. */
function ceilings(from: Reconnect, count: number): number[] {
  const delays: number[] = [];
  let backoff = from;
  for (let i = 0; i < count; i += 1) {
    const step = backoff.next(fixed(ALMOST_ONE));
    delays.push(Math.round(step.delayMs));
    backoff = step.next;
  }
  return delays;
}

test('dials that fail wait up to 100 ms, doubled each time, 3 s at most', () => {
  assert.deepEqual(ceilings(Reconnect.initial, 8), [100, 200, 400, 800, 1600, 3000, 3000, 3000]);
  assert.equal(ceilings(Reconnect.initial, 200).at(-1), 3000);
});

test('the first delay after a loss spans the window, those after it begin small and end at the window', () => {
  const lost = Reconnect.initial.lost(28_572, 60_000);
  assert.deepEqual(ceilings(lost, 4), [28_572, 200, 400, 800]);
  assert.equal(ceilings(lost, 12).at(-1), 28_572);
});

test('a loss after 30 s of stability starts anew, a flapping connection waits longer each time', () => {
  let tired = Reconnect.initial;
  for (let i = 0; i < 4; i += 1) tired = tired.next(fixed(0)).next;
  assert.deepEqual(ceilings(tired.lost(1_000, 30_000), 2), [1_000, 200]);
  assert.deepEqual(ceilings(tired.lost(1_000, 29_999), 2), [1_600, 3_000]);
  assert.deepEqual(ceilings(tired.lost(0, 0).next(fixed(0)).next.lost(0, 0), 1), [3_000]);
});

test('a leader cannot send a member away for longer than two minutes', () => {
  for (const window of [1e12, Number.POSITIVE_INFINITY, Number.NaN, -5]) {
    const [first] = ceilings(Reconnect.initial.lost(window, 60_000), 1);
    assert.ok((first as number) <= 120_000 && (first as number) >= 100, `${window}: ${first}`);
  }
});

test('the value is immutable: the same draw gives the same delay again', () => {
  const backoff = Reconnect.initial.lost(5_000, 0);
  assert.deepEqual(backoff.next(fixed(0.25)), backoff.next(fixed(0.25)));
  assert.equal(backoff.next(fixed(0.25)).delayMs, 1_250);
});

test('every delay lies between 0 and the ceiling', () => {
  const moves = fc.array(
    fc.oneof(fc.constant(undefined), fc.record({ window: fc.nat(200_000), connected: fc.nat(60_000) })),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(fc.integer(), moves, (seed, steps) => {
      const random = seededRandom(seed);
      let backoff = Reconnect.initial;
      for (const loss of steps) {
        if (loss) backoff = backoff.lost(loss.window, loss.connected);
        const step = backoff.next(random);
        assert.ok(step.delayMs >= 0 && step.delayMs < Math.max(3_000, backoff.windowMs));
        assert.ok(step.next.attempt <= 20);
        backoff = step.next;
      }
    }),
  );
});

test('ten thousand members come back evenly over the window', () => {
  const random = seededRandom(7);
  const lost = Reconnect.initial.lost(28_572, 60_000);
  const perSecond = new Array<number>(29).fill(0);
  for (let i = 0; i < 10_000; i += 1) {
    const second = Math.floor(lost.next(random).delayMs / 1_000);
    perSecond[second] = (perSecond[second] as number) + 1;
  }
  assert.ok(Math.max(...perSecond) < 450, `${Math.max(...perSecond)} in one second`);
  assert.ok(Math.min(...perSecond.slice(0, 28)) > 250, `${Math.min(...perSecond)} in one second`);
});
