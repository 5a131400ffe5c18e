import { NetworkError } from '../base/errors.js';
import type { DecodedFrame, DecodeLimits, InvalidMessage } from './codec.js';
import { guardEnvelope, guardPayload } from './guard.js';
import type { NetworkMessage } from './message.js';
import { type Findings, MsgpackPayload, unpacked } from './msgpack-payload.js';
import { MsgpackScanner } from './msgpack-scan.js';
import { assemble, bytesOfFrame, idOf } from './received.js';
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
  readonly #scanner: MsgpackScanner;

  constructor(frame: Uint8Array, limits: DecodeLimits, lazy: boolean) {
    this.#bytes = bytesOfFrame(frame, limits.maxFrameBytes);
    this.#limits = limits;
    this.#lazy = lazy;
    this.#scanner = new MsgpackScanner(this.#bytes, limits);
  }

  read(): this {
    const members = this.#scanned();
    const isList = this.#scanner.list(0) !== undefined;
    const value = this.#lazy
      ? unpacked(this.#withoutPayloads(members), all(members))
      : unpacked(this.#bytes, all(members));
    const candidates = this.#lazy || isList ? (value as readonly unknown[]) : [value];
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
    if (this.#lazy && member.payloadStart >= 0) {
      const raw = this.#payload(member);
      const isOurs = message.kind === 'control' || message.kind === 'heartbeat';
      message.payload = isOurs ? raw.value() : raw;
    }
    const forbidden = guardPayload(message.kind, message.payload);
    if (forbidden) this.invalid.push({ error: forbidden, id: message.id });
    else this.messages.push(message);
  }

  #payload(member: Member): MsgpackPayload {
    const part = this.#bytes.subarray(member.payloadStart, member.payloadEnd);
    const isSmall = part.length * MAX_HELD_RATIO < this.#bytes.buffer.byteLength;
    return new MsgpackPayload(isSmall ? Buffer.from(part) : part, member);
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

const all = (members: readonly Member[]): Findings => ({
  hasProto: members.some(({ hasProto }) => hasProto),
  hasBytes: members.some(({ hasBytes }) => hasBytes),
});
