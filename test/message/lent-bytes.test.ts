import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import { jsonCodec } from '../../src/message/json-codec.js';
import { msgpackCodec, msgpackDeflateCodec } from '../../src/message/msgpack-codec.js';
import { CODECS, message, sample } from './arbitraries.js';

const LENT = { lent: true };
const bytesOf = (size: number) => new Uint8Array(size).map((_, i) => i * 7);
const control = (payload: unknown) => sample({ kind: 'control', type: 'body-chunk', ttl: undefined, payload });

test('bytes at the end of a control message are lent, and the rest is as if they were not', () => {
  for (const codec of [msgpackCodec, msgpackDeflateCodec]) {
    for (const size of [4096, 65_535, 65_536, 300_000]) {
      const data = bytesOf(size);
      const chunk = control({ offset: 7, crc: 4_000_000_000, data });
      const lent = codec.encode(chunk, LENT);
      assert.equal(lent.tail, data);
      assert.equal(lent.bytes, lent.data.length + size);
      assert.equal(lent.inflatedBytes, lent.bytes);
      const plain = codec.encode(chunk);
      assert.equal(plain.tail, undefined);
      assert.ok(Buffer.concat([lent.data as Uint8Array, data]).equals(plain.data as Uint8Array));
      assert.deepEqual(codec.join([lent]), codec.join([plain]));
      assert.deepEqual(codec.join([plain, lent, lent]), codec.join([plain, plain, plain]));
    }
  }
});

test('nothing else is lent', () => {
  const data = bytesOf(10_000);
  const others = [
    sample({ kind: 'request', payload: { data } }),
    control({ data: bytesOf(4095) }),
    control({ data, offset: 7 }),
    control({ inner: { data } }),
    control(data),
    control([data]),
    control(null),
    control(undefined),
    control({ when: new Date(0), data }),
    control({}),
  ];
  for (const codec of CODECS) {
    for (const other of others) assert.deepEqual(codec.encode(other, LENT), codec.encode(other));
    fc.assert(fc.property(message, (any) => assert.deepEqual(codec.encode(any, LENT), codec.encode(any))));
  }
  assert.equal(jsonCodec.encode(control({ data }), LENT).tail, undefined);
  assert.throws(() => msgpackCodec.encode(control({ deep: 7n, data }), LENT), { code: 'SERIALIZATION' });
});

test('many bytes of a control message are read as a view, if that holds on to little more', () => {
  const data = bytesOf(100_000);
  const read = (frame: Uint8Array, lazy = false) => {
    const { messages } = msgpackCodec.decode(frame, DEFAULT_DECODE_LIMITS, { lazy });
    return messages.map(({ payload }) => (payload as { readonly data: Uint8Array }).data);
  };
  const chunk = msgpackCodec.encode(control({ offset: 7, data }));
  const own = Uint8Array.from(chunk.data as Uint8Array);
  for (const lazy of [false, true]) {
    const [view] = read(own, lazy);
    assert.deepEqual(view, data);
    assert.equal(view?.buffer, own.buffer);
    assert.equal(Object.getPrototypeOf(view), Uint8Array.prototype);
    const batch = Uint8Array.from(msgpackCodec.join([chunk, chunk, chunk]) as Uint8Array);
    for (const part of read(batch, lazy)) {
      assert.deepEqual(part, data);
      assert.notEqual(part.buffer, batch.buffer);
    }
  }
  const event = msgpackCodec.encode(sample({ kind: 'event', payload: { data } }));
  const frame = Uint8Array.from(event.data as Uint8Array);
  assert.notEqual(read(frame)[0]?.buffer, frame.buffer, "a user's bytes are the user's own");
  const proto = control(Object.defineProperty({}, '__proto__', { value: { data }, enumerable: true }));
  const { invalid } = msgpackCodec.decode(msgpackCodec.encode(proto).data, DEFAULT_DECODE_LIMITS);
  assert.equal(invalid.length, 1, 'it is looked at like any other');
});
