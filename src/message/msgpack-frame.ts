import { NetworkError } from '../base/errors.js';
import type { DecodedFrame, DecodeLimits, InvalidMessage } from './codec.js';
import { guardEnvelope, guardPayload } from './guard.js';
import type { NetworkMessage } from './message.js';
import { type Findings, MsgpackPayload, unpacked } from './msgpack-payload.js';
import { MsgpackScanner } from './msgpack-scan.js';
import { assemble, bytesOfFrame, idOf } from './received.js';
import type { ScannedMessage } from './scan.js';

const NIL = 0xc0;
/** Payloads kept from a buffer more than this many times their size are copied, so as not to hold on to it. */
const MAX_HELD_RATIO = 8;

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
    const batch = this.#scanner.list(0);
    if (batch?.size === 0) throw new NetworkError('DESERIALIZATION', 'an empty batch');
    const size = batch?.size ?? 1;
    if (size > this.#limits.maxBatch) {
      throw new NetworkError('TOO_LARGE', `a batch of more than ${this.#limits.maxBatch} messages`);
    }
    let at = batch?.start ?? 0;
    for (let i = 0; i < size; i += 1) at = this.#message(at);
    if (at !== this.#bytes.length) throw this.#scanner.broken(at, 'more than a message or a list of them');
    return this;
  }

  #message(at: number): number {
    const scanner = this.#scanner;
    scanner.reset();
    const found = scanner.scanMessage(at);
    const isSplit = this.#lazy && found.payloadStart >= 0;
    const envelope = isSplit ? this.#withoutPayload(found) : this.#bytes.subarray(found.start, found.end);
    const parsed = unpacked(envelope, scanner);
    const error = guardEnvelope(parsed);
    if (error) this.invalid.push({ error, id: idOf(parsed) });
    else this.#deliver(parsed as NetworkMessage, isSplit ? found : undefined);
    return found.end;
  }

  #deliver(checked: NetworkMessage, split: ScannedMessage | undefined): void {
    const message = assemble(checked);
    if (split) message.payload = this.#payload(split, this.#scanner);
    const isOurs = message.kind === 'control' || message.kind === 'heartbeat';
    if (isOurs && message.payload instanceof MsgpackPayload) message.payload = message.payload.value();
    const error = guardPayload(message.kind, message.payload);
    if (error) this.invalid.push({ error, id: message.id });
    else this.messages.push(message);
  }

  #payload({ payloadStart, payloadEnd }: ScannedMessage, findings: Findings): MsgpackPayload {
    const size = payloadEnd - payloadStart;
    const part = this.#bytes.subarray(payloadStart, payloadEnd);
    const isSmall = size * MAX_HELD_RATIO < this.#bytes.buffer.byteLength;
    return new MsgpackPayload(isSmall ? Buffer.from(part) : part, findings);
  }

  /** The bytes of a message with nil for its payload. */
  #withoutPayload({ start, payloadStart }: ScannedMessage): Buffer {
    const envelope = Buffer.allocUnsafe(payloadStart - start + 1);
    this.#bytes.copy(envelope, 0, start, payloadStart);
    envelope[envelope.length - 1] = NIL;
    return envelope;
  }
}
