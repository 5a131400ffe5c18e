import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../../src/base/random.js';
import { FloodGuard } from '../../src/membership/flood-guard.js';
import { HeartbeatPace } from '../../src/membership/heartbeat-pace.js';

const fixed = (value: number): Random => ({ next: () => value, fork: () => fixed(value) });

test('the first heartbeat is due at once, the next within a tenth of the interval around it', () => {
  for (const [draw, gap] of [
    [0, 1_800],
    [0.5, 2_000],
    [0.75, 2_100],
  ] as const) {
    const pace = new HeartbeatPace(fixed(draw), 2_000, 1_000);
    assert.equal(pace.nextAt, 1_000);
    pace.sent('a', 1_000);
    assert.equal(Math.round(pace.nextAt), 1_000 + gap);
  }
});

test('over an hour the rate is the assigned one, and the leader refuses none of it', () => {
  const pace = new HeartbeatPace(seededRandom(3), 2_000, 0);
  const guard = new FloodGuard();
  let beats = 0;
  for (let now = 0; now < 3_600_000; now = pace.nextAt) {
    assert.equal(guard.check(2_000, now), 'accepted');
    pace.sent(String(beats), now);
    beats += 1;
  }
  assert.ok(Math.abs(beats - 1_800) <= 18, `${beats} heartbeats`);
});

test('those missed in a stall are not made up for', () => {
  const pace = new HeartbeatPace(fixed(0.5), 2_000, 0);
  pace.sent('a', 0);
  pace.sent('b', 60_000);
  assert.equal(pace.nextAt, 62_000);
});

test('a new interval counts from the last heartbeat', () => {
  const pace = new HeartbeatPace(fixed(0.5), 2_000, 0);
  pace.sent('a', 0);
  pace.assign(5_000, 100);
  assert.deepEqual([pace.intervalMs, pace.nextAt], [5_000, 5_000]);
  pace.assign(2_000, 200);
  assert.equal(pace.nextAt, 2_000);
  pace.assign(5_000, 300);
  pace.assign(2_000, 4_000);
  assert.equal(pace.nextAt, 4_000);
});

test('the same interval again moves nothing', () => {
  const pace = new HeartbeatPace(seededRandom(1), 2_000, 0);
  pace.sent('a', 0);
  const before = pace.nextAt;
  pace.assign(2_000, 500);
  assert.equal(pace.nextAt, before);
});

test('an interval beyond reason is bounded', () => {
  const pace = new HeartbeatPace(fixed(0.5), 1, 0);
  assert.equal(pace.intervalMs, 200);
  for (const [asked, kept] of [
    [0, 200],
    [-1, 200],
    [Number.NaN, 200],
    [1e15, 600_000],
    [Number.POSITIVE_INFINITY, 600_000],
  ] as const) {
    pace.assign(asked, 0);
    assert.equal(pace.intervalMs, kept, String(asked));
  }
});

test('the leader is given up when nothing came for three intervals and 3 s', () => {
  const pace = new HeartbeatPace(fixed(0.5), 2_000, 0);
  assert.equal(pace.silentAt, 9_000);
  pace.heard(4_000);
  assert.equal(pace.silentAt, 13_000);
  pace.assign(5_000, 4_000);
  assert.equal(pace.silentAt, 22_000);
});

test('an answer gives the round trip once; late ones and duplicates give none', () => {
  const pace = new HeartbeatPace(fixed(0.5), 2_000, 0);
  pace.sent('a', 0);
  pace.sent('b', 2_000);
  pace.sent('c', 4_000);
  assert.equal(pace.answered('b', 2_150), 150);
  assert.equal(pace.answered('b', 2_160), undefined);
  assert.equal(pace.answered('a', 2_170), undefined);
  assert.equal(pace.answered('x', 2_180), undefined);
  assert.equal(pace.answered('c', 4_003), 3);
});

test('at most eight heartbeats wait for an answer, the older are given up and counted', () => {
  const pace = new HeartbeatPace(fixed(0.5), 2_000, 0);
  for (let i = 0; i < 20; i += 1) pace.sent(String(i), i);
  assert.equal(pace.abandoned, 12);
  assert.equal(pace.answered('11', 100), undefined);
  assert.equal(pace.answered('12', 100), 88);
});
