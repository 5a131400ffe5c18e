import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  heartbeatIntervalMs,
  lostAfterMs,
  reconnectWindowMs,
  SWEEP_MS,
  stepLocalHealth,
  suspectAfterMs,
  sweepTick,
  timeoutMultiplier,
} from '../../src/membership/failure-detector.js';

test('the interval is 2 s, and longer beyond 4,000 members', () => {
  const known = [
    [0, 2_000],
    [1, 2_000],
    [4_000, 2_000],
    [4_001, 2_100],
    [5_000, 2_500],
    [10_000, 5_000],
    [20_000, 10_000],
  ] as const;
  for (const [members, interval] of known) assert.equal(heartbeatIntervalMs(members), interval, `${members} members`);
});

test('a leader never takes more than 2,000 heartbeats a second', () => {
  for (let members = 1; members <= 20_000; members += 37) {
    assert.ok((members / heartbeatIntervalMs(members)) * 1_000 <= 2_000);
  }
});

test('suspect after 6 s and lost after 9 s at 2 s; lost after 18 s at 5 s', () => {
  assert.deepEqual([suspectAfterMs(2_000), lostAfterMs(2_000)], [6_000, 9_000]);
  assert.deepEqual([suspectAfterMs(5_000), lostAfterMs(5_000)], [12_000, 18_000]);
});

test('the promises hold with the sweep in: 10 s up to 4,000 members, 20 s up to 10,000', () => {
  assert.ok(lostAfterMs(heartbeatIntervalMs(4_000)) + SWEEP_MS <= 10_000);
  assert.ok(lostAfterMs(heartbeatIntervalMs(10_000)) + SWEEP_MS <= 20_000);
});

test('local health goes one up for a late tick and one down for a clean one, between 0 and 8', () => {
  let health = 0;
  const seen: number[] = [];
  for (const lateMs of [0, 999, 1_000, 5_000, 20, 3_000, ...new Array<number>(10).fill(2_000), 0, 0]) {
    health = stepLocalHealth(health, sweepTick(lateMs));
    seen.push(health);
  }
  assert.deepEqual(seen, [0, 0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 7, 6]);
  assert.deepEqual([0, 1, 8].map(timeoutMultiplier), [1, 2, 9]);
});

test('members come back at 350 a second, within a second at least', () => {
  const known = [
    [0, 1_000],
    [350, 1_000],
    [1_000, 2_858],
    [10_000, 28_572],
  ] as const;
  for (const [members, window] of known) assert.equal(reconnectWindowMs(members), window, `${members} members`);
});
