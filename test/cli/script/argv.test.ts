import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNetworkError } from '../../../src/base/errors.js';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { splitCommand } from '../../../src/cli/script/argv.js';

const KNOWN: readonly (readonly [string, readonly string[]])[] = [
  ['sha256sum', ['sha256sum']],
  ['  a \t b\nc\r\n', ['a', 'b', 'c']],
  [`sh -c 'echo "$HOME" | wc'`, ['sh', '-c', 'echo "$HOME" | wc']],
  [`a "b c" 'd e' f`, ['a', 'b c', 'd e', 'f']],
  [`a "" '' b`, ['a', '', '', 'b']],
  [`a"b"'c'd`, ['abcd']],
  ['a\\ b c\\\\d \\"e', ['a b', 'c\\d', '"e']],
  [`a "q\\"q" "b\\\\b" "d\\$d" "t\\\`t" "n\\nn"`, ['a', 'q"q', 'b\\b', 'd$d', 't`t', 'n\\nn']],
  [`a 'b\\' c`, ['a', 'b\\', 'c']],
  ['a b\\\nc "d\\\ne"', ['a', 'bc', 'de']],
  [
    '~/x $HOME *.ts | > out ; # & `id` $(id)',
    ['~/x', '$HOME', '*.ts', '|', '>', 'out', ';', '#', '&', '`id`', '$(id)'],
  ],
];

const BROKEN: readonly (readonly [string, RegExp])[] = [
  ['', /^the command is empty: \[\]$/],
  [' \t\n', /is empty/],
  [`''`, /begins with an empty word/],
  [`sh -c 'echo`, /has a ' that is never closed, at character 7: \[sh -c 'echo\]/],
  ['a "b', /has a " that is never closed, at character 3: \[a "b\]/],
  ['a "b\\"', /has a " that is never closed, at character 3/],
  ['a b\\', /ends with a backslash that escapes nothing, at character 4: \[a b\\\]/],
  ['a\0b', /contains a NUL character, at character 2: \[a\\x00b\]/],
];

for (const [text, words] of KNOWN) {
  test(`${JSON.stringify(text)} is ${words.length} words`, () => assert.deepEqual(splitCommand(text), words));
}

for (const [text, message] of BROKEN) {
  test(`${JSON.stringify(text)} is refused: ${message}`, () => {
    assert.throws(
      () => splitCommand(text),
      (error) => {
        assert.ok(isNetworkError(error));
        assert.equal(error.code, 'INVALID_OPTION');
        assert.match(error.message, message);
        assert.match(error.hint ?? '', /sh -c/);
        assert.equal(exitCodeOf(error), 2);
        return true;
      },
    );
  });
}

test('a long command is not repeated as a whole', () => {
  assert.throws(
    () => splitCommand(`'${'x'.repeat(1e6)}`),
    (error: Error) => error.message.length < 400,
  );
});

const word = fc.string({ unit: fc.constantFrom('a', ' ', "'", '"', '\\', '$', '`', '\n', 'é', '*', '~') });
const singleQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const doubleQuoted = (text: string): string => `"${text.replace(/["\\$`]/g, '\\$&')}"`;

test('words that were quoted come back as they were', () => {
  const words = fc.array(fc.tuple(word, fc.constantFrom(singleQuoted, doubleQuoted)), { minLength: 1 });
  fc.assert(
    fc.property(words, (quoted) => {
      const text = `cmd ${quoted.map(([value, quote]) => quote(value)).join(' ')}`;
      assert.deepEqual(splitCommand(text), ['cmd', ...quoted.map(([value]) => value)]);
    }),
  );
});

test('any text is split or refused with a NetworkError, at once', () => {
  fc.assert(
    fc.property(word, (text) => {
      try {
        assert.ok(splitCommand(text).length > 0);
      } catch (error) {
        assert.ok(isNetworkError(error), String(error));
      }
    }),
  );
});
