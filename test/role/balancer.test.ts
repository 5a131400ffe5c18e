import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../src/base/random.js';
import { Balancer } from '../../src/role/balancer.js';

const NODES = ['a', 'b', 'c', 'd'];
const TYPES = ['x', 'y', 'z'];

test('whatever comes and goes, exactly those that offer a type are picked for it', () => {
  const step = fc.record({
    node: fc.constantFrom(...NODES),
    what: fc.constantFrom('offer', 'withdraw', 'forget'),
    types: fc.uniqueArray(fc.constantFrom(...TYPES)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.integer(), (steps, seed) => {
      const balancer = new Balancer(seededRandom(seed));
      const model = new Map<string, readonly string[]>();
      for (const { node, what, types } of steps) {
        if (what === 'offer') balancer.offer(node, types, 1);
        else if (what === 'withdraw') balancer.withdraw(node);
        else balancer.forget(node);
        model.set(node, what === 'offer' ? types : []);
      }
      for (const type of TYPES) {
        const left = new Set(NODES.filter((node) => model.get(node)?.includes(type)));
        const tried = new Set<string>();
        for (let picked = balancer.pick(type, tried); picked; picked = balancer.pick(type, tried)) {
          assert.ok(left.delete(picked), `${picked} was picked for ${type}`);
          tried.add(picked);
        }
        assert.deepEqual([...left], []);
      }
    }),
    { numRuns: 300 },
  );
});

test('a free slot goes before speed, and a node that is congested comes last', () => {
  const balancer = new Balancer(seededRandom(1));
  for (const node of ['slow', 'fast']) balancer.offer(node, ['x'], 1);
  balancer.ended('slow', 1_000);
  const picks = () => new Set(Array.from({ length: 50 }, () => balancer.pick('x')));
  assert.deepEqual(picks(), new Set(['fast']));
  balancer.started('fast');
  assert.deepEqual(picks(), new Set(['slow']));
  balancer.congested('slow', true);
  assert.deepEqual(picks(), new Set(['fast']));
});
