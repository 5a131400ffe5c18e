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
  fc
    .tuple(fc.constantFrom('abc', 'xyz'), fc.oneof(fc.nat(5), fc.nat(400)))
    .map(([epoch, counter]) => `${epoch}-${counter}`),
  fc.constantFrom('plain', '7', '007', '-', 'a-123456789', 'a-1234567890', 'b-1234567890', 'a-01', 'a-1'),
);

test('an IdMap is a map by id, whatever the ids look like', () => {
  const step = fc.record({ remove: fc.boolean(), id: ids });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const map = new IdMap<Item>();
      const model = new Map<string, Item>();
      for (const { remove, id } of steps) {
        if (remove) {
          // Another item of the same id is not the one that is there.
          map.delete(model.get(id) ?? item(id));
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

test('it grows while it fills and is small again once empty', () => {
  const map = new IdMap<Item>();
  const items = Array.from({ length: 5000 }, (_, counter) => item(`abc-${counter}`));
  for (const each of items) map.add(each);
  assert.equal(map.size, 5000);
  for (const each of items) assert.equal(map.get(each.message.id), each);
  // One that stays keeps its place while thousands pass.
  const [stays, ...passing] = items as [Item, ...Item[]];
  for (const each of passing) map.delete(each);
  for (let counter = 5000; counter < 50_000; counter += 1) {
    const each = item(`abc-${counter}`);
    map.add(each);
    map.delete(each);
  }
  assert.equal(map.get(stays.message.id), stays);
  map.delete(stays);
  assert.equal(map.size, 0);
  assert.deepEqual(map.values(), []);
});
