import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { manyAddresses } from './fortress.js';
import { replayCiphertext, replayFrames } from './replaying.js';

assertNothingLeft();

const FRAMES = 600;

test(`${FRAMES} frames that were once right, said again over TLS, have no effect`, manyAddresses, async () => {
  assert.ok((await replayFrames(FRAMES)) >= FRAMES);
});

test('recorded ciphertext, said again, has no effect', manyAddresses, () => replayCiphertext(50));
