import { isUtf8 } from 'node:buffer';
import { NetworkError } from '../base/errors.js';
import type { DecodeLimits } from './codec.js';
import type { ScannedMessage } from './scan.js';

/** What follows a token: 0 to 8 bytes of a scalar, or one of the kinds below. */
const TEXT = 16;
const BYTES = 17;
const LIST = 18;
const MAP = 19;
const REFUSED = 20;

const TOKENS = new Uint8Array(256)
  .fill(MAP, 0x80, 0x90)
  .fill(LIST, 0x90, 0xa0)
  .fill(TEXT, 0xa0, 0xc0)
  .fill(REFUSED, 0xc1, 0xc2)
  .fill(BYTES, 0xc4, 0xc7)
  .fill(REFUSED, 0xc7, 0xca)
  .fill(REFUSED, 0xd4, 0xd9)
  .fill(TEXT, 0xd9, 0xdc)
  .fill(LIST, 0xdc, 0xde)
  .fill(MAP, 0xde, 0xe0);
for (const [token, bytes] of [
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
] as const) {
  TOKENS[token] = bytes;
}

const PAYLOAD = new TextEncoder().encode('payload');
const PROTO = new TextEncoder().encode('__proto__');

/** Scans never overlap, so one pair of lists serves them all: typed arrays are dear to make. */
let sharedMissing: Uint32Array = new Uint32Array(64);
let sharedIsMap: Uint8Array = new Uint8Array(64);

/**
 * Walks MessagePack before anything is built from it: structure, limits, UTF-8, and that every claimed size is really
 * there, without recursion. Extension types are refused: they could make objects that are not JSON values.
 *
 * Depth is counted as in JSON; bytes count as one level, as `{"$b64":"…"}` does.
 */
export class MsgpackScanner {
  /** Whether a value scanned since `reset` holds a key `__proto__`, or bytes. */
  hasProto = false;
  hasBytes = false;
  readonly #bytes: Buffer;
  readonly #limits: DecodeLimits;
  /** Per open container: how many values are missing. */
  readonly #missing: Uint32Array;
  /** Per open container: 1 for a map, whose values alternate with keys. */
  readonly #isMap: Uint8Array;
  /** Where the text or the parts of the container begin whose header was read last. */
  #inside = 0;
  #depth = 0;

  constructor(bytes: Buffer, limits: DecodeLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
    if (sharedMissing.length < limits.maxDepth) {
      sharedMissing = new Uint32Array(limits.maxDepth);
      sharedIsMap = new Uint8Array(limits.maxDepth);
    }
    this.#missing = sharedMissing;
    this.#isMap = sharedIsMap;
  }

  reset(): void {
    this.hasProto = false;
    this.hasBytes = false;
  }

  /** The number of members of the list that begins at `at`, and where they begin; undefined if it is no list. */
  list(at: number): { readonly size: number; readonly start: number } | undefined {
    if (TOKENS[this.#token(at)] !== LIST) return undefined;
    const size = this.#size(at);
    return { size, start: this.#inside };
  }

  /** Scans one member of a frame; anything but a map is scanned as a value. */
  scanMessage(at: number): ScannedMessage {
    const found: ScannedMessage = { start: at, end: at, payloadStart: -1, payloadEnd: -1 };
    if (TOKENS[this.#token(at)] !== MAP) {
      found.end = this.scanValue(at);
      return found;
    }
    const size = this.#size(at);
    if (size > this.#limits.maxKeys) throw this.#tooMany();
    found.end = this.#inside;
    for (let i = 0; i < size; i += 1) {
      const valueAt = this.#key(found.end);
      const isPayload = this.#isText(PAYLOAD, valueAt);
      found.end = this.scanValue(valueAt);
      found.payloadStart = isPayload ? valueAt : -1;
      found.payloadEnd = isPayload ? found.end : -1;
    }
    return found;
  }

  /** Scans the value that begins at `at`, and returns where it ends. */
  scanValue(at: number): number {
    this.#depth = 0;
    let i = at;
    for (;;) {
      const kind = TOKENS[this.#token(i)] as number;
      if (kind === LIST || kind === MAP) {
        const depth = this.#depth;
        i = this.#enter(i, kind);
        // Not empty: what stands inside comes next.
        if (this.#depth > depth) continue;
      } else i = this.#scalar(i, kind);
      i = this.#leave(i);
      if (this.#depth === 0) return i;
    }
  }

  /** Opens a container; returns where its first value begins, or its end if it is empty. */
  #enter(at: number, kind: number): number {
    const size = this.#size(at);
    if (this.#depth === this.#limits.maxDepth) throw this.#tooDeep();
    if (kind === MAP && size > this.#limits.maxKeys) throw this.#tooMany();
    if (size === 0) return this.#inside;
    this.#missing[this.#depth] = size;
    this.#isMap[this.#depth] = kind === MAP ? 1 : 0;
    this.#depth += 1;
    return kind === MAP ? this.#key(this.#inside) : this.#inside;
  }

  /** After a value: closes every container that ends here; returns where the next value begins, or the end of all. */
  #leave(at: number): number {
    while (this.#depth > 0) {
      const top = this.#depth - 1;
      const left = (this.#missing[top] as number) - 1;
      this.#missing[top] = left;
      if (left > 0) return this.#isMap[top] === 1 ? this.#key(at) : at;
      this.#depth = top;
    }
    return at;
  }

  /** A DESERIALIZATION that says where. */
  broken(at: number, problem: string): NetworkError {
    return new NetworkError('DESERIALIZATION', `not MessagePack: ${problem} at byte ${at}`);
  }

  #token(at: number): number {
    if (at >= this.#bytes.length) throw this.broken(at, 'the frame ends');
    return this.#bytes[at] as number;
  }

  /** Scans a token without parts; returns what follows it. */
  #scalar(at: number, kind: number): number {
    if (kind === TEXT) return this.#text(at);
    if (kind === REFUSED) {
      const token = (this.#bytes[at] as number).toString(16);
      throw this.broken(at, `type 0x${token} (extensions are not accepted)`);
    }
    if (kind === BYTES) {
      if (this.#depth === this.#limits.maxDepth) throw this.#tooDeep();
      this.hasBytes = true;
      const size = this.#size(at);
      return this.#within(this.#inside + size, at);
    }
    return this.#within(at + 1 + kind, at);
  }

  #key(at: number): number {
    if (TOKENS[this.#token(at)] !== TEXT) throw this.broken(at, 'a key that is no text');
    const end = this.#text(at);
    if (this.#isText(PROTO, end)) this.hasProto = true;
    return end;
  }

  #text(at: number): number {
    const bytes = this.#bytes;
    const size = this.#size(at);
    const start = this.#inside;
    const end = this.#within(start + size, at);
    for (let i = start; i < end; i += 1) {
      if ((bytes[i] as number) >= 0x80) {
        if (isUtf8(bytes.subarray(start, end))) return end;
        throw this.broken(start, 'a text that is not UTF-8');
      }
    }
    return end;
  }

  /** Whether the text that was read last, and ends at `end`, is this one. */
  #isText(text: Uint8Array, end: number): boolean {
    const start = this.#inside;
    if (end - start !== text.length) return false;
    for (let i = 0; i < text.length; i += 1) if (this.#bytes[start + i] !== text[i]) return false;
    return true;
  }

  /**
   * The size in the header of a text, of bytes or of a container, which cannot claim more parts than there are bytes
   * left; `#inside` is set to where the parts begin.
   */
  #size(at: number): number {
    const bytes = this.#bytes;
    const token = bytes[at] as number;
    if (token < 0xc0) {
      this.#inside = at + 1;
      return token & (token < 0xa0 ? 0x0f : 0x1f);
    }
    const width = WIDTHS[token] as number;
    this.#inside = this.#within(at + 1 + width, at);
    const size = bytes.readUIntBE(at + 1, width);
    if (size > bytes.length - this.#inside) throw this.broken(at, `a size of ${size}, more than the frame holds,`);
    return size;
  }

  #within(end: number, at: number): number {
    if (end > this.#bytes.length) throw this.broken(at, 'a value that is cut short');
    return end;
  }

  #tooDeep(): NetworkError {
    return new NetworkError('TOO_LARGE', `a value nested more than ${this.#limits.maxDepth} deep`);
  }

  #tooMany(): NetworkError {
    return new NetworkError('TOO_LARGE', `an object with more than ${this.#limits.maxKeys} keys`);
  }
}

/** How many bytes of size follow a token. */
const WIDTHS = new Uint8Array(256);
for (const [token, width] of [
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
  [0xdc, 2],
  [0xdd, 4],
  [0xde, 2],
  [0xdf, 4],
] as const) {
  WIDTHS[token] = width;
}
