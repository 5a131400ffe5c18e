import { NetworkError } from '../../base/errors.js';
import type { SpareBuffer } from '../framed/spare-buffer.js';

const LENGTH_BYTES = 4;
const UNKNOWN = -1;
/** Pieces of a frame that are kept as they came; with more of them the frame gets its one buffer early. */
const MAX_PIECES = 1024;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Tells a stream of bytes apart into frames: 4 bytes of length, big-endian, then so many bytes. A frame that lies whole
 * in one chunk is a view of it; any other is copied once, whatever the pieces it came in. Pure: no I/O.
 */
export class FrameReader {
  /** Of a frame that begins. */
  maxBytes: number;
  #chunk: Buffer = NOTHING;
  /** Where the rest of the chunk begins. */
  #at = 0;
  /** The bytes of a length of which not all have come, as a number, and how many they are. */
  #head = 0;
  #headBytes = 0;
  /** Of the frame that has begun. */
  #length = UNKNOWN;
  /** What there is of it: in pieces, or at the beginning of the buffer that it will fill. */
  #pieces: Buffer[] = [];
  #whole: Buffer | undefined;
  #held = 0;
  /** For frames of which nothing is kept. */
  readonly #spare: SpareBuffer | undefined;
  /** In which the frame was put together that `next` gave last. */
  #joined: Buffer | undefined;
  /** Whether something of that one was kept; then something of the next one will be. */
  #keeps = true;

  /** @param spare memory to put frames together in. @default memory of its own for each */
  constructor(maxBytes: number, spare?: SpareBuffer) {
    this.maxBytes = maxBytes;
    this.#spare = spare;
  }

  /** A frame has begun and is not whole. */
  get partial(): boolean {
    return this.#length !== UNKNOWN || this.#headBytes > 0;
  }

  /** Takes what has arrived; `next` must have given everything before it. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next whole frame; undefined when more has to come first.
   * @throws NetworkError DESERIALIZATION for a length of 0, TOO_LARGE: then nothing that follows can be read
   */
  next(): Buffer | undefined {
    if (this.#length === UNKNOWN && !this.#readLength()) return undefined;
    const at = this.#at;
    const length = this.#length;
    const end = at + length - this.#held;
    if (end > this.#chunk.length) {
      this.#hold(this.#chunk.subarray(at));
      this.#release();
      return undefined;
    }
    const piece = this.#chunk.subarray(at, end);
    this.#at = end;
    if (end === this.#chunk.length) this.#release();
    if (this.#held > 0) this.#hold(piece);
    this.#length = UNKNOWN;
    return this.#held > 0 ? this.#take(length) : piece;
  }

  /** The frame that `next` gave last has been read. @param kept whether something of it is still in use */
  done(kept: boolean): void {
    if (!kept && this.#joined) this.#spare?.giveBack(this.#joined);
    this.#joined = undefined;
    this.#keeps = kept;
  }

  /** @returns whether the length is known */
  #readLength(): boolean {
    const chunk = this.#chunk;
    let at = this.#at;
    if (this.#headBytes === 0 && chunk.length - at >= LENGTH_BYTES) {
      this.#at = at + LENGTH_BYTES;
      this.#begin(chunk.readUInt32BE(at));
      return true;
    }
    while (at < chunk.length && this.#headBytes < LENGTH_BYTES) {
      this.#head = this.#head * 256 + (chunk[at] as number);
      this.#headBytes += 1;
      at += 1;
    }
    this.#at = at;
    if (this.#headBytes < LENGTH_BYTES) {
      this.#release();
      return false;
    }
    const length = this.#head;
    this.#head = 0;
    this.#headBytes = 0;
    this.#begin(length);
    return true;
  }

  #begin(length: number): void {
    if (length === 0) throw new NetworkError('DESERIALIZATION', 'a frame of 0 bytes; each must have at least 1');
    if (length > this.maxBytes) {
      throw new NetworkError('TOO_LARGE', `a frame of ${length} bytes, more than the ${this.maxBytes} that are taken`);
    }
    this.#length = length;
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return;
    if (this.#pieces.length >= MAX_PIECES) this.#whole = this.#join(this.#length);
    if (this.#whole) piece.copy(this.#whole, this.#held);
    else this.#pieces.push(piece);
    this.#held += piece.length;
  }

  #take(length: number): Buffer {
    const whole = this.#whole ?? this.#join(length);
    this.#whole = undefined;
    this.#held = 0;
    this.#joined = whole;
    return whole.length === length ? whole : whole.subarray(0, length);
  }

  /** Gives the frame its buffer, which may be larger, with what there is of it. */
  #join(length: number): Buffer {
    const spare = this.#keeps ? undefined : this.#spare;
    const whole = spare?.take(length) ?? Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const piece of this.#pieces) at += piece.copy(whole, at);
    this.#pieces = [];
    return whole;
  }

  /** The chunk has been read; kept any longer, it would only take memory. */
  #release(): void {
    this.#chunk = NOTHING;
    this.#at = 0;
  }
}
