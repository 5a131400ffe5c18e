import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Packr } from 'msgpackr';
import { type Codec, DEFAULT_DECODE_LIMITS as LIMITS } from '../../src/message/codec.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { CODECS, objectOf, sample } from './arbitraries.js';

const foreign = new Packr({ useRecords: false });

/** A frame with any value in it, written by somebody else. */
function frameOf(codec: Codec, value: unknown): string | Uint8Array {
  const text = JSON.stringify(value);
  return codec.binary ? foreign.pack(JSON.parse(text)) : text;
}

const refused = (
  codec: Codec,
  frame: string | Uint8Array,
  expected: { code: string; message?: RegExp },
  limits = LIMITS,
) => {
  for (const lazy of [false, true]) {
    assert.throws(() => codec.decode(frame, limits, { lazy }), { name: 'NetworkError', ...expected });
  }
};

const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], 1);

for (const codec of CODECS) {
  test(`${codec.name}: a batch holds 1 to 4,096 messages`, () => {
    const part = codec.encode(sample());
    for (const size of [1, 2, 15, 16, 4096]) {
      const frame = codec.join(new Array(size).fill(part));
      assert.equal(codec.decode(frame, LIMITS).messages.length, size);
      assert.equal(codec.decode(frame, LIMITS, { lazy: true }).messages.length, size);
    }
    refused(codec, frameOf(codec, []), { code: 'DESERIALIZATION', message: /empty batch/ });
    const tooMany = new Array(4097).fill(JSON.parse(JSON.stringify(sample())));
    refused(codec, frameOf(codec, tooMany), { code: 'TOO_LARGE', message: /more than 4096 messages/ });
    assert.throws(() => codec.join([]), { code: 'SERIALIZATION' });
    assert.throws(() => codec.join(new Array(4097).fill(part)), { code: 'SERIALIZATION', message: /4097/ });
  });

  test(`${codec.name}: a frame has a limit in bytes`, () => {
    const { data, inflatedBytes: bytes } = codec.encode(sample({ payload: 'é'.repeat(1000) }));
    assert.equal(codec.decode(data, { ...LIMITS, maxFrameBytes: bytes }).messages.length, 1);
    const max = bytes - 1;
    const text = codec === codec.plain ? `${bytes} bytes; the limit is ${max}` : `inflates to more than ${max} bytes`;
    refused(codec, data, { code: 'TOO_LARGE', message: new RegExp(text) }, { ...LIMITS, maxFrameBytes: max });
    refused(codec, codec.encode(sample({ payload: 'x'.repeat(LIMITS.maxFrameBytes) })).data, { code: 'TOO_LARGE' });
  });

  test(`${codec.name}: a payload may be nested 64 deep, wherever it stands in the message`, () => {
    const fine = { ...sample(), payload: nested(64) };
    assert.deepEqual(codec.decode(frameOf(codec, fine), LIMITS).messages[0]?.payload, nested(64));
    for (const value of [
      { ...sample(), payload: nested(65) },
      { payload: nested(65), ...JSON.parse(JSON.stringify(sample())) },
      { ...sample(), extra: nested(65) },
    ]) {
      refused(codec, frameOf(codec, value), { code: 'TOO_LARGE', message: /64 deep/ });
      refused(codec, frameOf(codec, [sample(), value]), { code: 'TOO_LARGE' });
    }
  });

  test(`${codec.name}: an object may have 10,000 keys`, () => {
    const keys = (size: number) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, 0]));
    assert.equal(codec.decode(frameOf(codec, { ...sample(), payload: keys(10_000) }), LIMITS).messages.length, 1);
    for (const value of [
      { ...sample(), payload: [keys(10_001)] },
      { ...sample(), ...keys(10_000) },
    ]) {
      refused(codec, frameOf(codec, value), { code: 'TOO_LARGE', message: /more than 10000 keys/ });
    }
  });

  test(`${codec.name}: one broken member of a batch costs the others nothing`, () => {
    const members = [
      { ...sample(), id: 'a1' },
      { ...sample(), id: 'a2', from: 'A B' },
      7,
      [],
      null,
      { ...sample(), id: 'a3' },
      { v: 9, id: 'a4' },
    ];
    for (const lazy of [false, true]) {
      const { messages, invalid } = codec.decode(frameOf(codec, members), LIMITS, { lazy });
      assert.deepEqual(
        messages.map(({ id }) => id),
        ['a1', 'a3'],
      );
      assert.deepEqual(
        invalid.map(({ id }) => id),
        ['a2', undefined, undefined, undefined, 'a4'],
      );
      assert.match(invalid[0]?.error.message ?? '', /^from: 'A B' is not a node name/);
      assert.deepEqual(
        invalid.map(({ error }) => error.code),
        [...new Array(4).fill('INVALID_MESSAGE'), 'VERSION_MISMATCH'],
      );
    }
  });

  test(`${codec.name}: a name of a megabyte is refused by name, briefly`, () => {
    const huge = 'x'.repeat(1_000_000);
    for (const field of ['id', 'type', 'from', 'to', 're', 'component', 'kind', 'priority']) {
      const { messages, invalid } = codec.decode(frameOf(codec, { ...sample(), [field]: huge }), LIMITS);
      assert.equal(messages.length, 0);
      const shown = invalid[0]?.error.message ?? '';
      assert.ok(shown.startsWith(`${field}: 'xxx`), shown);
      assert.ok(shown.length < 300);
    }
  });

  test(`${codec.name}: keys that reach a prototype are data, or refused where netmgr reads`, () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const payload = {
        list: [
          objectOf([
            ['first', 1],
            [key, { polluted: true }],
            ['last', 2],
          ]),
        ],
      };
      for (const lazy of [false, true]) {
        const frame = codec.join(
          ['request', 'control', 'heartbeat'].map((kind) => codec.encode(sample({ kind, payload }))),
        );
        const { messages, invalid } = codec.decode(frame, LIMITS, { lazy });
        assert.equal(messages.length, 1);
        assert.deepEqual(
          invalid.map(({ error }) => error.code),
          ['INVALID_MESSAGE', 'INVALID_MESSAGE'],
        );
        assert.deepEqual(messages.map(payloadOf), [payload]);
        const [arrived] = (payloadOf(messages[0] as object) as { list: [object] }).list;
        assert.deepEqual(Object.keys(arrived), ['first', key, 'last']);
        assert.equal(Object.getPrototypeOf(arrived), Object.prototype);
      }
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  test(`${codec.name}: fields in any order, unknown ones among them, and a payload that is not last`, () => {
    const value = { payload: { $b64: 'AQID' }, extra: [1], ...JSON.parse(JSON.stringify(sample())), zzz: null };
    const expected = codec.binary ? { $b64: 'AQID' } : new Uint8Array([1, 2, 3]);
    for (const lazy of [false, true]) {
      const { messages } = codec.decode(frameOf(codec, value), LIMITS, { lazy });
      assert.deepEqual(
        messages.map((any) => ({ ...any, payload: payloadOf(any) })),
        [sample({ payload: expected })],
      );
    }
  });
}
