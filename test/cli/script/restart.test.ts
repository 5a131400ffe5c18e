import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestartSchedule } from '../../../src/cli/script/restart.js';

test('the delay doubles from 100 ms to 5 s', () => {
  const schedule = new RestartSchedule();
  const delays = Array.from({ length: 7 }, () => {
    schedule.started(0);
    return schedule.next(0).delayMs;
  });
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 5000]);
});

test('after 10 s of life it is 100 ms again', () => {
  const schedule = new RestartSchedule();
  schedule.started(0);
  schedule.next(1);
  schedule.started(100);
  assert.equal(schedule.next(10_099).delayMs, 200);
  schedule.started(10_300);
  assert.equal(schedule.next(20_300).delayMs, 100);
});

test('a process that always ends at once is started 10 times in any minute, for ever', () => {
  const schedule = new RestartSchedule();
  const starts: number[] = [];
  let waits = 0;
  for (let now = 0; now < 600_000; ) {
    schedule.started(now);
    starts.push(now);
    const { delayMs, exhausted } = schedule.next(now);
    if (exhausted) waits += 1;
    now += delayMs;
  }
  for (const start of starts) {
    const within = starts.filter((other) => other >= start && other < start + 60_000).length;
    assert.ok(within <= 10, `${within} starts within a minute of ${start}`);
  }
  assert.ok(starts.length >= 90, 'it goes on being started');
  assert.ok(waits >= 9, 'and it is known that it is held back');
});
