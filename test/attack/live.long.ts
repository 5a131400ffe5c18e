import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { assertServed, attack, FRAMES_PER_ROUND, p99, watchForUnhandled } from './live.js';
import { replayable } from './replay.js';

assertNothingLeft();
watchForUnhandled();

const FRAMES = 100_000;
const ROUNDS = Math.ceil(FRAMES / FRAMES_PER_ROUND);

/**
 * What a user would notice: all requests during the attack against all those of the rounds between, by the clock. It needs
 * a machine that does nothing else: the attacker has a core of its own then.
 */
test(`${ROUNDS * FRAMES_PER_ROUND} mutated frames over sockets delay nobody`, () =>
  replayable(async (seed) => {
    const { calm, attacked } = await attack(seed, ROUNDS, { frames: 'alone', now: () => performance.now() });
    assertServed(p99(calm.flat()), p99(attacked.flat()));
  }));
