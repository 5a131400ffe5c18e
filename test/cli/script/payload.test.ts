import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNetworkError } from '../../../src/base/errors.js';
import { scriptInput, scriptOutput } from '../../../src/cli/script/payload.js';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

const INPUTS: readonly (readonly [string, unknown, string | Uint8Array])[] = [
  ['text is raw', 'two\nlines "q"', 'two\nlines "q"'],
  ['text that looks like JSON is raw too', '{"a":1}', '{"a":1}'],
  ['no payload is nothing', undefined, ''],
  ['null', null, 'null'],
  ['a number', 12.5, '12.5'],
  ['true', true, 'true'],
  ['an object, no newline added', { a: [1, 'é'] }, '{"a":[1,"é"]}'],
  ['bytes are raw', bytes(0, 255, 10), bytes(0, 255, 10)],
  ['bytes inside', { a: bytes(1, 2, 3) }, '{"a":{"$b64":"AQID"}}'],
  ['what looks like bytes inside', { $b64: 'x' }, '{"$$b64":"x"}'],
];

for (const [name, payload, expected] of INPUTS) {
  test(`stdin: ${name}`, () => assert.deepEqual(scriptInput(payload), expected));
}

const OUTPUTS: readonly (readonly [string, string | Uint8Array, unknown])[] = [
  ['text loses its last newline', 'abc\n', 'abc'],
  ['and only the last', 'abc\n\n', 'abc\n'],
  ['CRLF is one newline', 'abc\r\n', 'abc'],
  ['no newline, nothing lost', 'abc ', 'abc '],
  ['nothing is the empty text', '', ''],
  ['a newline is the empty text', '\n', ''],
  ['a number stays text', '123e456\n', '123e456'],
  ['20 digits stay text', '12345678901234567890', '12345678901234567890'],
  ['true and null stay text', 'null\n', 'null'],
  ['a blank before JSON makes it text', ' {"a":1}\n', ' {"a":1}'],
  ['an object', '{"a":1}\n', { a: 1 }],
  ['a list over several lines', '[1,\n 2\n]\n', [1, 2]],
  ['a string', '"a\\n"\n', 'a\n'],
  ['a BOM stays', '\ufefft', '\ufefft'],
  ['NUL is a character', 'a\0b\n', 'a\0b'],
  ['not UTF-8: bytes, whole', bytes(0x61, 0xff, 0x0a), bytes(0x61, 0xff, 0x0a)],
  ['not UTF-8 though it begins like JSON', bytes(0x7b, 0xff), bytes(0x7b, 0xff)],
  ['bytes in JSON', '{"a":{"$b64":"AQID"}}', { a: bytes(1, 2, 3) }],
  ['nothing but bytes', '{"$b64":""}', bytes()],
  ['escaped', '{"$$b64":"AQID"}', { $b64: 'AQID' }],
];

for (const [name, output, expected] of OUTPUTS) {
  test(`stdout: ${name}`, () => assert.deepEqual(scriptOutput(Buffer.from(output)), expected));
}

test('__proto__ is a key like any other', () => {
  const payload = scriptOutput(Buffer.from('{"__proto__":{"x":{"$b64":"AA=="}}}')) as object;
  assert.deepEqual(Object.keys(payload), ['__proto__']);
  assert.equal(Object.getPrototypeOf(payload), Object.prototype);
});

for (const output of ['[INFO] done\n', '{', '"', '{"a":1} and more', '{"$b64":"no base64!"}', '['.repeat(200_000)]) {
  test(`stdout that begins like JSON and is not: ${output.slice(0, 20)}`, () => {
    assert.throws(
      () => scriptOutput(Buffer.from(output)),
      (error) => {
        assert.ok(isNetworkError(error));
        assert.equal(error.code, 'HANDLER_FAILED');
        assert.match(error.message, /^stdout begins like JSON and is not/);
        assert.ok(error.message.length < 400, error.message);
        return true;
      },
    );
  });
}

test('any JSON value of objects, lists and strings survives a script that copies it', () => {
  const container = fc.oneof(fc.object(), fc.array(fc.jsonValue())).map((value) => JSON.parse(JSON.stringify(value)));
  fc.assert(
    fc.property(container, (value) => {
      assert.deepEqual(scriptOutput(Buffer.from(scriptInput(value))), value);
    }),
  );
});
