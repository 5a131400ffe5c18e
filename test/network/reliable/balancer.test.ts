import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../../src/base/random.js';
import { Balancer, type Lane } from '../../../src/network/reliable/balancer.js';

const OPTIONS = { failures: 3, ejectMs: 1000, maxEjectMs: 5000 };

function make(count: number, seed = 1) {
  const ejections: string[] = [];
  const balancer = new Balancer({
    routes: Array.from({ length: count }, (_, i) => `r${i}`),
    options: OPTIONS,
    random: seededRandom(seed),
    ejected: (lane, forMs) => ejections.push(`${lane.route} ${forMs}`),
  });
  const call = (lane: Lane<string>, outcome: 'success' | 'failure' | 'nothing', now: number, elapsedMs = 10) => {
    balancer.started(lane);
    balancer.ended(lane, outcome, { elapsedMs, now });
  };
  const fail = (lane: Lane<string>, now: number, times = OPTIONS.failures) => {
    for (let i = 0; i < times; i += 1) call(lane, 'failure', now);
  };
  return { balancer, ejections, call, fail, lane: (i: number) => balancer.lanes[i] as Lane<string> };
}

describe('power of two choices', () => {
  it('keeps the fullest of a thousand routes at 3', () => {
    const maxima = Array.from({ length: 20 }, (_, seed) => {
      const { balancer } = make(1000, seed);
      for (let call = 0; call < 1000; call += 1) balancer.started(balancer.pick(0));
      return Math.max(...balancer.lanes.map((lane) => lane.inFlight));
    });
    const mean = maxima.reduce((sum, max) => sum + max, 0) / 20;
    assert.ok(Math.abs(mean - 3) <= 0.35, String(mean));
  });

  it('prefers the route with the lower answer time * (in flight + 1)', () => {
    const { balancer, call, lane } = make(2);
    call(lane(0), 'success', 0, 30);
    call(lane(1), 'success', 0, 10);
    const picked = Array.from({ length: 8 }, () => {
      const lane = balancer.pick(0);
      balancer.started(lane);
      return lane.route;
    });
    assert.deepEqual([picked.filter((r) => r === 'r0').length, picked.filter((r) => r === 'r1').length], [2, 6]);
  });

  it('takes another one than the one that has just failed', () => {
    const { balancer, lane } = make(3);
    for (let i = 0; i < 50; i += 1) assert.notEqual(balancer.pick(0, lane(1)), lane(1));
    assert.equal(make(1).balancer.pick(0, undefined).route, 'r0');
  });
});

describe('a route that fails', () => {
  it('is taken out, comes back, and goes for longer if that did not help', () => {
    const { balancer, ejections, call, fail, lane } = make(2);
    fail(lane(0), 0);
    assert.deepEqual(ejections, ['r0 1000']);
    for (let i = 0; i < 20; i += 1) assert.equal(balancer.pick(999).route, 'r1');
    assert.equal(lane(0).isEjected(1000), false);
    call(lane(0), 'failure', 1000);
    call(lane(0), 'failure', 3000);
    call(lane(0), 'failure', 7000);
    assert.deepEqual(ejections, ['r0 1000', 'r0 2000', 'r0 4000', 'r0 5000']);
    call(lane(0), 'success', 12_000);
    fail(lane(0), 12_001);
    assert.equal(ejections.at(-1), 'r0 1000');
  });

  it('stays if half of them are out already, and the last one always', () => {
    const { balancer, ejections, fail, lane } = make(5);
    for (const i of [0, 1, 2, 3, 4]) fail(lane(i), 0);
    assert.deepEqual(ejections, ['r0 1000', 'r1 1000']);
    const seen = new Set(Array.from({ length: 100 }, () => balancer.pick(10).route));
    assert.deepEqual([...seen].sort(), ['r2', 'r3', 'r4']);
    const alone = make(1);
    alone.fail(alone.lane(0), 0, 50);
    assert.deepEqual(alone.ejections, []);
  });

  it('needs failures in a row, and those that say nothing do not count', () => {
    const { ejections, call, fail, lane } = make(2);
    for (let i = 0; i < 10; i += 1) {
      fail(lane(0), i, 2);
      call(lane(0), 'success', i);
      call(lane(0), 'nothing', i);
    }
    assert.deepEqual(ejections, []);
    assert.equal(lane(0).inFlight, 0);
  });
});
