import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { type Codec, DEFAULT_DECODE_LIMITS as LIMITS } from '../../src/message/codec.js';
import { MESSAGE_KINDS, type NetworkMessage } from '../../src/message/message.js';
import { payloadOf, RawPayload } from '../../src/message/raw-payload.js';
import { message, sample } from './arbitraries.js';
import { batchOf, bomb, compressed, DEFLATE_CODECS, foreignValue } from './deflate-frames.js';

/** As large in its encoding as it says, which has two quotes in JSON and three bytes of header in MessagePack. */
const textOf = (codec: Codec, bytes: number): string => 'x'.repeat(bytes - (codec.binary ? 3 : 2));

const wireOf = (codec: Codec, any: NetworkMessage): Buffer => Buffer.from(codec.encode(any).data as string);

const isCompressed = (codec: Codec, any: NetworkMessage): boolean =>
  wireOf(codec, any).includes(codec.binary ? '\xa7deflate' : ',"deflate":"', 'latin1');

const rows = (count: number): unknown =>
  Array.from({ length: count }, (_, i) => ({ id: `job-${i}`, host: `worker-${i % 17}.example.org`, ok: i % 3 > 0 }));

function rawOf(codec: Codec, frame: string | Uint8Array): RawPayload {
  const [arrived] = codec.decode(frame, LIMITS, { lazy: true }).messages;
  assert.ok(arrived?.payload instanceof RawPayload);
  return arrived.payload;
}

for (const codec of DEFLATE_CODECS) {
  test(`${codec.name}: payloads from 1,024 encoded bytes up are compressed, but not those of netmgr's own messages`, () => {
    for (const kind of MESSAGE_KINDS) {
      const isOurs = kind === 'control' || kind === 'heartbeat';
      const [below, from] = [1023, 1024].map((bytes) => sample({ kind, re: 'x', payload: textOf(codec, bytes) }));
      assert.equal(isCompressed(codec, below as NetworkMessage), false);
      assert.equal(isCompressed(codec, from as NetworkMessage), !isOurs);
    }
  });

  test(`${codec.name}: what compression would not make smaller stays as it is`, () => {
    const noise = randomBytes(4000);
    for (const payload of [noise, new Uint8Array(noise), noise.toString('base64')]) {
      const any = sample({ payload });
      const plain = codec.plain.encode(any);
      assert.deepEqual(codec.encode(any).bytes <= plain.bytes, true);
      if (codec.binary && typeof payload !== 'string') assert.deepEqual(codec.encode(any), plain);
    }
  });

  test(`${codec.name}: on the wire stands a readable envelope, and one stream of raw deflate in the place of the payload`, () => {
    const payload = { list: rows(100), text: 'ü€😀' };
    const any = sample({ payload });
    const { data } = codec.encode(any);
    assert.ok(data.length < foreignValue(codec, payload).length / 2);
    if (codec.binary) {
      const [arrived] = codec.plain.decode(data, LIMITS).invalid;
      assert.equal(arrived?.id, any.id);
      return;
    }
    const { deflate, ...envelope } = JSON.parse(data as string);
    const { payload: _, ...expected } = JSON.parse(codec.plain.encode(any).data as string);
    assert.deepEqual(envelope, expected);
    assert.deepEqual(JSON.parse(inflateRawSync(Buffer.from(deflate, 'base64')).toString()), payload);
  });

  test(`${codec.name}: a message is told to be as large as it is uncompressed`, () => {
    fc.assert(
      fc.property(message, (any) => {
        assert.equal(codec.encode(any).inflatedBytes, codec.plain.encode(any).bytes);
        assert.equal(codec.plain.encode(any).inflatedBytes, codec.plain.encode(any).bytes);
      }),
    );
  });

  test(`${codec.name}: a relay hands on the compressed bytes as they came, and inflated to those who take no others`, () => {
    for (const payload of [{ list: rows(100) }, { bytes: new Uint8Array(3000), $b64: 1 }]) {
      // Another level, so that compressing it once more would give other bytes.
      const { encoded } = rawOf(codec.plain, codec.plain.encode(sample({ payload })).data);
      const deflated = deflateRawSync(encoded, { level: 9 });
      const raw = rawOf(codec, compressed(codec, deflated));
      const again = rawOf(codec, codec.encode(sample({ payload: raw })).data);
      assert.deepEqual(again.deflated, codec.binary ? new Uint8Array(deflated) : deflated.toString('base64'));
      assert.deepEqual(rawOf(codec.plain, codec.plain.encode(sample({ payload: raw })).data).encoded, encoded);
      assert.equal(raw.size, encoded.length + (raw.deflated?.length ?? 0));
      assert.deepEqual(again.value(), payload);
    }
  });

  test(`${codec.name}: a compressed form that is no smaller is not handed on`, () => {
    const stored = deflateRawSync(foreignValue(codec, 'x'.repeat(2000)), { level: 0 });
    const raw = rawOf(codec, compressed(codec, stored));
    const any = sample({ payload: raw });
    assert.deepEqual(codec.encode(any), codec.plain.encode(any));
  });

  test(`${codec.name}: without the agreement it is refused, and the others of its frame are not`, () => {
    const good = Buffer.from(codec.encode(sample()).data as string);
    const frame = batchOf(codec, [good, compressed(codec, deflateRawSync(foreignValue(codec, 'x'.repeat(2000))))]);
    for (const lazy of [false, true]) {
      const { messages, invalid } = codec.plain.decode(frame, LIMITS, { lazy });
      assert.equal(messages.length, 1);
      assert.deepEqual(
        invalid.map(({ id, error }) => [id, error.code, error.message]),
        [[sample().id, 'INVALID_MESSAGE', 'deflate: this connection has not agreed on compression']],
      );
      assert.equal(codec.decode(frame, LIMITS, { lazy }).messages.length, 2);
    }
  });

  test(`${codec.name}: a compressed payload where none may be costs its message alone`, () => {
    const good = Buffer.from(codec.encode(sample()).data as string);
    const deflated = deflateRawSync(foreignValue(codec, 'x'.repeat(2000)));
    const base64 = deflated.toString('base64');
    const { payload: _, ...envelope } = JSON.parse(JSON.stringify(sample()));
    const own = codec.binary ? deflated : base64;
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [{ ...envelope, kind: 'control', deflate: own }, /^deflate: a control message is never compressed$/],
      [{ ...envelope, kind: 'heartbeat', deflate: own }, /^deflate: a heartbeat message is never compressed$/],
      [{ ...envelope, payload: 1, deflate: own }, /^deflate: there is a payload beside it$/],
      [{ ...envelope, deflate: own, payload: null }, /^deflate: there is a payload beside it$/],
      [{ ...envelope, deflate: null }, /^deflate: null is not (padded base64|bytes)$/],
      [{ ...envelope, deflate: 7 }, /^deflate: 7 is not (padded base64|bytes)$/],
      [{ ...envelope, deflate: [own] }, /^deflate: a list is not (padded base64|bytes)$/],
      [{ ...envelope, deflate: 'x\x1b[2J' }, /^deflate: 'x\\x1b\[2J' is not (padded base64|bytes)$/],
      [{ ...envelope, deflate: `${base64.slice(0, -4)}\n${base64.slice(-4)}` }, /^deflate: '.* is not/],
      [{ ...envelope, deflate: 'a-_a' }, /^deflate: 'a-_a' is not/],
      [{ ...envelope, deflate: 'AQJ=' }, /^deflate: 'AQJ=' is not/],
      [{ ...envelope, deflate: 'AQI' }, /^deflate: 'AQI' is not/],
    ];
    for (const [value, expected] of cases) {
      for (const lazy of [false, true]) {
        const frame = batchOf(codec, [good, foreignValue(codec, value), good]);
        const { messages, invalid } = codec.decode(frame, LIMITS, { lazy });
        assert.equal(messages.length, 2);
        assert.deepEqual([invalid.length, invalid[0]?.error.code], [1, 'INVALID_MESSAGE']);
        assert.match(invalid[0]?.error.message ?? '', expected);
      }
    }
  });

  test(`${codec.name}: what is no stream, or more than one, is refused as a whole`, () => {
    const whole = deflateRawSync(foreignValue(codec, rows(60)));
    const flipped = Buffer.from(whole);
    flipped[0] = (flipped[0] as number) ^ 0b110;
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [Buffer.alloc(0), /^deflate: unexpected end of file$/],
      [whole.subarray(0, -1), /^deflate: unexpected end of file$/],
      [whole.subarray(0, 20), /^deflate: unexpected end of file$/],
      [Buffer.concat([whole, Buffer.alloc(1)]), /^deflate: 1 bytes follow the end of the stream$/],
      [Buffer.concat([whole, whole]), /^deflate: \d+ bytes follow the end of the stream$/],
      [flipped, /^deflate: invalid /],
      [Buffer.from('x'.repeat(3000)), /^deflate: invalid /],
      [deflateRawSync(foreignValue(codec, 'x'.repeat(1000))), /^deflate: it inflates to 100\d bytes, but .* 1024 /],
      [deflateRawSync(Buffer.alloc(0)), /^deflate: it inflates to 0 bytes, but /],
    ];
    for (const [deflated, expected] of cases) {
      for (const lazy of [false, true]) {
        assert.throws(() => codec.decode(compressed(codec, deflated), LIMITS, { lazy }), {
          name: 'NetworkError',
          code: 'DESERIALIZATION',
          message: expected,
        });
      }
    }
  });

  test(`${codec.name}: what it inflates to is checked as if it had stood in the frame`, () => {
    const padding = 'x'.repeat(2000);
    const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], padding);
    const keys = (size: number) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, 0]));
    const cases: readonly (readonly [Buffer, string, RegExp])[] = [
      [foreignValue(codec, nested(65)), 'TOO_LARGE', /64 deep/],
      [foreignValue(codec, keys(10_001)), 'TOO_LARGE', /10000 keys/],
      [Buffer.concat([foreignValue(codec, padding), foreignValue(codec, 1)]), 'DESERIALIZATION', /payload/],
      [foreignValue(codec, padding).subarray(0, -1), 'DESERIALIZATION', /^not (JSON|MessagePack): /],
      [Buffer.alloc(2000, 0xc1), 'DESERIALIZATION', /^not (JSON|MessagePack): /],
      [foreignValue(codec, padding).fill(0xff, 1000, 1001), 'DESERIALIZATION', /UTF-8/],
    ];
    for (const [inflated, code, expected] of cases) {
      for (const lazy of [false, true]) {
        assert.throws(() => codec.decode(compressed(codec, deflateRawSync(inflated)), LIMITS, { lazy }), {
          name: 'NetworkError',
          code,
          message: expected,
        });
      }
    }
    const fine = foreignValue(codec, nested(64));
    assert.deepEqual(rawOf(codec, compressed(codec, deflateRawSync(fine))).value(), nested(64));
  });

  test(`${codec.name}: a payload that looks like a compressed one is data`, () => {
    const inner = { ...sample(), deflate: deflateRawSync('x'.repeat(3000)).toString('base64'), list: rows(30) };
    const [arrived] = codec.decode(codec.encode(sample({ payload: inner })).data, LIMITS).messages;
    assert.deepEqual(payloadOf(arrived as NetworkMessage), JSON.parse(JSON.stringify(inner)));
  });

  test(`${codec.name}: a frame that inflates has the limit that it would have uncompressed, to the byte`, () => {
    const large = fc.record({ n: fc.integer({ min: 40, max: 200 }), kind: fc.constantFrom('event', 'request') });
    fc.assert(
      fc.property(fc.array(large, { minLength: 1, maxLength: 6 }), fc.boolean(), (members, lazy) => {
        const messages = members.map(({ n, kind }) => sample({ kind, payload: rows(n) }));
        const frame = codec.join(messages.map((any) => codec.encode(any)));
        const plain = codec.plain.join(messages.map((any) => codec.plain.encode(any)));
        const maxFrameBytes = Buffer.byteLength(plain as string);
        const { messages: arrived } = codec.decode(frame, { ...LIMITS, maxFrameBytes }, { lazy });
        assert.equal(arrived.length, messages.length);
        assert.throws(() => codec.decode(frame, { ...LIMITS, maxFrameBytes: maxFrameBytes - 1 }, { lazy }), {
          code: 'TOO_LARGE',
          message: new RegExp(`a frame that inflates to more than ${maxFrameBytes - 1} bytes`),
        });
      }),
      { numRuns: 30 },
    );
  });

  test(`${codec.name}: a bomb is really one`, () => {
    const stream = bomb(codec, 3);
    assert.ok(stream.length < 4000);
    const large = { ...LIMITS, maxFrameBytes: 4 * 1024 * 1024 };
    const [any] = codec.decode(compressed(codec, stream), large).messages;
    assert.equal(any?.payload, ' '.repeat(3 * 1024 * 1024));
    assert.throws(() => codec.decode(compressed(codec, stream), LIMITS), { code: 'TOO_LARGE' });
  });

  test(`${codec.name}: streams that were damaged are read or refused`, () => {
    const part = fc.uint8Array({ maxLength: 4 });
    const edit = fc.record({ at: fc.nat(), cut: fc.nat(4), put: part });
    const stream = fc
      .tuple(fc.integer({ min: 1, max: 80 }), fc.constantFrom(0, 1, 6, 9), fc.array(edit, { maxLength: 3 }))
      .map(([n, level, edits]) =>
        edits.reduce(
          (bytes, { at, cut, put }) => {
            const i = at % (bytes.length + 1);
            return Buffer.concat([bytes.subarray(0, i), put, bytes.subarray(i + cut)]);
          },
          deflateRawSync(foreignValue(codec, rows(n)), { level }),
        ),
      );
    let accepted = 0;
    fc.assert(
      fc.property(stream, fc.boolean(), (deflated, lazy) => {
        try {
          const [any] = codec.decode(compressed(codec, deflated), LIMITS, { lazy }).messages;
          const again = codec.decode(codec.encode(any as NetworkMessage).data, LIMITS).messages[0] as NetworkMessage;
          assert.deepEqual(payloadOf(again), payloadOf(any as NetworkMessage));
          accepted += 1;
        } catch (error) {
          assert.match(String((error as { code?: unknown }).code), /^(DESERIALIZATION|TOO_LARGE)$/);
        }
      }),
      { numRuns: 800 },
    );
    assert.ok(accepted > 50, `${accepted}`);
  });
}
