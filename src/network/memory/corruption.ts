import { integer, type Random } from '../../base/random.js';
import type { Frame } from '../../message/codec.js';

/** So many bits are flipped, one after the other, before the frame is spoilt in a way that no decoder takes. */
const MAX_FLIPS = 32;
const MOST_FLIPS_AT_ONCE = 4;
/** No frame begins so: it is no JSON, and msgpack never uses it. */
const NEVER = 0xc1;
const utf8 = new TextEncoder();
const text = new TextDecoder();

/**
 * A damaged copy of a frame: bits are flipped until its reader refuses it. Damage that leaves a valid message is what
 * checksums below us (TCP, TLS) are for; what is left for a decoder is to refuse the rest.
 * @param accepts whether a decoder takes the frame for a message all the same
 */
export function corrupt(frame: Frame, random: Random, accepts: (frame: Frame) => boolean): Frame {
  const bytes = typeof frame === 'string' ? utf8.encode(frame) : frame.slice();
  const asFrame = (): Frame => (typeof frame === 'string' ? text.decode(bytes) : bytes);
  let flipped = 0;
  while (flipped < MAX_FLIPS && bytes.length > 0) {
    const now = 1 + integer(random, MOST_FLIPS_AT_ONCE);
    for (let i = 0; i < now; i += 1) flip(bytes, random);
    flipped += now;
    const damaged = asFrame();
    if (!accepts(damaged)) return damaged;
  }
  bytes[0] = NEVER;
  return asFrame();
}

function flip(bytes: Uint8Array, random: Random): void {
  const index = integer(random, bytes.length);
  bytes[index] = (bytes[index] as number) ^ (1 << integer(random, 8));
}
