import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNetworkError, type NetworkError } from '../../src/base/errors.js';
import { Membership } from '../../src/membership/membership.js';
import { connect, lose, register, sweepUntil } from './events.js';

function refusal(membership: Membership, instance: string, now: number): NetworkError {
  const verdict = membership.admit({ node: 'w1', instance }, now);
  assert.ok(isNetworkError(verdict), `admitted: ${String(verdict)}`);
  return verdict;
}

test('a free name is given, and the same process gets its own back', () => {
  const membership = new Membership();
  assert.equal(membership.admit({ node: 'w1', instance: 'a' }, 0), 'ok');
  connect(membership, 'w1', { instance: 'a' }, 0);
  assert.equal(membership.admit({ node: 'w1', instance: 'a' }, 1_000), 'replace');
  assert.equal(membership.admit({ node: 'w2', instance: 'b' }, 1_000), 'ok');
});

test('a name in use is refused: the message says who holds it, the hint what to do', () => {
  const membership = new Membership();
  connect(membership, 'w1', { instance: 'a', address: '192.0.2.7:4000', pid: 4711 }, 0);
  register(membership, 'w1', {}, 0);
  const error = refusal(membership, 'b', 12_000);
  assert.equal(error.code, 'NAME_IN_USE');
  assert.equal(
    error.message,
    'the name w1 is held by another process: pid 4711 at 192.0.2.7:4000, joined 12 s ago, alive',
  );
  assert.match(error.hint ?? '', /another name.*about 9 s/);
  assert.equal(membership.counters.namesRefused, 1);
});

test('a suspect keeps its name, a lost one or one that left does not', () => {
  const membership = new Membership();
  connect(membership, 'w1', { instance: 'a' }, 0);
  register(membership, 'w1', {}, 0);
  sweepUntil(membership, 0, 6_500);
  assert.equal(membership.get('w1')?.status, 'suspect');
  assert.match(refusal(membership, 'b', 6_500).message, /suspect/);
  sweepUntil(membership, 7_000, 9_500);
  assert.equal(membership.get('w1')?.status, 'lost');
  assert.equal(membership.admit({ node: 'w1', instance: 'b' }, 9_500), 'ok');
  connect(membership, 'w1', { instance: 'b' }, 9_600);
  lose(membership, 'w1', { instance: 'b', left: true }, 9_700);
  assert.equal(membership.admit({ node: 'w1', instance: 'c' }, 9_800), 'ok');
});

test('an evicted process is refused under every name, its successor is not', () => {
  const membership = new Membership();
  connect(membership, 'w1', { instance: 'a' }, 0);
  register(membership, 'w1', {}, 0);
  const effects = membership.apply({ type: 'evicted', node: 'w1' }, 100);
  const [change, order] = effects;
  assert.ok(change?.type === 'statusChanged' && change.to === 'left' && change.reason === 'evicted');
  assert.ok(order?.type === 'disconnectPeer' && order.error.code === 'EVICTED');
  lose(membership, 'w1', { instance: 'a', left: false }, 110);
  assert.equal(membership.get('w1')?.status, 'left');
  assert.equal(refusal(membership, 'a', 200).code, 'EVICTED');
  const verdict = membership.admit({ node: 'w9', instance: 'a' }, 200);
  assert.ok(isNetworkError(verdict) && verdict.code === 'EVICTED');
  assert.equal(membership.admit({ node: 'w1', instance: 'b' }, 200), 'ok');
});

test('a lost member can be evicted, so that it does not come back when its network heals', () => {
  const membership = new Membership();
  connect(membership, 'w1', { instance: 'a' }, 0);
  lose(membership, 'w1', { instance: 'a', left: false }, 10);
  const effects = membership.apply({ type: 'evicted', node: 'w1' }, 100);
  assert.deepEqual(
    effects.map((effect) => effect.type),
    ['statusChanged'],
  );
  assert.equal(refusal(membership, 'a', 200).code, 'EVICTED');
});

test('a thousand evictions are remembered, the oldest go first and are counted', () => {
  const membership = new Membership();
  for (let i = 0; i < 1_003; i += 1) {
    connect(membership, `w${i}`, { instance: `i${i}` }, i);
    membership.apply({ type: 'evicted', node: `w${i}` }, i);
  }
  assert.equal(membership.counters.evictionsForgotten, 3);
  assert.equal(membership.admit({ node: 'x', instance: 'i2' }, 2_000), 'ok');
  assert.ok(isNetworkError(membership.admit({ node: 'x', instance: 'i3' }, 2_000)));
});
