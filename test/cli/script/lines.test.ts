import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from '../../../src/cli/script/lines.js';

type Seen = readonly [line: string, cut: boolean];

function split(chunks: readonly string[], maxBytes: number): Seen[] {
  const seen: Seen[] = [];
  const splitter = new LineSplitter(maxBytes, (line, cut) => seen.push([line.toString(), cut]));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return seen;
}

/** The whole text at once. */
function naive(text: string, maxBytes: number): Seen[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => [line.slice(0, maxBytes), line.length > maxBytes]);
}

test('lines, empty ones and a last one without newline', () => {
  assert.deepEqual(split(['a\n\nb'], 10), [
    ['a', false],
    ['', false],
    ['b', false],
  ]);
  assert.deepEqual(split(['', '\n'], 10), [['', false]]);
  assert.deepEqual(split([], 10), []);
});

test('a line that is too long is told at once, its rest is skipped', () => {
  const seen: Seen[] = [];
  const splitter = new LineSplitter(4, (line, cut) => seen.push([line.toString(), cut]));
  splitter.push(Buffer.from('abc'));
  assert.deepEqual(seen, []);
  splitter.push(Buffer.from('de'));
  assert.deepEqual(seen, [['abcd', true]]);
  splitter.push(Buffer.from('fgh'));
  splitter.push(Buffer.from('ij\nk\n'));
  assert.deepEqual(seen, [
    ['abcd', true],
    ['k', false],
  ]);
});

test('any way to cut the bytes gives the same lines', () => {
  const chunk = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(chunk), fc.integer({ min: 1, max: 8 }), (chunks, maxBytes) => {
      assert.deepEqual(split(chunks, maxBytes), naive(chunks.join(''), maxBytes));
    }),
  );
});
