import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { newFramedCounters } from '../../src/network/framed/counters.js';
import { ReadThrottle } from '../../src/network/framed/read-throttle.js';
import { InflationBudget } from '../../src/network/inflation-budget.js';

/**
 * A peer whose every frame inflates to 1,000 bytes too many; 2,000 at once and 1,000 a second are for nothing.
 * @param invalid instead each is refused: two bytes at once and one a second are for nothing
 */
function peer({ invalid = false } = {}) {
  const clock = new VirtualClock();
  const counters = newFramedCounters();
  const read: { readonly name: string; readonly at: number }[] = [];
  const link = {
    paused: false,
    pause: () => {
      link.paused = true;
    },
    resume: () => {
      link.paused = false;
    },
  };
  let endAt = '';
  const take = (frame: Buffer): void => {
    read.push({ name: String(frame), at: clock.now() });
    if (invalid) throttle.refused(frame.length);
    else throttle.inflated(1, 1_008);
    if (String(frame) === endAt) throttle.end();
  };
  const throttle = new ReadThrottle({
    clock,
    limits: {
      inflationBurstBytes: 2_000,
      inflationBytesPerSecond: 1_000,
      refusedBurstBytes: 2,
      refusedBytesPerSecond: 1,
    },
    counters,
    link,
    read: take,
  });
  return {
    clock,
    counters,
    link,
    read,
    throttle,
    names: () => read.map(({ name }) => name).join(''),
    endWith: (name: string) => {
      endAt = name;
    },
    receive: (names: string) => {
      for (const name of names) {
        const frame = Buffer.from(name);
        if (!throttle.hold(frame)) take(frame);
      }
    },
  };
}

test('what honest payloads inflate to costs nothing', () => {
  const budget = new InflationBudget({ inflationBurstBytes: 1, inflationBytesPerSecond: 1_000 }, 0);
  const waits = [0, 8_000, 8_001, 8_500].map((inflated) => {
    budget.spend(1_000, inflated, 0);
    return budget.waitMs(0);
  });
  assert.deepEqual(waits, [0, 0, 0, 500]);
});

test('a burst is read at once, the rest in order and as it is earned, with the socket paused meanwhile', async () => {
  const { clock, counters, link, read, receive } = peer();
  receive('abcdefg');
  assert.equal(link.paused, true);
  await clock.advance(60_000);
  const times = [0, 0, 0, 1_000, 2_000, 3_000, 4_000];
  assert.deepEqual(
    read,
    [...'abcdefg'].map((name, i) => ({ name, at: times[i] })),
  );
  assert.deepEqual([link.paused, counters.inflationPauses, clock.pending], [false, 1, 0]);
});

test('the same with frames that are refused', async () => {
  const { clock, counters, link, read, receive } = peer({ invalid: true });
  receive('abcdefg');
  assert.equal(link.paused, true);
  await clock.advance(60_000);
  assert.deepEqual(
    read.map(({ at }) => at),
    [0, 0, 0, 1_000, 2_000, 3_000, 4_000],
  );
  const { inflationPauses, refusedPauses } = counters;
  assert.deepEqual([link.paused, inflationPauses, refusedPauses, clock.pending], [false, 0, 1, 0]);
});

test('however large a frame is that is refused, the next is read after five seconds', async () => {
  const { clock, link, throttle } = peer({ invalid: true });
  throttle.refused(16 * 1024 * 1024);
  await clock.advance(4_999);
  assert.equal(link.paused, true);
  await clock.advance(1);
  assert.equal(link.paused, false);
});

test('who pauses by itself has its burst again', async () => {
  const { clock, counters, link, names, receive } = peer();
  for (let i = 0; i < 3; i += 1) {
    receive('ab');
    await clock.advance(2_000);
  }
  assert.deepEqual([names(), link.paused, counters.inflationPauses], ['ababab', false, 0]);
});

test('the end of the peer waits for what it has sent before it', async () => {
  const { clock, names, receive, throttle } = peer();
  assert.equal(
    throttle.onceRead(() => {}),
    false,
  );
  receive('abcde');
  let ended = '';
  assert.equal(
    throttle.onceRead(() => {
      ended = names();
    }),
    true,
  );
  await clock.advance(10_000);
  assert.equal(ended, 'abcde');
});

test('after the end of the connection nothing is read, and no timer is left', async () => {
  const { clock, link, names, receive, throttle } = peer();
  receive('abcde');
  throttle.end();
  assert.deepEqual([link.paused, clock.pending], [false, 0]);
  await clock.advance(10_000);
  assert.equal(names(), 'abc');
});

test('of a peer that has sent too much in vain nothing more is read', async () => {
  const { clock, link, names, receive, throttle } = peer({ invalid: true });
  receive('abcde');
  throttle.end();
  assert.deepEqual([link.paused, clock.pending], [true, 0]);
  await clock.advance(10_000);
  assert.equal(names(), 'abc');
});

test('a frame that ends the connection is the last that is read', async () => {
  const { clock, link, names, receive, endWith } = peer();
  endWith('d');
  receive('abcdefg');
  await clock.advance(10_000);
  assert.deepEqual([names(), link.paused, clock.pending], ['abcd', false, 0]);
});
