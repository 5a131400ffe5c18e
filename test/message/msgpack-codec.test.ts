import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { DEFAULT_DECODE_LIMITS as LIMITS } from '../../src/message/codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { msgpackCodec } from '../../src/message/msgpack-codec.js';
import type { RawPayload } from '../../src/message/raw-payload.js';
import { message, sample } from './arbitraries.js';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

const encoded = (any: NetworkMessage): Uint8Array => msgpackCodec.encode(any).data as Uint8Array;

/** A request whose payload is these bytes. */
function framed(...payload: readonly number[]): Uint8Array {
  return framedBytes(Uint8Array.from(payload));
}

function framedBytes(payload: Uint8Array): Uint8Array {
  const envelope = encoded(sample({ payload: null }));
  return Buffer.concat([envelope.subarray(0, -1), payload]);
}

const refused = (frame: Uint8Array, message: RegExp, code = 'DESERIALIZATION') => {
  for (const lazy of [false, true]) {
    assert.throws(() => msgpackCodec.decode(frame, LIMITS, { lazy }), { name: 'NetworkError', code, message });
  }
};

test('another implementation reads what is written: fields in order, payload last, absent ones left out', () => {
  const all = sample({
    re: 'r-1',
    priority: 'high',
    component: 'jobs',
    body: { size: 2 ** 40, resumable: true, attempt: 3 },
    payload: { a: [1, 'x', -70_000, 2 ** 40, -(2 ** 40)] },
  });
  const read = unpackr.unpack(encoded(all));
  assert.deepEqual(read, all);
  assert.deepEqual(Object.keys(read), Object.keys(all));
  assert.deepEqual(Object.keys(unpackr.unpack(encoded(sample()))), [
    'v',
    'id',
    'kind',
    'type',
    'from',
    'to',
    'ts',
    'ttl',
  ]);
});

test('what another implementation writes is read', () => {
  fc.assert(
    fc.property(message, (any) => {
      const text = JSON.stringify(any);
      fc.pre(!text.includes('__proto__') && !text.includes('constructor'));
      const value = JSON.parse(text);
      const { messages } = msgpackCodec.decode(packr.pack([value, value]), LIMITS);
      assert.deepEqual(
        messages.map((one) => JSON.parse(JSON.stringify(one))),
        [value, value],
      );
    }),
  );
});

test('numbers and texts of every width come through', () => {
  const numbers = [
    0,
    1,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    2 ** 60,
    0.5,
    1e-7,
  ];
  const texts = [0, 1, 31, 32, 47, 48, 255, 256, 65_535, 65_536].flatMap((size) => [
    'x'.repeat(size),
    'é'.repeat(size),
  ]);
  const payload = [
    ...numbers,
    ...numbers.map((value) => (value === 0 ? 0 : -value)),
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -32_769,
    ...texts,
  ];
  assert.deepEqual(msgpackCodec.decode(encoded(sample({ payload })), LIMITS).messages[0]?.payload, payload);
});

test('integers beyond 2^53 become the nearest double, as in JSON, never a bigint', () => {
  const [big] = msgpackCodec.decode(framed(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), LIMITS).messages;
  assert.equal(big?.payload, 2 ** 64);
  const [low] = msgpackCodec.decode(framed(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0), LIMITS).messages;
  assert.equal(low?.payload, -(2 ** 63));
});

test('extensions are refused, all of them', () => {
  const headers = [
    [0xc7, 1, 0xff, 0],
    [0xc8, 0, 1, 0xff, 0],
    [0xc9, 0, 0, 0, 1, 0xff, 0],
    [0xd4, 0x72, 0x40],
    [0xd5, 1, 0, 0],
    [0xd6, 0xff, 0, 0, 0, 0],
    [0xc1],
  ];
  for (const header of headers)
    refused(framed(...header), /^not MessagePack: type 0x\w\w \(extensions are not accepted\) at byte \d+$/);
  for (const value of [new Date(), new Set([1]), /x/, new Error('x'), undefined]) {
    const frame = new Packr({ useRecords: false, moreTypes: true }).pack({ ...sample(), payload: [value] });
    refused(frame, /extensions/);
  }
  refused(new Packr({ structuredClone: true }).pack({ ...sample(), payload: { a: 1 } }), /extensions|not MessagePack/);
});

test('a claimed size beyond the frame is refused before anything is made', () => {
  for (const token of [0xc6, 0xdb, 0xdd, 0xdf]) {
    refused(framed(token, 0xff, 0xff, 0xff, 0xff), /a size of 4294967295, more than the frame holds,|more than 10000/);
    refused(Uint8Array.from([token, 0xff, 0xff, 0xff, 0xff]), /not MessagePack/);
  }
  refused(framed(0xdd, 0xff, 0xff), /cut short/);
  refused(framed(0xda, 0), /cut short/);
  refused(framed(0x93, 1, 2), /the frame ends/);
  refused(framed(0xcb, 0, 0), /cut short/);
  refused(framed(0xa5, 0x61), /cut short/);
  refused(framed(), /the frame ends/);
  refused(new Uint8Array(0), /the frame ends at byte 0/);
  // Small lists that each claim as much as is left would multiply.
  refused(framed(...Array.from({ length: 60 }, () => [0xdc, 0, 60]).flat()), /not MessagePack/);
});

test('nesting of any depth is refused without recursion', () => {
  for (const open of [[0x91], [0x81, 0xa1, 0x61], [0xdc, 0, 1]]) {
    const deep = Uint8Array.from(Array.from({ length: 100_000 }, () => open).flat());
    refused(framedBytes(deep), /64 deep/, 'TOO_LARGE');
    refused(deep, /64 deep/, 'TOO_LARGE');
  }
  const levels = (size: number, innermost: readonly number[]) => framed(...new Array(size).fill(0x91), ...innermost);
  assert.equal(msgpackCodec.decode(levels(64, [0xc0]), LIMITS).messages.length, 1);
  assert.equal(msgpackCodec.decode(levels(63, [0xc4, 0]), LIMITS).messages.length, 1);
  refused(levels(64, [0xc4, 0]), /64 deep/, 'TOO_LARGE');
  refused(levels(64, [0x90]), /64 deep/, 'TOO_LARGE');
});

test('keys must be texts, texts must be UTF-8, and the frame must end where its value ends', () => {
  refused(framed(0x81, 1, 2), /a key that is no text at byte/);
  refused(framed(0x81, 0xc0, 2), /a key that is no text/);
  refused(framed(0xa2, 0xc3, 0x28), /a text that is not UTF-8/);
  refused(framed(0x81, 0xa1, 0xff, 1), /a text that is not UTF-8/);
  refused(framed(1, 2), /more than a message or a list of them at byte/);
  assert.throws(() => msgpackCodec.decode('text', LIMITS), { code: 'DESERIALIZATION' });
});

test('a small payload that is handed on does not hold on to a large frame', () => {
  const frame = msgpackCodec.join([
    msgpackCodec.encode(sample({ payload: { small: true } })),
    msgpackCodec.encode(sample({ payload: 'x'.repeat(100_000) })),
  ]) as Uint8Array;
  const [small, large] = msgpackCodec.decode(frame, LIMITS, { lazy: true }).messages;
  const heldBy = (any: NetworkMessage | undefined) => {
    assert.ok(any);
    return (any.payload as RawPayload).encoded as Uint8Array;
  };
  assert.notEqual(heldBy(small).buffer, frame.buffer);
  assert.equal(heldBy(large).buffer, frame.buffer);
});
