import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { manyAddresses } from './fortress.js';
import { guessTokens } from './guessing.js';

assertNothingLeft();

test('600 wrong tokens over TLS: none succeeds, and good joins stay under a second', manyAddresses, async (t) => {
  const { perSecond, slowestJoinMs } = await guessTokens(600);
  t.diagnostic(`${Math.round(perSecond)} guesses/s, slowest good join ${Math.round(slowestJoinMs)} ms`);
});
