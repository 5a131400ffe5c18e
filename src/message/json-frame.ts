import { isAscii, isUtf8 } from 'node:buffer';
import { messageOf, NetworkError } from '../base/errors.js';
import type { DecodedFrame, DecodeLimits, Frame, FrameReading, InvalidMessage } from './codec.js';
import { Inflater, isDeflatable } from './deflate.js';
import { guardDeflate, guardEnvelope, guardPayload, shownValue } from './guard.js';
import { fromBase64, inflatedText } from './json-deflate.js';
import { type EnvelopeCursor, envelopeCursor, readEnvelope, skipDeflate } from './json-envelope.js';
import { isNestedWithin, JsonPayload, parsePayload } from './json-payload.js';
import { skipSpace, unexpected } from './json-token.js';
import type { NetworkMessage } from './message.js';
import { assemble, bytesOfFrame, idOf, type ReceivedMessage } from './received.js';
import { type JsonScan, jsonScan, scanMessage, scanValue } from './scan.js';

const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Around a text. */
const QUOTES = 2;

/** How a key of bytes ends that is written without escapes. */
const MARK = '$b64"';
/** Of a key with its value, at the least: `"":0,`. */
const MIN_FIELD_BYTES = 5;
/** Below, a scan takes less time than a few calls of Node. */
const MIN_PARSED_BYTES = 512;

/**
 * Texts cut out of a frame of up to this many bytes share its memory; of a larger one they are copies, so that one
 * small message that waits somewhere does not hold on to a large frame.
 */
const MAX_SHARED_BYTES = 32 * 1024;

/** Reads one JSON frame. */
export class JsonFrameReader implements DecodedFrame {
  readonly messages: NetworkMessage[] = [];
  readonly invalid: InvalidMessage[] = [];
  readonly #bytes: Buffer;
  readonly #limits: DecodeLimits;
  readonly #lazy: boolean;
  /** Undefined where nothing may be compressed. */
  readonly #inflater: Inflater | undefined;
  readonly #scan: JsonScan;
  readonly #envelopes: EnvelopeCursor;
  /** One character per byte. Only what is known to be ASCII is cut out of it. */
  readonly #characters: string | undefined;

  constructor(frame: Frame, { limits, lazy, deflates }: FrameReading) {
    this.#bytes = bytesOfFrame(frame, limits.maxFrameBytes);
    this.#limits = limits;
    this.#lazy = lazy;
    this.#inflater = deflates ? new Inflater(this.#bytes.length, limits.maxFrameBytes) : undefined;
    this.#scan = jsonScan(this.#bytes, limits);
    const isShared = this.#bytes.length <= MAX_SHARED_BYTES;
    this.#characters = isShared ? this.#bytes.toString('latin1') : undefined;
    this.#envelopes = envelopeCursor(this.#bytes, this.#ascii);
  }

  get inflatedBytes(): number {
    return this.#inflater?.bytes ?? 0;
  }

  read(): this {
    const start = skipSpace(this.#bytes, 0);
    let end = start;
    if (this.#bytes[start] === OPEN_LIST) end = this.#batch(start);
    else if (this.#bytes[start] === OPEN_OBJECT) end = this.#message(start);
    else throw unexpected(this.#bytes, start, 'a message or a list of messages');
    const rest = skipSpace(this.#bytes, end);
    if (rest < this.#bytes.length) throw unexpected(this.#bytes, rest, 'the end of the frame');
    return this;
  }

  #batch(start: number): number {
    let at = skipSpace(this.#bytes, start + 1);
    if (this.#bytes[at] === CLOSE_LIST) throw new NetworkError('DESERIALIZATION', 'an empty batch');
    for (let count = 1; ; count += 1) {
      if (count > this.#limits.maxBatch) {
        throw new NetworkError('TOO_LARGE', `a batch of more than ${this.#limits.maxBatch} messages`);
      }
      at = skipSpace(this.#bytes, this.#message(at));
      if (this.#bytes[at] === CLOSE_LIST) return at + 1;
      if (this.#bytes[at] !== COMMA) throw unexpected(this.#bytes, at, "',' or ']'");
      at = skipSpace(this.#bytes, at + 1);
    }
  }

  /** Reads the message that begins at `at`; returns where it ends. */
  #message(at: number): number {
    const envelopes = this.#envelopes;
    const message = readEnvelope(envelopes, at);
    if (message === undefined) return this.#anyMessage(at);
    const cursor = envelopes.at;
    if (!envelopes.hasPayload) {
      if (this.#bytes[cursor] !== CLOSE_OBJECT) return this.#compressed(message, at);
      this.messages.push(message);
      return cursor + 1;
    }
    if (at === 0 && !this.#lazy && this.#parsed(message, cursor)) return this.#bytes.length;
    this.#forget();
    const start = skipSpace(this.#bytes, cursor);
    const end = scanValue(this.#scan, start);
    if (this.#bytes[end] !== CLOSE_OBJECT) return this.#anyMessage(at);
    this.#deliver(message, this.#text(start, end));
    return end + 1;
  }

  /**
   * Reads a payload that is all the rest of the frame without a scan, which takes longer than to parse it: what is too
   * small to have too many keys is harmless to parse before it is known how deep it is.
   * @returns false if it has to be scanned, be it to say what is wrong
   */
  #parsed(message: ReceivedMessage, start: number): boolean {
    const bytes = this.#bytes;
    const end = bytes.length - 1;
    const size = end - start;
    if (size < MIN_PARSED_BYTES || size > this.#limits.maxKeys * MIN_FIELD_BYTES) return false;
    if (bytes[end] !== CLOSE_OBJECT || !isAscii(bytes)) return false;
    if (bytes.includes(BACKSLASH, start)) return false;
    const text = this.#ascii(start, end);
    if (text.includes(MARK)) return false;
    let payload: unknown;
    try {
      payload = JSON.parse(text);
    } catch {
      return false;
    }
    if (!isNestedWithin(payload, this.#limits.maxDepth)) return false;
    this.#accept(message, payload);
    return true;
  }

  /** The rest of a message that may end in a compressed payload. */
  #compressed(message: ReceivedMessage, at: number): number {
    const inflater = this.#inflater;
    if (!inflater || !isDeflatable(message.kind) || !skipDeflate(this.#envelopes)) return this.#anyMessage(at);
    const start = this.#envelopes.at;
    const end = this.#bytes.indexOf(QUOTE, start);
    if (end < 0 || this.#bytes[end + 1] !== CLOSE_OBJECT) return this.#anyMessage(at);
    const base64 = this.#ascii(start, end);
    const deflated = fromBase64(base64);
    if (deflated === undefined) return this.#anyMessage(at);
    this.#deliver(message, this.#inflated(inflater, base64, deflated), base64);
    return end + 2;
  }

  /** The long way: for a message that is not written as netmgr writes it, or that breaks a rule. */
  #anyMessage(at: number): number {
    this.#forget();
    const { start, end, payloadStart, payloadEnd } = scanMessage(this.#scan, at);
    const isLast = payloadStart >= 0;
    const parsed: unknown = JSON.parse(isLast ? `${this.#text(start, payloadStart)}0}` : this.#text(start, end));
    const error = guardEnvelope(parsed);
    if (error) {
      this.invalid.push({ error, id: idOf(parsed) });
      return end;
    }
    const message = assemble(parsed as NetworkMessage);
    const { deflate } = parsed as { readonly deflate?: unknown };
    if (deflate !== undefined) this.#anyCompressed(message, deflate);
    else if (isLast) this.#deliver(message, this.#text(payloadStart, payloadEnd));
    else if (message.payload === undefined) this.messages.push(message);
    else this.#deliver(message, JSON.stringify(message.payload));
    return end;
  }

  #anyCompressed(message: ReceivedMessage, deflate: unknown): void {
    const inflater = this.#inflater;
    const error = guardDeflate(message, inflater !== undefined);
    const deflated = typeof deflate === 'string' ? fromBase64(deflate) : undefined;
    if (error === undefined && inflater && deflated) {
      this.#deliver(message, this.#inflated(inflater, deflate as string, deflated), deflate as string);
      return;
    }
    const refused = `deflate: ${shownValue(deflate)} is not padded base64`;
    this.invalid.push({ error: error ?? new NetworkError('INVALID_MESSAGE', refused), id: message.id });
  }

  /** The text of a payload that was compressed. */
  #inflated(inflater: Inflater, base64: string, deflated: Buffer): string {
    const inflated = inflater.inflate(deflated, base64.length + QUOTES);
    return inflatedText(inflated, this.#limits, this.#scan.seen);
  }

  /** @param deflated base64 of the compressed form in which the text came, if it did */
  #deliver(message: ReceivedMessage, text: string, deflated?: string): void {
    const { marked } = this.#scan.seen;
    const keep = this.#lazy && message.kind !== 'control' && message.kind !== 'heartbeat';
    if (keep && !marked) {
      message.payload = new JsonPayload(text, marked, deflated);
      this.messages.push(message);
      return;
    }
    try {
      message.payload = parsePayload(text, marked);
    } catch (error) {
      this.invalid.push({ error: new NetworkError('INVALID_MESSAGE', messageOf(error)), id: message.id });
      return;
    }
    // What the scan cannot see, bytes, is read even to be handed on: the next one would hold broken ones against us.
    this.#accept(message, keep ? new JsonPayload(text, marked, deflated) : message.payload);
  }

  #accept(message: ReceivedMessage, payload: unknown): void {
    message.payload = payload;
    const error = guardPayload(message.kind, payload);
    if (error) this.invalid.push({ error, id: message.id });
    else this.messages.push(message);
  }

  #forget(): void {
    this.#scan.seen.nonAscii = false;
    this.#scan.seen.marked = false;
  }

  /** The text of a range that was scanned last. */
  #text(start: number, end: number): string {
    if (!this.#scan.seen.nonAscii) return this.#ascii(start, end);
    if (isUtf8(this.#bytes.subarray(start, end))) return this.#bytes.toString('utf8', start, end);
    throw new NetworkError('DESERIALIZATION', `not UTF-8 between byte ${start} and byte ${end}`);
  }

  readonly #ascii = (start: number, end: number): string =>
    this.#characters === undefined ? this.#bytes.toString('latin1', start, end) : this.#characters.slice(start, end);
}
