import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNetworkError } from '../../src/base/errors.js';
import { DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import { jsonScan, scanMessage, scanValue } from '../../src/message/scan.js';
import { message, sample } from './arbitraries.js';

const LIMITS = { ...DEFAULT_DECODE_LIMITS, maxDepth: 1000 };

/** The whole text as one value: undefined, or the code of the error. */
function verdict(text: string, limits = LIMITS): string | undefined {
  const bytes = Buffer.from(text);
  try {
    assert.equal(scanValue(jsonScan(bytes, limits), 0), bytes.length);
    return undefined;
  } catch (error) {
    if (isNetworkError(error)) return error.code;
    // An end before the text's own end: rest that belongs to no value.
    if (error instanceof assert.AssertionError) return 'DESERIALIZATION';
    throw error;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const TRICKY = [
  '',
  '{',
  '}',
  '[',
  ']',
  '[]',
  '{}',
  '[1]',
  '[1,]',
  '[,1]',
  '[1 2]',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{,}',
  '{"a":1 "b":2}',
  '{a:1}',
  "{'a':1}",
  '{"a":1}}',
  '[[]',
  '[}',
  '{]',
  '[1}',
  '{"a":1]',
  'nul',
  'null',
  'nulll',
  'true',
  'True',
  'false',
  'fals',
  '0',
  '-0',
  '-',
  '+1',
  '01',
  '-01',
  '1.',
  '.5',
  '1.5',
  '1e5',
  '1E+5',
  '1e-5',
  '1e',
  '1e+',
  '1.e5',
  '0e0',
  '0.0',
  '00',
  '0x10',
  'NaN',
  'Infinity',
  '1_000',
  '"',
  '"a',
  '"a"',
  '"\\"',
  '"\\\\"',
  '"\\u00e9"',
  '"\\u00g9"',
  '"\\u00"',
  '"\\x41"',
  '"\\/"',
  '"\\n"',
  '"\n"',
  '"\t"',
  '"\x00"',
  '"\x1f"',
  '"\x7f"',
  '"\u2028"',
  '"é"',
  '"😀"',
  '\ufeff1',
  '1 2',
  '"a""b"',
  '//',
  '/**/1',
  '"\\u0010"',
  '"\\u\x1012"',
  '[ 1 , 2 ]',
  '{ "a" : [ ] , "b" : { } }',
  '[\v1]',
  '[\u00a01]',
  '{"a":1,"a":2}',
  '{"":""}',
  '"\\',
  '"\\u',
  'tru',
  't',
];

test('what JSON.parse accepts is accepted, and nothing else', () => {
  for (const text of TRICKY)
    assert.equal(verdict(text) === undefined, parses(text) && text === text.trim(), JSON.stringify(text));
});

const spaced = fc
  .tuple(fc.json({ maxDepth: 4 }), fc.constantFrom('', ' ', '\n\t\r '))
  .map(([json, space]) => JSON.stringify(JSON.parse(json), null, space));

test('JSON text passes however it is spaced', () => {
  fc.assert(
    fc.property(spaced, (text) => assert.equal(verdict(text), undefined)),
    { numRuns: 1000 },
  );
});

test('broken JSON text is refused exactly when JSON.parse refuses it', () => {
  const character = fc.constantFrom(...'{}[]:,"\\ 0123456789.-+eEtrufalsn\n\u0001é');
  const broken = fc
    .tuple(spaced, fc.array(fc.tuple(fc.nat(), fc.nat(2), character), { minLength: 1, maxLength: 3 }))
    .map(([text, edits]) =>
      edits.reduce((edited, [at, cut, put]) => {
        const i = at % (edited.length + 1);
        return edited.slice(0, i) + put + edited.slice(i + cut);
      }, text),
    );
  fc.assert(
    fc.property(broken, (text) => assert.equal(verdict(text.trim()) === undefined, parses(text.trim()))),
    { numRuns: 20_000 },
  );
});

/** The model: how deep a value is nested, and the most keys that one of its objects has. */
function measure(value: unknown): { depth: number; keys: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, keys: 0 };
  const inner = Object.values(value).map(measure);
  const keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    keys: Math.max(keys, ...inner.map((part) => part.keys)),
  };
}

test('depth and keys are counted as a recursive model counts them', () => {
  fc.assert(
    fc.property(spaced, (text) => {
      const { depth, keys } = measure(JSON.parse(text));
      assert.equal(verdict(text, { ...LIMITS, maxDepth: depth, maxKeys: keys }), undefined);
      if (depth > 0) assert.equal(verdict(text, { ...LIMITS, maxDepth: depth - 1 }), 'TOO_LARGE');
      if (keys > 1) assert.equal(verdict(text, { ...LIMITS, maxKeys: keys - 1 }), 'TOO_LARGE');
    }),
    { numRuns: 1000 },
  );
});

test('the payload of a message is found where it is, if it is the last key', () => {
  fc.assert(
    fc.property(message, fc.constantFrom('', ' ', '\n'), fc.boolean(), (any, space, isLast) => {
      const { payload, ...envelope } = JSON.parse(JSON.stringify(any));
      const text = JSON.stringify(isLast ? { ...envelope, payload } : { payload, ...envelope }, null, space);
      const bytes = Buffer.from(`  ${text} rest`);
      const found = scanMessage(jsonScan(bytes, LIMITS), 2);
      assert.equal(bytes.toString('utf8', found.start, found.end), text);
      if (payload === undefined || !isLast) assert.equal(found.payloadStart, -1);
      else assert.deepEqual(JSON.parse(bytes.toString('utf8', found.payloadStart, found.payloadEnd)), payload);
    }),
  );
});

test('a key that only looks like payload is not taken for it', () => {
  for (const tail of ['"p\\u0061yload":1', '"payload2":1', '"Payload":1', '"payload":1,"x":2', '"x":{"payload":1}']) {
    const text = `{"v":1,${tail}}`;
    assert.equal(scanMessage(jsonScan(Buffer.from(text), LIMITS), 0).payloadStart, -1, text);
  }
});

test('nesting of any depth is refused without recursion', () => {
  for (const open of ['[', '{"a":', '[{"a":']) {
    assert.equal(verdict(open.repeat(100_000)), 'TOO_LARGE');
    assert.equal(verdict(open.repeat(64), DEFAULT_DECODE_LIMITS), open === '[{"a":' ? 'TOO_LARGE' : 'DESERIALIZATION');
    assert.equal(verdict(open.repeat(65), DEFAULT_DECODE_LIMITS), 'TOO_LARGE');
  }
});

test('an error says what was expected where', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"v":1,"payload":x}', /^not JSON: expected a value at byte 17, found 'x'$/],
    ['{"v":1 "id"', /expected ',' or '}' at byte 7, found '"'$/],
    ['{"v":"a\u0001"}', /at byte 7, found byte 0x01$/],
    ['{"v":[1', /expected ',' or ']' at byte 7, found the end$/],
    ['{"v":"abc', /expected a closing quote at byte 9, found the end$/],
  ];
  for (const [text, expected] of cases) {
    assert.throws(() => scanMessage(jsonScan(Buffer.from(text), LIMITS), 0), {
      code: 'DESERIALIZATION',
      message: expected,
    });
  }
  assert.equal(scanMessage(jsonScan(Buffer.from(JSON.stringify(sample())), LIMITS), 0).payloadStart, -1);
});
