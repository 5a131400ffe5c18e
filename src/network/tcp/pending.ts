import type { Codec, EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';

export interface PendingMessage {
  readonly message: NetworkMessage;
  /** As it was when it was sent. */
  readonly encoded: EncodedMessage;
}

export interface PendingBounds {
  readonly maxPendingMessages: number;
  readonly maxPendingBytes: number;
  readonly maxAllPendingBytes: number;
}

/** What all messages together take that wait for a connection. */
export class PendingTotal {
  messages = 0;
  bytes = 0;
}

/** What waits for a connection to one node. Bounded by itself, and together with all others. */
export class Pending {
  readonly #codec: Codec;
  readonly #bounds: PendingBounds;
  readonly #total: PendingTotal;
  #messages: PendingMessage[] = [];
  #bytes = 0;

  constructor(codec: Codec, bounds: PendingBounds, total: PendingTotal) {
    this.#codec = codec;
    this.#bounds = bounds;
    this.#total = total;
  }

  /**
   * @returns whether there is room for it
   * @throws NetworkError SERIALIZATION
   */
  add(message: NetworkMessage): boolean {
    const encoded = this.#codec.encode(message);
    const { maxPendingMessages, maxPendingBytes, maxAllPendingBytes } = this.#bounds;
    const bytes = this.#bytes + encoded.bytes;
    if (this.#messages.length >= maxPendingMessages) return false;
    // As with a connection's own queue: a message that is larger than the whole of it may wait alone.
    if (this.#messages.length > 0 && bytes > maxPendingBytes) return false;
    if (this.#total.messages > 0 && this.#total.bytes + encoded.bytes > maxAllPendingBytes) return false;
    this.#messages.push({ message, encoded });
    this.#bytes = bytes;
    this.#total.messages += 1;
    this.#total.bytes += encoded.bytes;
    return true;
  }

  /** All that waits, which then waits no longer. */
  take(): readonly PendingMessage[] {
    const taken = this.#messages;
    this.#total.messages -= taken.length;
    this.#total.bytes -= this.#bytes;
    this.#messages = [];
    this.#bytes = 0;
    return taken;
  }
}
