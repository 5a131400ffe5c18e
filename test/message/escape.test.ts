import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { visible } from '../../src/message/escape.js';

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;

const TABLE: readonly (readonly [string, string])[] = [
  ['plain text, ünïcödé 日本 😀', 'plain text, ünïcödé 日本 😀'],
  ['a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
  ['\0\x07\x7f\x9b', '\\x00\\x07\\x7f\\x9b'],
  ['exe\u202egpj.', 'exe\\u202egpj.'],
  ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
  ['line\u2028paragraph\u2029', 'line\\u2028paragraph\\u2029'],
  ['\ue000\u{10fffd}', '\\ue000\\u{10fffd}'],
  ['\u{e0041}', '\\u{e0041}'],
  ['lone \ud800 half', 'lone \\ud800 half'],
];

test('what is hidden or acts on a terminal is written out', () => {
  for (const [text, shown] of TABLE) assert.equal(visible(text), shown);
});

test('a long text is cut at a whole character or a whole escape', () => {
  assert.equal(visible('abcdef', 6), 'abcdef');
  assert.equal(visible('abcdefg', 6), 'abcde…');
  assert.equal(visible('abc\x1b\x1b', 6), 'abc…');
  assert.equal(visible('ab😀😀😀', 6), 'ab😀…');
  assert.equal(visible('x'.repeat(1_000_000), 10), 'xxxxxxxxx…');
});

test('nothing hidden is ever left, and the limit holds', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }),
      fc.integer({ min: 1, max: 40 }),
      (text, limit) => {
        assert.doesNotMatch(visible(text), HIDDEN);
        const shown = visible(text, limit);
        assert.doesNotMatch(shown, HIDDEN);
        assert.ok(shown.length <= limit);
        if (visible(text).length <= limit) assert.equal(shown, visible(text));
      },
    ),
  );
});
