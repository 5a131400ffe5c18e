import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FloodGuard } from '../../src/membership/flood-guard.js';

/** Sends every `everyMs` for `forMs` at an interval of 2 s, and counts the verdicts. */
function run(everyMs: number, forMs: number): Record<'accepted' | 'refused' | 'drop', number> {
  const guard = new FloodGuard();
  const verdicts = { accepted: 0, refused: 0, drop: 0 };
  for (let now = 0; now < forMs; now += everyMs) verdicts[guard.check(2_000, now)] += 1;
  return verdicts;
}

test('five at once pass, the sixth is refused, and passes a second later', () => {
  const guard = new FloodGuard();
  const at = (now: number) => guard.check(2_000, now);
  assert.deepEqual(
    [at(0), at(0), at(0), at(0), at(0), at(0), at(999), at(1_000), at(1_000)],
    ['accepted', 'accepted', 'accepted', 'accepted', 'accepted', 'refused', 'refused', 'accepted', 'refused'],
  );
});

test('the assigned rate, early by its jitter, and twice the rate pass for ever', () => {
  assert.deepEqual(run(1_800, 3_600_000), { accepted: 2_000, refused: 0, drop: 0 });
  assert.deepEqual(run(1_000, 3_600_000), { accepted: 3_600, refused: 0, drop: 0 });
});

test('ten refusals a second are put up with, a flood is to be dropped', () => {
  const slow = run(100, 60_000);
  assert.equal(slow.drop, 0);
  assert.ok(slow.refused > 500);
  const flood = run(1, 10_000);
  assert.ok(flood.drop > 0);
  assert.ok(flood.refused > 100 && flood.refused <= 200, `${flood.refused} were put up with`);
  assert.ok(flood.accepted <= 15);
});

test('up to 100 refusals in 10 s never drop, 201 always do', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 50, maxLength: 400 });
  fc.assert(
    fc.property(gaps, (waits) => {
      const guard = new FloodGuard();
      const refusedAt: number[] = [];
      let now = 0;
      for (const wait of waits) {
        now += wait;
        const verdict = guard.check(2_000, now);
        if (verdict === 'accepted') continue;
        const recent = refusedAt.filter((at) => at > now - 10_000).length;
        if (verdict === 'drop') {
          assert.ok(recent >= 100, `dropped after ${recent} in 10 s`);
          return;
        }
        refusedAt.push(now);
        assert.ok(recent < 200, `${recent} in 10 s were put up with`);
      }
    }),
    { numRuns: 300 },
  );
});
