import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { displayWidth } from '../../src/cli/table.js';
import { wrapWords } from '../../src/cli/wrap.js';

test('prose is broken at spaces, what follows is indented, and a long word stays whole', () => {
  const rows: readonly (readonly [text: string, width: number | undefined, indent: string, wrapped: string])[] = [
    ['to be or not to be', undefined, '', 'to be or not to be'],
    ['to be or not to be', 18, '', 'to be or not to be'],
    ['to be or not to be', 17, '', 'to be or not to\nbe'],
    ['  - to be or not', 9, '    ', '  - to be\n    or\n    not'],
    ['see 5rvaepcu5iko6727krz4 there', 10, '', 'see\n5rvaepcu5iko6727krz4\nthere'],
    ['漢字 漢字 漢字', 9, '', '漢字 漢字\n漢字'],
    ['', 5, '', ''],
  ];
  for (const [text, width, indent, wrapped] of rows) assert.equal(wrapWords(text, width, indent), wrapped, text);
});

test('no word is lost, and no line is too long unless it is one word', () => {
  const word = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', '-', '漢') });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 1, max: 40 }), (words, width) => {
      const wrapped = wrapWords(words.join(' '), width);
      assert.deepEqual(wrapped.split(/\s/), words);
      for (const line of wrapped.split('\n')) assert.ok(displayWidth(line) <= width || !line.includes(' '), line);
    }),
  );
});
