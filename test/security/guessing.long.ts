import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { manyAddresses } from './fortress.js';
import { guessTokens } from './guessing.js';

assertNothingLeft();

test('100,000 wrong tokens over TLS: none succeeds, and good joins stay under a second', manyAddresses, async (t) => {
  const { perSecond, slowestJoinMs } = await guessTokens(100_000);
  t.diagnostic(`${Math.round(perSecond)} guesses/s, slowest good join ${Math.round(slowestJoinMs)} ms`);
});
