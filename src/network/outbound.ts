import { type Codec, type EncodedMessage, type Frame, joinedBytes } from '../message/codec.js';
import type { Priority } from '../message/message.js';
import { WeightedFairQueue } from '../traffic/weighted-fair-queue.js';
import type { Traffic } from './network.js';

/** Bounds of what one connection may hold. Every one has a row in docs/limits.md. */
export interface OutboundLimits {
  /** Sent but not acknowledged: at this many bytes dispatch pauses. @default 1 MiB */
  readonly windowBytes: number;
  /** Queued and unacknowledged together above this is congestion. @default 1 MiB */
  readonly congestedBytes: number;
  /** Congestion is over below this. @default 256 KiB */
  readonly drainedBytes: number;
  /** Queued bytes beyond which messages are refused with BACKPRESSURE. @default 8 MiB */
  readonly maxQueuedBytes: number;
  /** Where a frame of several messages ends. @default 256 KiB */
  readonly maxBatchBytes: number;
  /** Messages in one frame. @default 4,096 */
  readonly maxBatch: number;
}

export const DEFAULT_OUTBOUND_LIMITS: OutboundLimits = {
  windowBytes: 1024 * 1024,
  congestedBytes: 1024 * 1024,
  drainedBytes: 256 * 1024,
  maxQueuedBytes: 8 * 1024 * 1024,
  maxBatchBytes: 256 * 1024,
  maxBatch: 4096,
};

/** So much is worth a write before the turn is over: the peer can begin while we go on. */
const EARLY_BYTES = 16 * 1024;

/** What joining may add to a message inside a frame, and to the frame as a whole. */
const JOIN_BYTES = 1;
const FRAME_BYTES = 8;

/**
 * What waits to be written to one peer. The connection pulls: whenever it can write, it takes the next frame,
 * so priorities act until the last moment. No I/O, no timer; one of these per connection, so it is lean.
 */
export class Outbound {
  readonly #codec: Codec;
  readonly #limits: OutboundLimits;
  readonly #traffic: Traffic;
  readonly #windowBytes: number;
  readonly #maxFrameBytes: number;
  /** Made when it is first needed: most connections of a large cluster never queue. */
  #queue: WeightedFairQueue<EncodedMessage> | undefined;
  #sentBytes: number;
  #acknowledgedBytes = 0;
  #progressAt: number;
  /** When it was last looked at, and nothing was queued. */
  #emptyAt: number;
  #congested = false;
  #takenBytes = 0;
  #takenTail: Uint8Array | undefined;

  constructor(options: OutboundOptions) {
    this.#codec = options.codec;
    this.#limits = options.limits;
    this.#traffic = options.traffic;
    this.#sentBytes = options.sentBytes;
    this.#progressAt = options.now;
    this.#emptyAt = options.now;
    this.#windowBytes = Math.min(options.limits.windowBytes, options.peerWindowBytes);
    this.#maxFrameBytes = options.peerMaxFrameBytes;
  }

  get queuedMessages(): number {
    return this.#queue?.length ?? 0;
  }

  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  get unacknowledgedBytes(): number {
    return this.#sentBytes - this.#acknowledgedBytes;
  }

  /** The bytes of the frame that was taken last, by `pull` or `direct`. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** What follows the frame that was taken last, and belongs to it: lent bytes. */
  get takenTail(): Uint8Array | undefined {
    return this.#takenTail;
  }

  /** Nothing waits to be pulled. */
  get empty(): boolean {
    return this.#queue === undefined || this.#queue.length === 0;
  }

  /** Whether the peer's window has room. */
  get open(): boolean {
    return this.unacknowledgedBytes < this.#windowBytes;
  }

  /** Enough waits: no reason to hold it back until the end of the turn. */
  get frameReady(): boolean {
    return this.queuedBytes >= EARLY_BYTES;
  }

  /** More is on its way than a producer should add to. */
  get overfull(): boolean {
    return this.queuedBytes + this.unacknowledgedBytes > this.#limits.congestedBytes;
  }

  push(priority: Priority, message: EncodedMessage): 'queued' | 'BACKPRESSURE' | 'TOO_LARGE' {
    if (message.inflatedBytes > this.#maxFrameBytes) return 'TOO_LARGE';
    const queued = this.queuedBytes;
    if (queued > 0 && queued + message.bytes > this.#limits.maxQueuedBytes) return 'BACKPRESSURE';
    this.#queue ??= new WeightedFairQueue<EncodedMessage>();
    this.#queue.push(priority, message.bytes, message);
    return 'queued';
  }

  /** The frame of these messages past the queue, which must be empty; undefined if the window is closed or it is too large. */
  direct(messages: readonly EncodedMessage[], now: number): Frame | undefined {
    if (!this.open || !this.empty) return undefined;
    let bytes = messages.length === 1 ? 0 : FRAME_BYTES + messages.length * JOIN_BYTES;
    for (const message of messages) bytes += message.inflatedBytes;
    return bytes > this.#maxFrameBytes ? undefined : this.#join(messages, now);
  }

  /** The next frame: what is queued, up to the bounds of a batch; undefined if nothing is, or the window is closed. */
  pull(now: number): Frame | undefined {
    const queue = this.#queue;
    if (queue === undefined || !this.open) return undefined;
    const first = queue.pop();
    if (first === undefined) return undefined;
    const maxBytes = this.#limits.maxBatchBytes - FRAME_BYTES;
    const maxInflatedBytes = this.#maxFrameBytes - FRAME_BYTES;
    const batch = [first];
    let bytes = first.bytes + JOIN_BYTES;
    let inflatedBytes = first.inflatedBytes + JOIN_BYTES;
    for (let next = queue.peek(); next !== undefined && batch.length < this.#limits.maxBatch; next = queue.peek()) {
      // Lent bytes would have to be copied into the batch.
      if (first.tail || next.tail) break;
      bytes += next.bytes + JOIN_BYTES;
      inflatedBytes += next.inflatedBytes + JOIN_BYTES;
      if (bytes > maxBytes || inflatedBytes > maxInflatedBytes) break;
      queue.pop();
      batch.push(next);
    }
    return this.#join(batch, now);
  }

  /** @param totalBytes frame bytes that the peer has received since the connection opened: cumulative, so a repeat does no harm */
  acknowledge(totalBytes: number, now: number): void {
    const total = Math.min(totalBytes, this.#sentBytes);
    if (total <= this.#acknowledgedBytes) return;
    this.#acknowledgedBytes = total;
    this.#progressAt = now;
  }

  /**
   * For how long the peer has acknowledged nothing of what it owes; if it owes nothing, for how long what is queued could
   * not be handed on. 0 if there is neither.
   */
  stalledMs(now: number): number {
    if (this.unacknowledgedBytes === 0 && this.empty) this.#progressAt = now;
    return now - this.#progressAt;
  }

  /** For how long something has been queued, as far as anybody has looked; 0 if nothing is. */
  queuedMs(now: number): number {
    if (this.empty) this.#emptyAt = now;
    return now - this.#emptyAt;
  }

  /** Tells once when congestion begins and once when it is over. */
  pressureChange(): 'congested' | 'drained' | undefined {
    const bytes = this.queuedBytes + this.unacknowledgedBytes;
    if (!this.#congested && this.overfull) {
      this.#congested = true;
      return 'congested';
    }
    if (this.#congested && bytes < this.#limits.drainedBytes) {
      this.#congested = false;
      return 'drained';
    }
    return undefined;
  }

  #join(messages: readonly EncodedMessage[], now: number): Frame {
    const [first] = messages as readonly [EncodedMessage];
    // Alone it is a frame as it is.
    const isAlone = messages.length === 1;
    const frame = isAlone ? first.data : this.#codec.join(messages);
    const bytes = isAlone ? first.bytes : joinedBytes(frame, messages);
    this.#takenBytes = bytes;
    this.#takenTail = isAlone ? first.tail : undefined;
    if (this.unacknowledgedBytes === 0) this.#progressAt = now;
    if (!messages.every(isUncounted)) this.#sentBytes += bytes;
    this.#traffic.messagesOut += messages.length;
    this.#traffic.bytesOut += bytes;
    return frame;
  }
}

const isUncounted = ({ uncounted }: EncodedMessage): boolean => uncounted === true;

export interface OutboundOptions {
  readonly codec: Codec;
  readonly limits: OutboundLimits;
  /** Counted here as frames are made. */
  readonly traffic: Traffic;
  /** Frame bytes that the handshake has written already. */
  readonly sentBytes: number;
  readonly now: number;
  /** The window and the frame limit that the peer asked for. */
  readonly peerWindowBytes: number;
  readonly peerMaxFrameBytes: number;
}
