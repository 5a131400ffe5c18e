import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../src/traffic/token-bucket.js';

test('known answers: a burst at once, then what comes back', () => {
  const bucket = new TokenBucket({ burst: 100, perSecond: 50 }, 1_000);
  const waits: number[] = [];
  const spend = (amount: number, now: number): void => {
    bucket.spend(amount, now);
    waits.push(bucket.waitMs(now));
  };
  spend(100, 1_000);
  spend(1, 1_000);
  spend(10, 1_100);
  spend(0, 1_220);
  spend(0, 60_000);
  spend(150, 60_000);
  assert.deepEqual(waits, [0, 20, 120, 0, 0, 1_000]);
});

test('whoever waits as it is told spends no more than the burst, the rate and one overdraft', () => {
  const step = fc.record({ amount: fc.integer({ min: 0, max: 500 }), pauseMs: fc.integer({ min: 0, max: 5_000 }) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.array(step),
      (burst, perSecond, steps) => {
        const bucket = new TokenBucket({ burst, perSecond }, 0);
        let now = 0;
        let spent = 0;
        for (const { amount, pauseMs } of steps) {
          now += pauseMs + bucket.waitMs(now + pauseMs);
          bucket.spend(amount, now);
          spent += amount;
          assert.ok(spent <= burst + (perSecond * now) / 1_000 + 500 + 1e-6);
        }
      },
    ),
  );
});

test('it agrees with a model that counts every millisecond', () => {
  const step = fc.record({ amount: fc.integer({ min: 0, max: 300 }), pauseMs: fc.integer({ min: 0, max: 300 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const bucket = new TokenBucket({ burst: 200, perSecond: 1_000 }, 0);
      let level = 200;
      let now = 0;
      for (const { amount, pauseMs } of steps) {
        for (let i = 0; i < pauseMs; i += 1) level = Math.min(200, level + 1);
        now += pauseMs;
        bucket.spend(amount, now);
        level -= amount;
        assert.equal(Math.round(bucket.waitMs(now)), Math.max(0, -level));
      }
    }),
  );
});
