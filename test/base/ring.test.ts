import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ring } from '../../src/base/ring.js';

test('whatever goes in and out: the order is that of a plain queue, and so is the size of the first', () => {
  // Waves that grow and shrink it several times.
  const waves = fc.array(fc.record({ pushes: fc.nat({ max: 80 }), shifts: fc.nat({ max: 80 }) }), { maxLength: 12 });
  fc.assert(
    fc.property(waves, (steps) => {
      const ring = new Ring<number>();
      const plain: { item: number; size: number }[] = [];
      let next = 0;
      for (const { pushes, shifts } of steps) {
        for (let i = 0; i < pushes; i += 1, next += 1) {
          const size = (next * 7) % 5;
          if (size === 0) ring.push(next);
          else ring.push(next, size);
          plain.push({ item: next, size });
        }
        for (let i = 0; i < shifts; i += 1) {
          assert.equal(ring.headSize, plain[0]?.size ?? 0);
          assert.equal(ring.head, plain[0]?.item);
          assert.equal(ring.shift(), plain.shift()?.item);
        }
        assert.equal(ring.length, plain.length);
      }
    }),
  );
});
