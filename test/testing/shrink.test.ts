import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shrink } from '../../src/testing/shrink.js';

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Fails if all of these are there; counts how often it was asked. */
function needs(...needed: readonly number[]) {
  const asked: (readonly number[])[] = [];
  const fails = async (items: readonly number[]) => {
    asked.push(items);
    return needed.every((item) => items.includes(item));
  };
  return { fails, asked };
}

test('known answers: none, one, some and all of the items are needed', async () => {
  assert.deepEqual(await shrink(TEN, needs().fails), { items: [], runs: 1, minimal: true });
  assert.deepEqual((await shrink(TEN, needs(7).fails)).items, [7]);
  assert.deepEqual((await shrink(TEN, needs(1, 8).fails)).items, [1, 8]);
  assert.deepEqual((await shrink(TEN, needs(...TEN).fails)).items, TEN);
  assert.deepEqual(await shrink([], needs().fails), { items: [], runs: 0, minimal: true });
  assert.deepEqual((await shrink([5], needs(5).fails)).items, [5]);
});

test('whatever is needed is what is left, in its order, and in few runs', async () => {
  const cases = fc.record({
    size: fc.integer({ min: 1, max: 40 }),
    marks: fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ size, marks }) => {
      const items = Array.from({ length: size }, (_, i) => i);
      const needed = marks.filter((mark) => mark < size).sort((a, b) => a - b);
      const { fails, asked } = needs(...needed);
      const { items: left, runs, minimal } = await shrink(items, fails, { maxRuns: 10_000 });
      assert.deepEqual(left, needed);
      assert.equal(runs, asked.length);
      assert.equal(minimal, true);
      // ddmin's worst case, Zeller and Hildebrandt 2002.
      assert.ok(runs <= size * size + 3 * size + 1, `${runs} runs for ${size}`);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('no item can be left out of what is left, even if more than one answer exists', async () => {
  // Any three in a row fail.
  const fails = async (items: readonly number[]) =>
    TEN.some((item) => [item, item + 1, item + 2].every((one) => items.includes(one)));
  const { items } = await shrink(TEN, fails);
  assert.equal(items.length, 3);
});

test('the number of runs is bounded, and what was found by then still fails', async () => {
  const { fails, asked } = needs(0, 5, 9);
  const { items, runs, minimal } = await shrink(TEN, fails, { maxRuns: 6 });
  assert.equal(runs, 6);
  assert.equal(asked.length, 6);
  assert.equal(minimal, false);
  assert.ok([0, 5, 9].every((item) => items.includes(item)));
});
