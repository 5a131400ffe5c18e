import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNetworkError } from '../../src/base/errors.js';
import { SpareBuffer } from '../../src/network/framed/spare-buffer.js';
import { FrameReader } from '../../src/network/tcp/frame-reader.js';
import { assertNothingLeft } from '../leaks.js';
import { frameOf } from './tcp-nodes.js';

assertNothingLeft();

const MAX = 16 * 1024 * 1024;

function framesOf(reader: FrameReader, chunk: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  reader.push(chunk);
  for (let frame = reader.next(); frame; frame = reader.next()) frames.push(frame);
  return frames;
}

/** Bytes that are copied from one buffer to another while this runs, by any of the ways that Buffer has. */
function copiedBytes(run: () => void): number {
  const copy = Buffer.prototype.copy;
  const { concat, from } = Buffer;
  const set = Uint8Array.prototype.set;
  let bytes = 0;
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<typeof copy>) {
    const count = copy.apply(this, args);
    bytes += count;
    return count;
  } as typeof copy;
  Uint8Array.prototype.set = function (array, offset) {
    bytes += array.length;
    set.call(this, array, offset);
  };
  Buffer.concat = (list, length) => {
    const joined = concat(list, length);
    bytes += joined.length;
    return joined;
  };
  Buffer.from = ((...args: Parameters<typeof from>) => {
    const made = from(...args);
    bytes += made.length;
    return made;
  }) as typeof from;
  try {
    run();
  } finally {
    Buffer.prototype.copy = copy;
    Uint8Array.prototype.set = set;
    Buffer.concat = concat;
    Buffer.from = from;
  }
  return bytes;
}

test('any split of the bytes gives the same frames', () => {
  const body = fc.uint8Array({ minLength: 1, maxLength: 40 });
  const cuts = fc.array(fc.nat(400), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(body, { maxLength: 8 }), cuts, (bodies, places) => {
      const stream = Buffer.concat(bodies.map(frameOf));
      const at = [0, ...places.map((place) => place % (stream.length + 1)), stream.length].sort((x, y) => x - y);
      const reader = new FrameReader(MAX);
      const frames = at.slice(1).flatMap((end, i) => framesOf(reader, stream.subarray(at[i], end)));
      assert.deepEqual(
        frames.map((frame) => [...frame]),
        bodies.map((bytes) => [...bytes]),
      );
      assert.equal(reader.partial, false);
    }),
    { numRuns: 500 },
  );
});

test('byte by byte, and with more pieces than are kept as they came', () => {
  const bodies = [1, 3, 1023, 1024, 1025, 5000].map((length) => Buffer.alloc(length, length % 251));
  const reader = new FrameReader(MAX);
  const frames: Buffer[] = [];
  for (const byte of Buffer.concat(bodies.map(frameOf))) frames.push(...framesOf(reader, Buffer.of(byte)));
  assert.equal(frames.length, bodies.length);
  for (const [i, frame] of frames.entries()) assert.ok(frame.equals(bodies[i] as Buffer), `frame ${i}`);
});

test('frames are put together in memory that was used before, if nothing of the one before was kept', () => {
  const spare = new SpareBuffer();
  const reader = new FrameReader(MAX, spare);
  const memory = (fill: number, length: number, kept: boolean): ArrayBufferLike => {
    const stream = frameOf(Buffer.alloc(length, fill));
    reader.push(stream.subarray(0, 500));
    assert.equal(reader.next(), undefined);
    reader.push(stream.subarray(500));
    const frame = reader.next();
    assert.ok(frame?.equals(Buffer.alloc(length, fill)));
    reader.done(kept);
    return (frame as Buffer).buffer;
  };
  const first = memory(1, 2000, false);
  assert.equal(memory(2, 1000, false), first);
  assert.equal(memory(3, 2000, true), first, 'it is not known before');
  const kept = new Set([memory(4, 1000, true), memory(5, 1000, true), memory(6, 1000, false)]);
  assert.equal(kept.size, 3);
  assert.ok(!kept.has(first));
});

test('a frame of 16 MiB in small chunks is copied once', () => {
  const body = Buffer.alloc(MAX, 7);
  const stream = frameOf(body);
  for (const chunkBytes of [1_000, 65_536, 1_000_000]) {
    const reader = new FrameReader(MAX);
    const frames: Buffer[] = [];
    const bytes = copiedBytes(() => {
      for (let at = 0; at < stream.length; at += chunkBytes) {
        frames.push(...framesOf(reader, stream.subarray(at, at + chunkBytes)));
      }
    });
    assert.equal(bytes, MAX, `chunks of ${chunkBytes}`);
    assert.equal(frames.length, 1);
    assert.ok(frames[0]?.equals(body));
  }
});

test('frames that lie whole in a chunk are not copied', () => {
  const stream = Buffer.concat([frameOf('one'), frameOf('two'), frameOf(Buffer.alloc(60_000))]);
  const frames: Buffer[] = [];
  const bytes = copiedBytes(() => frames.push(...framesOf(new FrameReader(MAX), stream)));
  assert.equal(bytes, 0);
  assert.deepEqual([frames[0]?.toString(), frames[1]?.toString(), frames[2]?.length], ['one', 'two', 60_000]);
  for (const frame of frames) assert.equal(frame.buffer, stream.buffer);
});

test('what was handed out is not changed by what comes after it', () => {
  const reader = new FrameReader(MAX);
  const stream = Buffer.concat([frameOf('first'), frameOf('second')]);
  const [first] = [...framesOf(reader, stream.subarray(0, 7)), ...framesOf(reader, stream.subarray(7, 12))];
  framesOf(reader, stream.subarray(12));
  assert.equal(first?.toString(), 'first');
});

test('a length beyond the bound is refused before a byte of the frame has come, and so is 0', () => {
  const lengths: [number, number, string][] = [
    [MAX + 1, MAX, 'TOO_LARGE'],
    [0xffffffff, MAX, 'TOO_LARGE'],
    [11, 10, 'TOO_LARGE'],
    [0, 10, 'DESERIALIZATION'],
  ];
  for (const [length, max, code] of lengths) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    const reader = new FrameReader(max);
    assert.deepEqual(framesOf(reader, head.subarray(0, 3)), []);
    assert.ok(reader.partial);
    reader.push(head.subarray(3));
    assert.throws(
      () => reader.next(),
      (error) => isNetworkError(error) && error.code === code && error.message.includes(`${length} bytes`),
    );
  }
  assert.equal(framesOf(new FrameReader(10), frameOf('1234567890')).length, 1);
});
