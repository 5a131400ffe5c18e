import { isUtf8 } from 'node:buffer';
import type { SpareBuffer } from '../framed/spare-buffer.js';
import { applyMask, isZero, MASK_BYTES } from './mask.js';
import { PartialFrame } from './partial-frame.js';

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;
const FINAL = 0x80;
const OPCODE = 0x0f;
/** Opcodes from here on are those of control frames. */
const CONTROL = 0x08;
const MASKED = 0x80;
const LENGTH = 0x7f;
/** The length is in the next two bytes; one more: in the next eight. */
const LENGTH_16 = 126;
const MAX_HEAD = 14;
const BEYOND_ASCII = 0x80;
/** Of one frame, kept as they came: with more of them it is for `ws`, which has a bound too. */
const MAX_PIECES = 1024;
/** Texts of up to so many bytes are looked through here. */
const MAX_LOOKED_AT = 512;

/** What the peer's frames must be. */
export interface FrameRules {
  /** Whether they are masked, as a client's must be. */
  readonly masked: boolean;
  /** Payload bytes of a frame; what is larger is for `ws` to refuse. */
  readonly maxBytes: number;
}

export interface PlainFramesSink {
  /** @returns whether nothing of the payload is kept */
  received(payload: Buffer, binary: boolean): boolean;
}

export interface PlainFramesParts {
  readonly rules: FrameRules;
  /** For whom the plain frames are. */
  readonly sink: PlainFramesSink;
  readonly spare: SpareBuffer;
  /** The reader of `ws`. */
  readonly ws: WsReader;
}

/** As much of the stream to which `ws` writes what it reads as is needed. */
export interface WsReader {
  write(chunk: Buffer): boolean;
  readonly errored: Error | null;
  /** Ours: who takes the plain frames. */
  plainFrames?: PlainFrames;
}

/**
 * Takes plain frames out of what a WebSocket's connection brings: whole messages of text or bytes. Everything else
 * (fragments, control frames, heads in pieces, whatever breaks a rule of RFC 6455) goes to `ws`, in order, so that the
 * protocol is its business alone. Its way of reading a frame is general and takes longer than all that we do with the
 * message.
 */
export class PlainFrames {
  /** Changes when the greeting is over. */
  maxBytes: number;
  readonly #masked: boolean;
  readonly #sink: PlainFramesSink;
  readonly #spare: SpareBuffer;
  readonly #ws: WsReader;
  readonly #write: WsReader['write'];
  /** A frame of ours that is not whole yet. */
  #partial: PartialFrame | undefined;
  /** Bytes that are still to come of a frame that `ws` reads. */
  #missing = 0;
  /** The head of such a frame, if it came in pieces. */
  #head: number[] | undefined;
  /** `ws` has part of a message in fragments. */
  #fragmented = false;
  /** `ws` has refused something: nothing more is read. */
  #broken = false;

  constructor({ rules, sink, spare, ws }: PlainFramesParts) {
    this.#masked = rules.masked;
    this.maxBytes = rules.maxBytes;
    this.#sink = sink;
    this.#spare = spare;
    this.#ws = ws;
    // Ours may take its place.
    this.#write = ws.write;
  }

  /** From now on it is given what `ws` would read. */
  stepBefore(): void {
    this.#ws.plainFrames = this;
    this.#ws.write = writeToPlainFrames;
  }

  /** @returns as a stream's `write` does, whether more may come at once */
  write(chunk: Buffer): boolean {
    if (this.#missing > 0 || this.#head !== undefined || this.#fragmented || this.#broken) return this.#pass(chunk);
    let at = 0;
    if (this.#partial) {
      at = this.#goOn(this.#partial, chunk);
      if (this.#broken) return at === chunk.length || this.#pass(chunk.subarray(at));
    }
    while (at < chunk.length) {
      const next = this.#take(chunk, at);
      if (next === 0) return this.#pass(at === 0 ? chunk : chunk.subarray(at));
      at = next;
    }
    return true;
  }

  /** @returns where the frame ends, at the end of the chunk if more has to come; 0 if it is none of the plain ones */
  #take(chunk: Buffer, at: number): number {
    const masked = this.#masked;
    const first = chunk[at];
    if ((first !== FINAL_TEXT && first !== FINAL_BINARY) || at + 2 > chunk.length) return 0;
    const second = chunk[at + 1] as number;
    if (second >= MASKED !== masked) return 0;
    const short = second & LENGTH;
    const begin = at + 2 + lengthBytes(short) + (masked ? MASK_BYTES : 0);
    if (begin > chunk.length) return 0;
    const bytes = short < LENGTH_16 ? short : longLength(chunk, at + 2, short);
    if (bytes > this.maxBytes) return 0;
    const end = begin + bytes;
    const binary = first === FINAL_BINARY;
    if (end > chunk.length) {
      const head = { size: begin - at, bytes, binary, masked };
      this.#partial = new PartialFrame(head, at === 0 ? chunk : chunk.subarray(at));
      return chunk.length;
    }
    const changes = masked && !isZero(chunk, begin - MASK_BYTES, begin);
    if (changes) applyMask(chunk, begin, bytes);
    const payload = chunk.subarray(begin, end);
    if (!binary && !isText(payload)) {
      if (changes) applyMask(chunk, begin, bytes);
      return 0;
    }
    this.#sink.received(payload, binary);
    return end;
  }

  /** @returns where in the chunk the frame ends; the end of the chunk if more has to come */
  #goOn(partial: PartialFrame, chunk: Buffer): number {
    const end = partial.missing;
    if (end > chunk.length) {
      partial.add(chunk);
      if (partial.pieces.length >= MAX_PIECES) this.#giveUp(partial);
      return chunk.length;
    }
    partial.add(chunk.subarray(0, end));
    const { room, head } = partial;
    // Parts of bytes are kept: not of more memory than they need.
    const whole = head.binary ? Buffer.allocUnsafeSlow(room) : this.#spare.take(room);
    const payload = partial.join(whole);
    if (head.binary || isText(payload)) {
      this.#partial = undefined;
      if (this.#sink.received(payload, head.binary)) this.#spare.giveBack(whole);
    } else {
      this.#giveUp(partial);
    }
    return end;
  }

  /** Leaves it to `ws`. */
  #giveUp({ pieces }: PartialFrame): void {
    this.#partial = undefined;
    for (const piece of pieces) this.#pass(piece);
  }

  #pass(chunk: Buffer): boolean {
    this.#follow(chunk);
    const more = this.#write.call(this.#ws, chunk);
    // It is told to others only after this turn, in which more may come.
    this.#broken = this.#ws.errored !== null;
    return more;
  }

  /** Finds out where the frames end that `ws` is given. */
  #follow(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing > 0) {
        const step = Math.min(this.#missing, chunk.length - at);
        this.#missing -= step;
        at += step;
      } else if (this.#head === undefined && chunk.length - at >= MAX_HEAD) {
        at += this.#readHead(chunk, at);
      } else {
        this.#head ??= [];
        this.#head.push(chunk[at] as number);
        at += 1;
        if (this.#readHead(this.#head, 0) > 0) this.#head = undefined;
      }
    }
  }

  /** @returns its bytes; 0 if they are not all there */
  #readHead(from: ArrayLike<number>, at: number): number {
    const first = from[at] as number;
    const second = from[at + 1] ?? 0;
    const short = second & LENGTH;
    const more = lengthBytes(short);
    const size = 2 + more + (second >= MASKED ? MASK_BYTES : 0);
    if (from.length - at < size) return 0;
    let bytes = more === 0 ? short : 0;
    for (let i = 2; i < 2 + more; i += 1) bytes = bytes * 256 + (from[at + i] as number);
    this.#missing = bytes;
    if ((first & OPCODE) < CONTROL) this.#fragmented = (first & FINAL) === 0;
    return size;
  }
}

/** One function for all readers: a closure for each would cost as much as what it closes over. */
function writeToPlainFrames(this: WsReader, chunk: Buffer): boolean {
  return (this.plainFrames as PlainFrames).write(chunk);
}

/** Those that follow the two of a head that begins so. */
const lengthBytes = (short: number): number => (short < LENGTH_16 ? 0 : short === LENGTH_16 ? 2 : 8);

/** What follows a length that says of itself where the real one is. */
function longLength(chunk: Buffer, at: number, short: number): number {
  if (short === LENGTH_16) return chunk.readUInt16BE(at);
  return chunk.readUInt32BE(at) === 0 ? chunk.readUInt32BE(at + 4) : Number.POSITIVE_INFINITY;
}

/** Whether it is UTF-8. Short ASCII, which most of it is, is known sooner than Node can be asked. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.length > MAX_LOOKED_AT) return isUtf8(bytes);
  for (let i = 0; i < bytes.length; i += 1) if ((bytes[i] as number) >= BEYOND_ASCII) return isUtf8(bytes);
  return true;
}
