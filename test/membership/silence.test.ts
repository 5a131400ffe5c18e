import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Membership } from '../../src/membership/membership.js';
import { beat, connect, join, lose, register, sweepUntil, told } from './events.js';

/** A table in which enough others are connected to stretch the interval. */
function crowded(others: number): Membership {
  const membership = new Membership();
  for (let i = 0; i < others; i += 1) join(membership, `other${i}`, 0);
  return membership;
}

const about = (node: string, lines: readonly string[]) => lines.filter((line) => line.startsWith(`${node}: `));

test('a silent member is suspect after 6 s and lost after 9 s, and its connection is to be ended', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  assert.deepEqual(sweepUntil(membership, 0, 5_500), []);
  assert.deepEqual(told(sweepUntil(membership, 6_000, 8_500)), ['w1: alive → suspect (silent)']);
  const effects = sweepUntil(membership, 9_000, 60_000);
  assert.deepEqual(told(effects), ['w1: suspect → lost (silent)', 'w1: disconnect TIMEOUT']);
  const order = effects[1];
  assert.ok(order?.type === 'disconnectPeer' && order.error.message === 'nothing came from w1 for 9 s');
  assert.equal(membership.counters.membersSilent, 1);
});

test('the end of the connection that was ended for silence changes nothing more', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  sweepUntil(membership, 0, 9_000);
  assert.deepEqual(lose(membership, 'w1', { left: true }, 9_001), []);
  assert.equal(membership.get('w1')?.status, 'lost');
});

test('any frame is life: a suspect is alive again at once, one that is lost has to connect anew', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  sweepUntil(membership, 0, 6_000);
  assert.deepEqual(told(membership.touch('w1', 6_100)), ['w1: suspect → alive (life)']);
  assert.deepEqual(membership.touch('w1', 6_200), []);
  assert.equal(membership.counters.suspicionsRefuted, 1);
  assert.deepEqual(sweepUntil(membership, 6_500, 12_000), []);
  sweepUntil(membership, 12_500, 15_500);
  assert.deepEqual(membership.touch('w1', 15_600), []);
  assert.equal(membership.get('w1')?.status, 'lost');
  connect(membership, 'w1', {}, 16_000);
  assert.deepEqual(told(register(membership, 'w1', {}, 16_001)), ['w1: joining → alive (registered)']);
  assert.deepEqual(sweepUntil(membership, 16_000, 21_500), []);
});

test('a suspect goes back to what it was: joining or draining', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  join(membership, 'w2', 0);
  membership.apply({ type: 'draining', node: 'w2', on: true }, 0);
  sweepUntil(membership, 0, 6_000);
  assert.deepEqual(told([...membership.touch('w1', 6_100), ...membership.touch('w2', 6_100)]), [
    'w1: suspect → joining (life)',
    'w2: suspect → draining (life)',
  ]);
});

test('a member that never registers is lost as any other when it falls silent', () => {
  const membership = new Membership();
  connect(membership, 'w1', {}, 0);
  assert.deepEqual(told(sweepUntil(membership, 0, 9_000)), [
    'w1: joining → suspect (silent)',
    'w1: suspect → lost (silent)',
    'w1: disconnect TIMEOUT',
  ]);
});

test('one that beats every 2.2 s is never suspected', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  const effects: string[] = [];
  for (let now = 0; now < 600_000; now += 100) {
    if (now % 2_200 === 0) beat(membership, 'w1', {}, now);
    if (now % 500 === 0) effects.push(...told(membership.apply({ type: 'evaluate' }, now)));
  }
  assert.deepEqual(effects, []);
});

test('a late sweep loses nobody whose frames were read first', () => {
  const membership = new Membership();
  for (let i = 0; i < 20; i += 1) join(membership, `w${i}`, 0);
  sweepUntil(membership, 0, 1_000);
  for (const stalledUntil of [31_000, 61_000, 91_000]) {
    for (let i = 0; i < 20; i += 1) membership.touch(`w${i}`, stalledUntil);
    assert.deepEqual(membership.apply({ type: 'evaluate' }, stalledUntil), []);
  }
  assert.equal(membership.counters.sweepsLate, 3);
  // From their last frame on the usual time counts.
  const later = told(sweepUntil(membership, 91_500, 100_000));
  assert.deepEqual(about('w7', later).at(-1), 'w7: disconnect TIMEOUT');
});

test('a stall of the whole machine is not held against those who could not speak either', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  join(membership, 'dead', 0);
  sweepUntil(membership, 0, 1_000);
  assert.deepEqual(membership.apply({ type: 'evaluate' }, 61_500), []);
  membership.touch('w1', 61_600);
  const later = told(sweepUntil(membership, 62_000, 70_500));
  assert.deepEqual(about('w1', later), ['w1: alive → suspect (silent)']);
  assert.deepEqual(about('dead', later), [
    'dead: alive → suspect (silent)',
    'dead: suspect → lost (silent)',
    'dead: disconnect TIMEOUT',
  ]);
});

test('what a stall took counts no more once the member was heard', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  sweepUntil(membership, 0, 1_000);
  membership.apply({ type: 'evaluate' }, 61_500);
  beat(membership, 'w1', {}, 61_600);
  assert.equal(told(sweepUntil(membership, 62_000, 67_500)).length, 0);
  assert.deepEqual(told(sweepUntil(membership, 68_000, 71_000)), [
    'w1: alive → suspect (silent)',
    'w1: suspect → lost (silent)',
    'w1: disconnect TIMEOUT',
  ]);
});

test('while our own ticks are late every deadline is longer', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  for (let now = 0, i = 0; i < 4; i += 1, now += 1_500) {
    membership.touch('w1', now);
    membership.apply({ type: 'evaluate' }, now);
  }
  assert.equal(membership.localHealth, 3);
  assert.deepEqual(sweepUntil(membership, 5_000, 10_000), []);
  assert.equal(membership.localHealth, 0);
});

test('the interval that was told decides: 5 s is suspect after 12 s and lost after 18 s', () => {
  const membership = crowded(9_999);
  assert.equal(membership.intervalMs, 5_000);
  connect(membership, 'w1', {}, 0);
  assert.equal(membership.intervalMs, 5_000);
  assert.equal(membership.get('w1')?.intervalMs, 5_000);
  register(membership, 'w1', {}, 0);
  for (let i = 0; i < 9_999; i += 1) beat(membership, `other${i}`, {}, 0);
  const lines = told(sweepUntil(membership, 0, 18_000));
  assert.deepEqual(about('w1', lines), [
    'w1: alive → suspect (silent)',
    'w1: suspect → lost (silent)',
    'w1: disconnect TIMEOUT',
  ]);
  assert.equal(membership.counts.lost, 1_000);
});

test('a stretch is told in the answer to a heartbeat, and counts from then on', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  for (let i = 0; i < 9_999; i += 1) join(membership, `other${i}`, 100);
  assert.equal(membership.get('w1')?.intervalMs, 2_000);
  assert.deepEqual(told(beat(membership, 'w1', { intervalMs: 2_000 }, 1_900)), ['w1: answer 5000']);
  for (let i = 0; i < 9_999; i += 1) beat(membership, `other${i}`, {}, 1_900);
  assert.deepEqual(sweepUntil(membership, 2_000, 13_500), []);
  assert.equal(membership.counts.alive, 10_000);
});

test('while a shorter interval is not confirmed the longer one counts', () => {
  const membership = crowded(9_999);
  join(membership, 'w1', 0);
  for (let i = 0; i < 9_999; i += 1) lose(membership, `other${i}`, { left: true }, 1_000);
  assert.deepEqual(told(beat(membership, 'w1', { intervalMs: 5_000 }, 5_000)), ['w1: answer 2000']);
  // The answer was lost on the way: it goes on every 5 s.
  assert.deepEqual(about('w1', told(sweepUntil(membership, 5_000, 16_500))), []);
  assert.deepEqual(told(beat(membership, 'w1', { intervalMs: 5_000 }, 16_900)), ['w1: answer 2000']);
  assert.deepEqual(about('w1', told(sweepUntil(membership, 17_000, 28_500))), []);
  // Now it came through.
  assert.deepEqual(told(beat(membership, 'w1', { intervalMs: 2_000 }, 28_800)), ['w1: answer 2000']);
  assert.deepEqual(about('w1', told(sweepUntil(membership, 29_000, 38_000))), [
    'w1: alive → suspect (silent)',
    'w1: suspect → lost (silent)',
    'w1: disconnect TIMEOUT',
  ]);
});

test('a member cannot buy itself a longer deadline by what it reports', () => {
  const membership = new Membership();
  join(membership, 'w1', 0);
  beat(membership, 'w1', { intervalMs: 600_000 }, 0);
  assert.equal(told(sweepUntil(membership, 0, 9_000)).at(-1), 'w1: disconnect TIMEOUT');
});
