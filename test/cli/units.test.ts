import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, formatMilliseconds, formatSize, parseDuration, parseInteger } from '../../src/cli/units.js';

test('durations are read in their units', () => {
  const table: readonly (readonly [string, number])[] = [
    ['250ms', 250],
    ['5s', 5000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    [' 5s ', 5000],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, text);
});

test('what is no duration is refused with its value and the right forms', () => {
  for (const text of [
    '5',
    '',
    's',
    '-5s',
    '5 s',
    '5sec',
    '5S',
    '1e3s',
    '__proto__',
    '5toString',
    '9999999999999s',
    'NaNs',
  ]) {
    assert.throws(
      () => parseDuration(text),
      (error: Error & { exitCode?: number }) => {
        assert.ok(error.message.includes(`'${text}'`), error.message);
        assert.match(error.message, /250ms, 5s, 2m or 1h/);
        assert.equal(error.exitCode, 2);
        return true;
      },
      text,
    );
  }
});

test('integers are read in their range only', () => {
  assert.equal(parseInteger('0', 0, 10), 0);
  assert.equal(parseInteger('10', 0, 10), 10);
  for (const text of ['11', '-1', '1.5', '', ' ', '0x5', '1e1'])
    assert.throws(() => parseInteger(text, 0, 10), /from 0 to 10/);
});

test('durations and sizes are short for people', () => {
  assert.equal(formatDuration(850), '850ms');
  assert.equal(formatDuration(1999), '1.9s');
  assert.equal(formatDuration(61_000), '1m 1s');
  assert.equal(formatDuration(3_600_000), '1h');
  assert.equal(formatDuration(7_500_000), '2h 5m');
  assert.equal(formatDuration(90_000_000), '1d 1h');
  assert.equal(formatDuration(-5), '0ms');
  assert.equal(formatMilliseconds(0.44), '0.4ms');
  assert.equal(formatMilliseconds(12.4), '12ms');
  assert.equal(formatSize(512), '512 B');
  assert.equal(formatSize(1536), '1.5 KiB');
});
