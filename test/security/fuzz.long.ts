import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayable } from '../attack/replay.js';
import { assertNothingLeft } from '../leaks.js';
import { manyAddresses } from './fortress.js';
import { fuzzOverTls } from './fuzz.js';

assertNothingLeft();

const FRAMES = 40_000;

test(
  `${FRAMES} mutated frames over TLS, before and after authentication and below both: no crash, no leak`,
  manyAddresses,
  (t) =>
    replayable(async (seed) => {
      const report = await fuzzOverTls(FRAMES, seed);
      assert.ok(
        Object.values(report).every((count) => count > FRAMES / 50),
        JSON.stringify(report),
      );
      t.diagnostic(JSON.stringify(report));
    }),
);
