import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Codec, DEFAULT_DECODE_LIMITS, type Frame } from '../../src/message/codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { payloadOf, RawPayload } from '../../src/message/raw-payload.js';
import { CODECS, message, objectOf, sample } from './arbitraries.js';

const frameOf = (codec: Codec, messages: readonly NetworkMessage[]): Frame =>
  codec.join(messages.map((any) => codec.encode(any)));

function decoded(codec: Codec, frame: Frame, lazy = false): readonly NetworkMessage[] {
  const { messages, invalid } = codec.decode(frame, DEFAULT_DECODE_LIMITS, { lazy });
  assert.deepEqual(invalid, []);
  return messages;
}

const withValues = (messages: readonly NetworkMessage[]): NetworkMessage[] =>
  messages.map((any) => ({ ...any, payload: payloadOf(any) }));

const through = (codec: Codec, payload: unknown): unknown =>
  payloadOf(decoded(codec, frameOf(codec, [sample({ payload })]))[0] as NetworkMessage);

const batch = fc.array(message, { minLength: 1, maxLength: 5 });

for (const codec of CODECS) {
  test(`${codec.name}: what is encoded, joined and decoded is what it was`, () => {
    fc.assert(
      fc.property(batch, (messages) => {
        const frame = frameOf(codec, messages);
        assert.deepEqual(decoded(codec, frame), messages);
        assert.deepEqual(withValues(decoded(codec, frame, true)), messages);
      }),
      { numRuns: codec.plain === codec ? 300 : 100 },
    );
  });

  test(`${codec.name}: the size of an encoded message is its size on the wire`, () => {
    fc.assert(
      fc.property(message, (any) => {
        const { data, bytes } = codec.encode(any);
        assert.equal(bytes, Buffer.byteLength(data as string));
        assert.equal(typeof data === 'string', !codec.binary);
      }),
    );
  });

  test(`${codec.name}: every message has the same object shape, whatever was sent`, () => {
    const keys = [
      'v',
      'id',
      'kind',
      'type',
      'from',
      'to',
      'ts',
      're',
      'ttl',
      'priority',
      'component',
      'body',
      'payload',
    ];
    for (const lazy of [false, true]) {
      const frame = frameOf(codec, [sample(), sample({ payload: 1, re: 'x' })]);
      for (const any of decoded(codec, frame, lazy)) assert.deepEqual(Object.keys(any), keys);
    }
  });

  test(`${codec.name}: lazy payloads are raw, those of netmgr's own messages are not`, () => {
    const kinds = ['event', 'request', 'control', 'heartbeat'].map((kind) => sample({ kind, payload: { a: 1 } }));
    const raw = decoded(codec, frameOf(codec, kinds), true).map(({ payload }) => payload instanceof RawPayload);
    assert.deepEqual(raw, [true, true, false, false]);
    const [any] = decoded(codec, frameOf(codec, kinds), true) as [NetworkMessage];
    assert.equal(payloadOf(any), payloadOf(any), 'decoded once');
  });

  test(`${codec.name}: null is a payload, undefined is none`, () => {
    const messages = [sample({ payload: null }), sample()];
    for (const lazy of [false, true]) {
      const [first, second] = withValues(decoded(codec, frameOf(codec, messages), lazy));
      assert.equal(first?.payload, null);
      assert.equal(second?.payload, undefined);
    }
  });

  test(`${codec.name}: bytes arrive as plain bytes that share no memory with the frame`, () => {
    for (const size of [0, 1, 2, 3, 255, 256, 70_000]) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => i * 7);
      const frame = frameOf(codec, [sample({ payload: { a: [Buffer.from(bytes)] } })]);
      const [{ payload }] = decoded(codec, frame) as [NetworkMessage];
      const [arrived] = (payload as { a: [Uint8Array] }).a;
      if (typeof frame !== 'string') frame.fill(0xff);
      assert.equal(Object.getPrototypeOf(arrived), Uint8Array.prototype);
      assert.deepEqual(arrived, bytes);
    }
    assert.deepEqual(through(codec, new Uint8Array([1, 2])), new Uint8Array([1, 2]));
  });

  test(`${codec.name}: values are written as JSON.stringify writes them`, () => {
    class Point {
      x = 1;
      y = new Date(0);
    }
    const values: readonly unknown[] = [
      new Date(1e12),
      { a: undefined, b: () => 1, c: Symbol('s'), d: 1 },
      [undefined, () => 1, Number.NaN, Number.POSITIVE_INFINITY, -0],
      new Array(2),
      new Point(),
      new Error('x'),
      Object.create(null),
      new Number(5),
      new String('boxed'),
      { toJSON: () => ({ replaced: [new Date(0)] }) },
      { toJSON: 5, constructor: 'x', hasOwnProperty: 1, prototype: null },
      { $b64: undefined, a: 1 },
      objectOf([['__proto__', { polluted: true }]]),
      2 ** 53,
      -(2 ** 53),
      2 ** 32,
      -(2 ** 31) - 1,
      1e300,
      5e-324,
      '',
    ];
    for (const value of values) assert.deepEqual(through(codec, value), JSON.parse(JSON.stringify(value)));
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  test(`${codec.name}: a toJSON may give bytes, and a raw payload may stand inside another`, () => {
    const bytes = new Uint8Array([1, 2, 3]);
    assert.deepEqual(through(codec, { a: { toJSON: () => ({ bytes }) } }), { a: { bytes } });
    for (const other of CODECS) {
      const [raw] = decoded(other, frameOf(other, [sample({ payload: { bytes, n: 1 } })]), true) as [NetworkMessage];
      assert.deepEqual(through(codec, { inner: raw.payload }), { inner: { bytes, n: 1 } });
      const [scalar] = decoded(other, frameOf(other, [sample({ payload: 7 })]), true) as [NetworkMessage];
      assert.deepEqual(through(codec, [scalar.payload]), [7]);
    }
  });

  test(`${codec.name}: objects that look like bytes are told from bytes`, () => {
    const values = [
      { $b64: 'AQID' },
      { $b64: 5 },
      { $$b64: 'AQID' },
      { $b64: { $b64: { $$$b64: null } } },
      { $b64: 'x', other: 1 },
      { b64: 'x' },
      [{ $b64: new Uint8Array([1]) }],
    ];
    for (const value of values) assert.deepEqual(through(codec, value), value);
    for (const gone of [undefined, () => 1, Symbol('s'), { toJSON: () => undefined }]) {
      assert.deepEqual(through(codec, { $b64: 'AQID', gone }), { $b64: 'AQID' });
      assert.deepEqual(through(codec, { gone, also: gone, $b64: 'AQID' }), { $b64: 'AQID' });
    }
    assert.deepEqual(through(codec, { $b64: 'AQID', kept: Number.NaN }), { $b64: 'AQID', kept: null });
  });

  test(`${codec.name}: what has no wire form is refused, and its path is named`, () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const deep = (levels: number, innermost: unknown): unknown =>
      Array.from({ length: levels }).reduce((inner) => ({ a: inner }), innermost);
    const manyKeys = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${i}`, i]));
    const bad: readonly (readonly [unknown, RegExp])[] = [
      [{ a: [{ b: 1n }] }, /^payload\.a\[0\]\.b: a bigint/],
      [1n, /^payload: a bigint/],
      [() => 1, /^payload: /],
      [Symbol('s'), /^payload: /],
      [{ toJSON: () => undefined }, /^payload: /],
      [{ m: new Map() }, /^payload\.m: a Map or Set/],
      [{ s: new Set() }, /^payload\.s: a Map or Set/],
      [new ArrayBuffer(2), /^payload: of all buffers/],
      [[new Float32Array(2)], /^payload\[0\]: of all buffers/],
      [circular, /^payload(\.self)+.*: nested more than 64 deep, or circular$/],
      [deep(65, 1), /nested more than 64 deep/],
      [deep(64, new Uint8Array(1)), /nested more than 64 deep/],
      [manyKeys, /^payload: an object with more than 10000 keys$/],
      [{ 'a\x1b': 1n }, /^payload\.a\\x1b: /],
      [
        {
          get a(): number {
            throw new Error('getter\x07');
          },
        },
        /^payload: getter\\x07$/,
      ],
    ];
    for (const [payload, expected] of bad) {
      assert.throws(() => codec.encode(sample({ payload })), {
        name: 'NetworkError',
        code: 'SERIALIZATION',
        message: expected,
      });
    }
    assert.deepEqual(through(codec, deep(64, 1)), deep(64, 1));
    assert.deepEqual(through(codec, deep(63, new Uint8Array(1))), deep(63, new Uint8Array(1)));
    assert.deepEqual(through(codec, 'still works'), 'still works');
  });

  test(`${codec.name}: encoding may be called again from inside a toJSON`, () => {
    const nested = { toJSON: () => frameOf(codec, [sample({ payload: 'inner' })]).length };
    assert.equal(typeof through(codec, { nested }), 'object');
  });

  test(`${codec.name}: a text with half a character does no harm`, () => {
    const value = through(codec, { text: 'a\ud800b', long: `${'x'.repeat(100)}\udc00` }) as {
      text: string;
      long: string;
    };
    assert.match(value.text, /^a[\ud800\ufffd]b$/);
    assert.match(value.long, /^x{100}[\udc00\ufffd]$/);
  });

  for (const other of CODECS) {
    test(`${codec.name}: what is relayed to ${other.name} unparsed arrives as it was`, () => {
      fc.assert(
        fc.property(batch, (messages) => {
          const relayed = decoded(codec, frameOf(codec, messages), true);
          assert.deepEqual(decoded(other, frameOf(other, relayed)), messages);
          assert.deepEqual(withValues(decoded(other, frameOf(other, relayed), true)), messages);
        }),
        { numRuns: other === other.plain ? 100 : 40 },
      );
    });
  }
}
