import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressGroup } from '../../src/security/devices/address-group.js';
import { GuessLimit } from '../../src/security/devices/guess-limit.js';

const MINUTE = 60_000;

/** Tries at once, and whenever it may, `tries` times. @returns when each try was made */
function guess(limit: GuessLimit, tries: number, address = 'a'): number[] {
  const times: number[] = [];
  let now = 0;
  for (let i = 0; i < tries; i += 1) {
    now += limit.waitMs(address, now);
    times.push(now);
    limit.wrong(address, now);
  }
  return times;
}

test('the fifth wrong credential within a minute locks for a minute, then each for twice as long, up to 15 minutes', () => {
  const limit = new GuessLimit();
  const minutes = guess(limit, 12).map((at) => at / MINUTE);
  assert.deepEqual(minutes, [0, 0, 0, 0, 0, 1, 3, 7, 15, 30, 45, 60]);
  assert.equal(limit.locks, 8);
});

test('four a minute are borne for ever', () => {
  const limit = new GuessLimit();
  for (let i = 0; i < 1_000; i += 1) {
    assert.equal(limit.waitMs('a', i * 15_001), 0, `try ${i}`);
    limit.wrong('a', i * 15_001);
  }
  assert.equal(limit.locks, 0);
});

test('a lock ends when it said, and not before', () => {
  const limit = new GuessLimit();
  for (let i = 0; i < 5; i += 1) limit.wrong('a', 1_000);
  assert.equal(limit.waitMs('a', 1_000), MINUTE);
  assert.equal(limit.waitMs('a', 1_000 + MINUTE - 1), 1);
  assert.equal(limit.waitMs('a', 1_000 + MINUTE), 0);
});

test('15 quiet minutes after the end of a lock forgive, 14 do not', () => {
  for (const [quiet, expected] of [
    [14, 2 * MINUTE],
    [15, 0],
  ] as const) {
    const limit = new GuessLimit();
    for (let i = 0; i < 5; i += 1) limit.wrong('a', 0);
    assert.equal(limit.wrong('a', MINUTE + quiet * MINUTE), expected, `${quiet} minutes`);
  }
});

test('one address locks no other', () => {
  const limit = new GuessLimit();
  guess(limit, 100, 'a');
  assert.equal(limit.waitMs('b', 0), 0);
});

test('100,000 guesses of one address get 5, and one for each lock', () => {
  const limit = new GuessLimit();
  let looked = 0;
  // One a millisecond: 100 s.
  for (let now = 0; now < 100_000; now += 1) {
    if (limit.waitMs('a', now) > 0) continue;
    looked += 1;
    limit.wrong('a', now);
  }
  assert.equal(looked, 6);
});

test('remembers so many subjects and no more, and drops the one that was quiet for longest', () => {
  const limit = new GuessLimit({ maxSubjects: 3 });
  for (const name of ['a', 'b', 'c', 'a', 'd']) limit.wrong(name, 0);
  assert.equal(limit.size, 3);
  assert.equal(limit.forgotten, 1);
  // `b` went: `a` was heard after it, and has two wrong ones.
  for (let i = 0; i < 3; i += 1) limit.wrong('a', 0);
  assert.ok(limit.waitMs('a', 0) > 0);
  for (let i = 0; i < 4; i += 1) limit.wrong('b', 0);
  assert.equal(limit.waitMs('b', 0), 0);
});

test('an address is counted without its port, and IPv6 by its network', () => {
  const groups: readonly (readonly [string, string])[] = [
    ['192.0.2.7:50122', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
    ['[::ffff:192.0.2.7]:80', '192.0.2.7'],
    ['[2001:db8:1:2:3:4:5:6]:7700', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]:7700', '2001:db8:1:2::/64'],
    ['[2001:0DB8:0001:0002:ffff::]:1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['[::1]:5', '0:0:0:0::/64'],
    ['[fe80::1%eth0]:5', 'fe80:0:0:0::/64'],
    ['[64:ff9b::192.0.2.1]:5', '64:ff9b:0:0::/64'],
    ['unix', 'unix'],
    ['memory', 'memory'],
    ['', ''],
  ];
  for (const [address, group] of groups) assert.equal(addressGroup(address), group, address);
});
