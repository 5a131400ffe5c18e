import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ERROR_CODES, NetworkError } from '../../../src/base/errors.js';
import { seededRandom } from '../../../src/base/random.js';
import { grownMs, jitteredMs } from '../../../src/network/reliable/backoff.js';
import { ClientThrottle, refusalShare } from '../../../src/network/reliable/client-throttle.js';
import { Latency, weightOf } from '../../../src/network/reliable/latency.js';
import { isTransient, outcomeOf } from '../../../src/network/reliable/policy.js';
import { RetryBudget } from '../../../src/network/reliable/retry-budget.js';
import { RollingCounts } from '../../../src/network/reliable/rolling-counts.js';

describe('backoff', () => {
  it('grows as the seed says', () => {
    const growth = { initialMs: 1000, multiplier: 2, maxMs: 10_000 };
    const timeouts = [0, 1, 2, 3, 4, 5, 100].map((k) => grownMs(growth, k));
    assert.deepEqual(timeouts, [1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    assert.deepEqual(
      [0, 1, 9].map((k) => grownMs({ initialMs: 50, multiplier: 1, maxMs: 10 }, k)),
      [10, 10, 10],
    );
  });

  it('waits anywhere from nothing to the ceiling, and evenly', () => {
    const random = seededRandom(1);
    const tenths = new Array(10).fill(0);
    for (let i = 0; i < 10_000; i += 1) tenths[Math.floor(jitteredMs(random, 400) / 40)] += 1;
    assert.equal(tenths.length, 10);
    for (const count of tenths) assert.ok(count > 850 && count < 1150, String(tenths));
  });
});

describe('client throttle', () => {
  it('knows the shares of the book', () => {
    assert.equal(refusalShare(100, 50, 2), 0);
    assert.equal(refusalShare(100, 25, 2).toFixed(4), '0.4950');
    assert.equal(refusalShare(100, 0, 2).toFixed(4), '0.9901');
    assert.equal(refusalShare(0, 0, 2), 0);
  });

  it('sends about twice what a peer accepts, and all of it once the window is over', () => {
    const random = seededRandom(3);
    const throttle = new ClientThrottle({ windowMs: 120_000, factor: 2 });
    let sent = 0;
    let accepted = 0;
    for (let now = 0; now < 120_000; now += 10) {
      if (throttle.refuses(random, now)) continue;
      sent += 1;
      const accepts = now % 100 === 0;
      if (accepts) accepted += 1;
      throttle.ended(accepts, now);
    }
    // Only a tenth of what is sent is accepted, so very little may be sent.
    assert.ok(sent < 3000 && sent > 2 * accepted, `${sent} sent, ${accepted} accepted`);
    assert.equal(throttle.refuses(random, 400_000), false);
  });
});

describe('latency', () => {
  it('weighs by the time between samples', () => {
    assert.equal(weightOf(1, 10).toFixed(5), '0.09516');
    assert.equal(weightOf(0, 10), 0);
    const latency = new Latency();
    assert.equal(latency.valueMs(0), 0.1);
    latency.observe(100, 0);
    assert.equal(latency.valueMs(0), 100);
    latency.observe(200, 1000);
    assert.equal(latency.valueMs(1000).toFixed(3), '109.516');
  });

  it('forgets what it does not hear of', () => {
    const latency = new Latency();
    latency.observe(1000, 0);
    assert.ok(Math.abs(latency.valueMs(10_000) - 1000 / Math.E) < 1e-9);
    assert.equal(latency.valueMs(1e9), 0.1);
  });
});

describe('retry budget', () => {
  it('allows ten, then one for ten requests', () => {
    const budget = new RetryBudget({ ratio: 0.1, reserve: 10, perSecond: 0 }, 0);
    let retries = 0;
    const spend = () => {
      while (budget.take(0)) retries += 1;
    };
    spend();
    assert.equal(retries, 10);
    for (let request = 0; request < 100; request += 1) {
      budget.earn();
      spend();
    }
    assert.equal(retries, 20);
    for (let request = 0; request < 1000; request += 1) budget.earn();
    assert.equal(budget.available(0), 10);
  });

  it('allows one a second to those who ask seldom', () => {
    const budget = new RetryBudget({ ratio: 0, reserve: 2, perSecond: 1 }, 0);
    assert.deepEqual([budget.take(0), budget.take(0), budget.take(0)], [true, true, false]);
    assert.deepEqual([budget.take(999), budget.take(1000), budget.take(1500)], [false, true, false]);
    assert.equal(budget.available(60_000), 2);
  });

  it('never allows more than reserve + ratio * requests + rate * time, over any span', () => {
    const step = fc.record({ wait: fc.nat(2000), retry: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.constantFrom(0, 0.1, 0.25, 1),
        fc.integer({ min: 0, max: 5 }),
        fc.constantFrom(0, 0.5, 3),
        (steps, ratio, reserve, perSecond) => {
          const budget = new RetryBudget({ ratio, reserve, perSecond }, 0);
          const log: Made[] = [];
          let now = 0;
          for (const { wait, retry } of steps) {
            now += wait;
            if (!retry) budget.earn();
            if (!retry || budget.take(now)) log.push({ at: now, retry });
          }
          const most = (requests: number, ms: number) => reserve + ratio * requests + (perSecond * ms) / 1000;
          for (let from = 0; from < log.length; from += 1) checkSpan(log.slice(from), most);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('rolling counts', () => {
  it('agree with a list of everything', () => {
    const step = fc.record({ wait: fc.nat(700), failed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counts = new RollingCounts(1000);
        const all: { bucket: number; failed: boolean }[] = [];
        let now = 0;
        for (const { wait, failed } of steps) {
          now += wait;
          counts.add(failed, now);
          const bucket = Math.floor(now / 100);
          all.push({ bucket, failed });
          const within = all.filter((call) => call.bucket > bucket - 10);
          assert.equal(counts.calls(now), within.length);
          assert.equal(counts.failures(now), within.filter((call) => call.failed).length);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is tried again', () => {
  const policy = { retryOnTimeout: true, retryOnError: true, permanent: new Set<never>() };
  const transient = (code: (typeof ERROR_CODES)[number], change = {}) =>
    isTransient(new NetworkError(code, 'x'), { ...policy, ...change });

  it('is what is retryable, but for what another layer has tried already', () => {
    for (const code of ERROR_CODES) {
      const expected = new NetworkError(code, 'x').retryable && code !== 'RETRIES_EXHAUSTED' && code !== 'CIRCUIT_OPEN';
      assert.equal(transient(code), expected, code);
    }
  });

  it('is less where the options say so', () => {
    assert.equal(transient('TIMEOUT', { retryOnTimeout: false }), false);
    assert.equal(transient('CLOSED', { retryOnTimeout: false }), true);
    assert.equal(transient('TIMEOUT', { retryOnError: false }), true);
    assert.equal(transient('CLOSED', { retryOnError: false }), false);
    assert.equal(transient('UNREACHABLE', { permanent: new Set(['UNREACHABLE']) }), false);
  });

  it('tells a peer that is ill from a request that is wrong', () => {
    const outcome = (code: (typeof ERROR_CODES)[number]) => outcomeOf(new NetworkError(code, 'x'));
    for (const code of ['TIMEOUT', 'CLOSED', 'UNREACHABLE', 'CONNECTION_FAILED', 'OVERLOADED'] as const) {
      assert.equal(outcome(code), 'failure', code);
    }
    for (const code of ['HANDLER_FAILED', 'HANDLER_RETRY', 'NO_HANDLER', 'INVALID_PAYLOAD'] as const) {
      assert.equal(outcome(code), 'success', code);
    }
    for (const code of ['CANCELLED', 'STOPPED', 'SERIALIZATION', 'TOO_LARGE', 'INVALID_OPTION'] as const) {
      assert.equal(outcome(code), 'nothing', code);
    }
  });
});

interface Made {
  readonly at: number;
  readonly retry: boolean;
}

/** From the first of them on, there never are more retries than allowed. */
function checkSpan(log: readonly Made[], most: (requests: number, ms: number) => number): void {
  let retries = 0;
  for (const [index, { at, retry }] of log.entries()) {
    if (retry) retries += 1;
    const span = at - (log[0] as Made).at;
    assert.ok(retries <= most(index + 1 - retries, span) + 1e-6);
  }
}
