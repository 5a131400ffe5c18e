import { deflateRawSync } from 'node:zlib';
import { chance, integer, pick, type Random } from '../../src/base/random.js';
import type { Codec } from '../../src/message/codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { bomb, foreignValue } from '../message/deflate-frames.js';

const LEVELS = [0, 1, 6, 9] as const;

/** Compressed payloads that are nearly right, without end: the same seed gives the same ones. */
export class DeflateMutator {
  readonly #random: Random;
  readonly #codec: Codec;
  readonly #bomb: Buffer;

  constructor(random: Random, codec: Codec) {
    this.#random = random;
    this.#codec = codec;
    this.#bomb = bomb(codec, 8);
  }

  /** @param change damages bytes in a way that fits the encoding */
  next({ payload }: NetworkMessage, change: (bytes: Buffer) => Buffer): unknown {
    if (chance(this.#random, 0.01)) return this.#field(this.#bomb);
    const padded = this.#padded(payload);
    const inflated: Buffer = chance(this.#random, 0.3) ? change(padded) : padded;
    const level = pick(this.#random, LEVELS) ?? 1;
    let deflated: Buffer = deflateRawSync(inflated, { level });
    if (chance(this.#random, 0.3)) deflated = this.#damaged(deflated);
    return this.#field(deflated);
  }

  /** Mostly enough to be worth compressing. */
  #padded(payload: unknown): Buffer {
    const text = 'lorem ipsum '.repeat(chance(this.#random, 0.1) ? 3 : 90 + integer(this.#random, 200));
    const bytes = chance(this.#random, 0.2) ? { data: { $b64: pick(this.#random, ['AQID', 'A', 7]) } } : {};
    return foreignValue(this.#codec, { ...bytes, payload: payload ?? null, text });
  }

  #damaged(deflated: Buffer): Buffer {
    const at = integer(this.#random, deflated.length);
    const put = Buffer.from(Array.from({ length: integer(this.#random, 3) }, () => integer(this.#random, 256)));
    if (chance(this.#random, 0.3)) return deflated.subarray(0, at);
    if (chance(this.#random, 0.3)) return Buffer.concat([deflated, put]);
    return Buffer.concat([deflated.subarray(0, at), put, deflated.subarray(at + integer(this.#random, 3))]);
  }

  /** The bytes, as the encoding has them; now and then not quite. */
  #field(deflated: Buffer): unknown {
    const base64 = deflated.toString('base64');
    if (chance(this.#random, 0.03)) return pick(this.#random, [null, 7, '', [], {}, base64.slice(1), deflated]);
    return this.#codec.binary ? deflated : base64;
  }
}
