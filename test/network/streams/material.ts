import { createHash } from 'node:crypto';
import type { Body, ReadableBody } from '../../../src/network/streams/body.js';
import type { ByteStream } from '../../../src/network/streams/byte-stream.js';

/** Bytes that differ from each other in every place that matters. */
export function bytesOf(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < size; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** All that is left of a body. */
export async function collect(body: ByteStream | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body as ByteStream) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/** In pieces of such sizes, over and over; what can be read only once. */
export async function* pieces(bytes: Uint8Array, ...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** What can be read again, in pieces of such sizes, and tells from where it was read. */
export function rereadable(bytes: Uint8Array, sizes: readonly number[], from: number[] = []): ReadableBody {
  return {
    size: bytes.length,
    read: (offset) => {
      from.push(offset);
      return pieces(bytes.subarray(offset), ...sizes);
    },
  };
}

export const forms = (bytes: Uint8Array): Record<string, Body> => ({
  bytes,
  'a generator': pieces(bytes, 100_000, 3, 70_000),
  'what can be read again': rereadable(bytes, [50_000]),
});
