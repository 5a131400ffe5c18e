import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chance,
  integer,
  letters,
  pick,
  type Random,
  seededRandom,
  systemRandom,
  uniform,
} from '../../src/base/random.js';

const draws = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.next());

/** A source that says what it is told. */
const fixed = (...values: readonly number[]): Random => {
  let at = 0;
  return { next: () => values[at++ % values.length] as number, fork: () => fixed(...values) };
};

test('the same seed gives the same numbers, another seed others', () => {
  assert.deepEqual(draws(seededRandom(7), 50), draws(seededRandom(7), 50));
  assert.deepEqual(draws(seededRandom('x'), 50), draws(seededRandom('x'), 50));
  assert.notDeepEqual(draws(seededRandom(7), 5), draws(seededRandom(8), 5));
  assert.notDeepEqual(draws(seededRandom('x'), 5), draws(seededRandom('y'), 5));
});

test('children are independent of each other and of how much was drawn before', () => {
  const parent = seededRandom(7);
  const before = draws(parent.fork('a'), 5);
  draws(parent, 100);
  assert.deepEqual(draws(parent.fork('a'), 5), before);
  assert.notDeepEqual(draws(parent.fork('b'), 5), before);
  assert.notDeepEqual(draws(parent.fork('a').fork('a'), 5), before);
  assert.notDeepEqual(draws(parent, 5), before);
});

for (const [name, random] of [
  ['seeded', seededRandom(1)],
  ['forked', seededRandom(1).fork('child')],
  ['system', systemRandom],
] as const) {
  test(`${name} numbers are spread evenly over [0, 1)`, () => {
    const buckets = new Array<number>(16).fill(0);
    const count = 64_000;
    for (const value of draws(random, count)) {
      assert.ok(value >= 0 && value < 1);
      const bucket = Math.floor(value * 16);
      buckets[bucket] = (buckets[bucket] as number) + 1;
    }
    // Chi squared with 15 degrees of freedom: above 60 by chance once in two million runs.
    const expected = count / 16;
    const chi = buckets.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    assert.ok(chi < 60, `chi squared ${chi}`);
  });
}

test('what is made of chance stays within its bounds', () => {
  assert.equal(integer(fixed(0), 10), 0);
  assert.equal(integer(fixed(0.999_999), 10), 9);
  assert.equal(uniform(fixed(0), 2, 4), 2);
  assert.equal(uniform(fixed(0.5), 2, 4), 3);
  assert.equal(pick(fixed(0.5), ['a', 'b', 'c']), 'b');
  assert.equal(pick(fixed(0.5), []), undefined);
  assert.equal(chance(fixed(0), 0), false);
  assert.equal(chance(fixed(0.999_999), 1), true);
  assert.equal(chance(fixed(0.3), 0.3), false);
  assert.equal(chance(fixed(0.29), 0.3), true);
  assert.equal(letters(fixed(0, 0.999, 0.5), 6), '0zi0zi');
  assert.match(letters(systemRandom, 200), /^[0-9a-z]{200}$/);
});
