import { NetworkError } from '../base/errors.js';
import type { DecodedFrame, DecodeLimits, FrameReading, InvalidMessage } from './codec.js';
import { Inflater } from './deflate.js';
import { guardDeflate, guardEnvelope, guardPayload, shownValue } from './guard.js';
import type { NetworkMessage } from './message.js';
import { type Findings, MsgpackPayload, unpacked, viewed } from './msgpack-payload.js';
import { MsgpackScanner } from './msgpack-scan.js';
import { bytesSize } from './msgpack-writer.js';
import { assemble, bytesOfFrame, idOf, type ReceivedMessage } from './received.js';
import type { ScannedMessage } from './scan.js';

const NIL = 0xc0;
const LIST_32 = 0xdd;
const LIST_HEADER_BYTES = 5;
/** Payloads kept from a buffer more than this many times their size are copied, so as not to hold on to it. */
const MAX_HELD_RATIO = 8;

interface Member extends Readonly<ScannedMessage>, Findings {}

/** Reads one MessagePack frame. */
export class MsgpackFrameReader implements DecodedFrame {
  readonly messages: NetworkMessage[] = [];
  readonly invalid: InvalidMessage[] = [];
  readonly #bytes: Buffer;
  readonly #limits: DecodeLimits;
  readonly #lazy: boolean;
  /** Undefined where nothing may be compressed. */
  readonly #inflater: Inflater | undefined;
  readonly #scanner: MsgpackScanner;
  /** Payloads are read each by itself, or not at all. */
  #apart = false;

  constructor(frame: Uint8Array, { limits, lazy, deflates }: FrameReading) {
    this.#bytes = bytesOfFrame(frame, limits.maxFrameBytes);
    this.#limits = limits;
    this.#lazy = lazy;
    this.#inflater = deflates ? new Inflater(this.#bytes.length, limits.maxFrameBytes) : undefined;
    this.#scanner = new MsgpackScanner(this.#bytes, limits);
  }

  get inflatedBytes(): number {
    return this.#inflater?.bytes ?? 0;
  }

  read(): this {
    const members = this.#scanned();
    const isList = this.#scanner.list(0) !== undefined;
    this.#apart = this.#lazy || members.some(hasManyBytes);
    const value = this.#apart
      ? unpacked(this.#withoutPayloads(members), all(members))
      : unpacked(this.#bytes, all(members));
    const candidates = this.#apart || isList ? (value as readonly unknown[]) : [value];
    for (const [i, candidate] of candidates.entries()) this.#deliver(candidate, members[i] as Member);
    return this;
  }

  #scanned(): readonly Member[] {
    const scanner = this.#scanner;
    const batch = scanner.list(0);
    if (batch?.size === 0) throw new NetworkError('DESERIALIZATION', 'an empty batch');
    const size = batch?.size ?? 1;
    if (size > this.#limits.maxBatch) {
      throw new NetworkError('TOO_LARGE', `a batch of more than ${this.#limits.maxBatch} messages`);
    }
    const members: Member[] = [];
    let at = batch?.start ?? 0;
    for (let i = 0; i < size; i += 1) {
      scanner.reset();
      const { start, end, payloadStart, payloadEnd } = scanner.scanMessage(at);
      const { hasProto, hasBytes } = scanner;
      members.push({ start, end, payloadStart, payloadEnd, hasProto, hasBytes });
      at = end;
    }
    if (at !== this.#bytes.length) throw scanner.broken(at, 'more than a message or a list of them');
    return members;
  }

  #deliver(candidate: unknown, member: Member): void {
    const error = guardEnvelope(candidate);
    if (error) {
      this.invalid.push({ error, id: idOf(candidate) });
      return;
    }
    const message = assemble(candidate as NetworkMessage);
    const { deflate } = candidate as { readonly deflate?: unknown };
    const refused = deflate === undefined ? this.#read(message, member) : this.#inflate(message, deflate);
    const forbidden = refused ?? guardPayload(message.kind, message.payload);
    if (forbidden) this.invalid.push({ error: forbidden, id: message.id });
    else this.messages.push(message);
  }

  #read(message: ReceivedMessage, member: Member): undefined {
    if (!this.#apart || member.payloadStart < 0) return;
    const part = this.#bytes.subarray(member.payloadStart, member.payloadEnd);
    const isOurs = message.kind === 'control' || message.kind === 'heartbeat';
    if (isOurs) message.payload = isMostOf(part) ? viewed(part, member) : unpacked(part, member);
    else message.payload = this.#lazy ? new MsgpackPayload(unshared(part), member) : unpacked(part, member);
  }

  #inflate(message: ReceivedMessage, deflate: unknown): NetworkError | undefined {
    const inflater = this.#inflater;
    const error = guardDeflate(message, inflater !== undefined);
    if (error !== undefined || inflater === undefined) return error;
    if (!(deflate instanceof Uint8Array)) {
      return new NetworkError('INVALID_MESSAGE', `deflate: ${shownValue(deflate)} is not bytes`);
    }
    const inflated = inflater.inflate(deflate, bytesSize(deflate));
    const scanner = new MsgpackScanner(inflated, this.#limits);
    const end = scanner.scanValue(0);
    if (end < inflated.length) throw scanner.broken(end, 'more than the payload');
    const raw = new MsgpackPayload(unshared(inflated), scanner, deflate);
    message.payload = this.#lazy ? raw : raw.value();
    return undefined;
  }

  /** A list of the messages, each with nil for a payload that comes last: it is not looked into. */
  #withoutPayloads(members: readonly Member[]): Buffer {
    let size = LIST_HEADER_BYTES;
    for (const { start, end, payloadStart } of members) size += (payloadStart < 0 ? end : payloadStart + 1) - start;
    const list = Buffer.allocUnsafe(size);
    list[0] = LIST_32;
    let at = list.writeUInt32BE(members.length, 1);
    for (const { start, end, payloadStart } of members) {
      at += this.#bytes.copy(list, at, start, payloadStart < 0 ? end : payloadStart);
      if (payloadStart >= 0) list[at++] = NIL;
    }
    return list;
  }
}

/** Worth to be looked at twice, if that saves a copy. */
const MANY_BYTES = 4096;

const hasManyBytes = ({ hasBytes, payloadStart, payloadEnd }: Member): boolean =>
  hasBytes && payloadEnd - payloadStart >= MANY_BYTES;

/** Whether a view of it may be kept: it does not hold on to much more. */
const isMostOf = (part: Buffer): boolean => part.length * 2 >= part.buffer.byteLength;

/** Without the memory of a buffer that is much larger. */
const unshared = (part: Buffer): Buffer =>
  part.length * MAX_HELD_RATIO < part.buffer.byteLength ? Buffer.from(part) : part;

const all = (members: readonly Member[]): Findings => ({
  hasProto: members.some(({ hasProto }) => hasProto),
  hasBytes: members.some(({ hasBytes }) => hasBytes),
});
