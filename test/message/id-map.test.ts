import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IdMap } from '../../src/message/id-map.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

interface Item {
  readonly message: { readonly id: string };
}

const item = (id: string): Item => ({ message: { id } });

/** Few counters and few epochs, so that counters collide; and ids of other forms. */
const ids = fc.oneof(
  fc.tuple(fc.constantFrom('abc', 'xyz'), fc.nat(5)).map(([epoch, counter]) => `${epoch}-${counter}`),
  fc.constantFrom('plain', '7', '007', '-', 'a-123456789', 'a-1234567890', 'b-1234567890', 'a-01', 'a-1'),
);

test('an IdMap is a map by id, whatever the ids look like', () => {
  const step = fc.record({ remove: fc.boolean(), id: ids });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new IdMap<Item>();
      const model = new Map<string, Item>();
      for (const { remove, id } of steps) {
        if (remove) {
          map.delete(id);
          model.delete(id);
        } else if (!model.has(id)) {
          const added = item(id);
          map.add(added);
          model.set(id, added);
        }
        assert.equal(map.size, model.size);
        assert.equal(map.get(id), model.get(id));
        assert.equal(map.has(id), model.has(id));
      }
      assert.deepEqual(new Set(map.values()), new Set(model.values()));
    }),
  );
});
