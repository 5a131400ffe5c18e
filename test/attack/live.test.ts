import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { assertServed, attack, FRAMES_PER_ROUND, median, p99, watchForUnhandled } from './live.js';
import { replayable } from './replay.js';

assertNothingLeft();
watchForUnhandled();

const ROUNDS = 9;

/**
 * An honest member's requests are compared by the work of this process between question and answer, its own and the
 * leader's: by the clock the other programs of the machine would be measured as well. For the same reason frames come
 * with requests: at a rate of their own they would pile up whenever the machine is busy with others. What every frame
 * costs is in some request, as no time passes between them. By the clock: live.long.ts.
 */
test(`${ROUNDS * FRAMES_PER_ROUND} mutated frames over sockets: the leader stays up, keeps nothing, and serves an honest member as before`, () =>
  replayable(async (seed) => {
    const { calm, attacked } = await attack(seed, ROUNDS, { frames: 'with requests', now: workMs });
    assertServed(median(calm.map(p99)), median(attacked.map(p99)));
  }));

/** CPU time of this process. */
function workMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
