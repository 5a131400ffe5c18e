import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesGlob } from '../../src/cli/glob.js';
import { matches, parseCondition, type Selectable } from '../../src/cli/selector.js';

const node = (parts: Partial<Selectable>): Selectable => ({
  node: 'w1',
  status: 'alive',
  tags: {},
  handlers: [],
  ...parts,
});

test('the fields, globs and operators of the contract', () => {
  const w1 = node({ tags: { gpu: '1', zone: 'eu west' }, handlers: ['sha256', 'resize'] });
  const table: readonly (readonly [string, boolean])[] = [
    ['tag.gpu=1', true],
    ['tag.gpu=2', false],
    ['tag.gpu', true],
    ['tag.none', false],
    ['not tag.none', true],
    ['tag.gpu=1 and not name=db*', true],
    ['name=w?', true],
    ['name=w', false],
    ['name!=w1', false],
    ['status=alive', true],
    ['handler=sha*', true],
    ['handler!=sha256', false],
    ['tag.zone="eu west"', true],
    ['name=x or name=w1 and status=lost', false],
    ['(name=x or name=w1) and status=alive', true],
    ['tag.__proto__', false],
    ['tag.toString', false],
  ];
  for (const [source, expected] of table) assert.equal(matches(parseCondition(source), w1), expected, source);
});

test('what is wrong is named with its place', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['', /it ends where a field should be \(character 1\)/],
    ['name', /it ends where '=' or '!=' should be \(character 5\)/],
    ['name=', /it ends where a value should be \(character 6\)/],
    ['colour=red', /'colour' is not a field \(character 1\)/],
    ['name=a name=b', /'name' stands where 'and', 'or' or the end should be \(character 8\)/],
    ['(name=a', /it ends where '\)' should be \(character 8\)/],
    ['name="a', /the quote is not closed \(character 6\)/],
    ['name=a and', /it ends where a field should be/],
    ['not '.repeat(100), /more than 64 conditions/],
    ['x'.repeat(5000), /longer than 4096/],
  ];
  for (const [source, message] of table) assert.throws(() => parseCondition(source), { message, exitCode: 2 }, source);
});

interface Model {
  readonly text: string;
  readonly holds: (node: Selectable) => boolean;
}

const leaf: fc.Arbitrary<Model> = fc.oneof(
  fc
    .constantFrom('w1', 'w2', 'db1')
    .map((name): Model => ({ text: `name=${name}`, holds: (each) => each.node === name })),
  fc
    .constantFrom('alive', 'lost')
    .map((status): Model => ({ text: `status=${status}`, holds: (each) => each.status === status })),
  fc
    .constantFrom('a', 'b')
    .map((type): Model => ({ text: `handler!=${type}`, holds: (each) => !each.handlers.includes(type) })),
  fc
    .constantFrom('1', '2')
    .map((value): Model => ({ text: `tag.gpu="${value}"`, holds: (each) => each.tags['gpu'] === value })),
);
const model: fc.Arbitrary<Model> = fc.letrec<{ all: Model }>((tie) => ({
  all: fc.oneof(
    { depthSize: 'small' },
    leaf,
    tie('all').map((inner): Model => ({ text: `not (${inner.text})`, holds: (each) => !inner.holds(each) })),
    fc.tuple(tie('all'), tie('all')).map(
      ([left, right]): Model => ({
        text: `(${left.text}) and (${right.text})`,
        holds: (each) => left.holds(each) && right.holds(each),
      }),
    ),
    fc.tuple(tie('all'), tie('all')).map(
      ([left, right]): Model => ({
        text: `(${left.text} or ${right.text})`,
        holds: (each) => left.holds(each) || right.holds(each),
      }),
    ),
  ),
})).all;
const nodes: fc.Arbitrary<Selectable> = fc.record({
  node: fc.constantFrom('w1', 'w2', 'db1'),
  status: fc.constantFrom('alive' as const, 'lost' as const),
  tags: fc.constantFrom({}, { gpu: '1' }, { gpu: '2' }),
  handlers: fc.subarray(['a', 'b']),
});

test('a condition says what its naive evaluation says', () => {
  fc.assert(
    fc.property(model, nodes, ({ text, holds }, each) => {
      assert.equal(matches(parseCondition(text), each), holds(each), text);
    }),
    { numRuns: 1000 },
  );
});

test('no text makes the parser fail in another way than its own', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      try {
        parseCondition(text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'INVALID_OPTION');
      }
    }),
    { numRuns: 1000 },
  );
});

test('a glob says what the same regular expression says, and is quick about it', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 12 });
  fc.assert(
    fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), (pattern, subject) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
      assert.equal(matchesGlob(pattern, subject), expression.test(subject), `${pattern} on ${subject}`);
    }),
    { numRuns: 2000 },
  );
  assert.equal(matchesGlob(`${'*a'.repeat(2000)}b`, 'a'.repeat(4000)), false);
});
