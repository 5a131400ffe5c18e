import { NetworkError } from '../../base/errors.js';
import type { Credit } from './wire.js';

/** What a credit changes for the sender. */
export interface Change {
  /** The receiver has more than before, or lets more be sent. */
  readonly progress: boolean;
  /** Whatever follows this offset has to be sent, again if it was sent before. */
  readonly resumeAt: number | undefined;
}

/** A chunk is at most this, */
const MAX_CHUNK_BYTES = 256 * 1024;
/** and so much of the window, so that the credits for the first ones come before the last ones are sent. */
const CHUNKS_IN_WINDOW = 3;

/** What the sender of a body knows of the receiver: how far it is, and how far the sender may go. No I/O, no time. */
export class SendWindow {
  readonly #size: number | undefined;
  #begun = false;
  #limit = 0;
  #acknowledged = 0;
  #sent = 0;
  #widest = 0;
  #attempt = 0;
  /** The last attempt that was answered. */
  #answered = 0;
  #maxChunk = MAX_CHUNK_BYTES;

  /** @param size of the whole, if it is known */
  constructor(size: number | undefined) {
    this.#size = size;
  }

  /** The receiver has let anything be sent. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Everything before this has arrived. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Everything before this has been sent. */
  get sent(): number {
    return this.#sent;
  }

  /** How often the announcement was repeated. */
  get attempt(): number {
    return this.#attempt;
  }

  /** How large a chunk may be, to go well with the receiver's window. */
  get chunkBytes(): number {
    return this.#widest === 0 ? this.#maxChunk : Math.min(this.#maxChunk, Math.ceil(this.#widest / CHUNKS_IN_WINDOW));
  }

  /** Whether the bytes before `end` may be sent. */
  admits(end: number): boolean {
    return end <= this.#limit;
  }

  /** Counts what has been sent. */
  sentUpTo(end: number): void {
    if (end > this.#sent) this.#sent = end;
  }

  /** A chunk of so many bytes did not fit into a frame. @returns whether a smaller one may */
  tooLarge(bytes: number): boolean {
    if (bytes <= 1) return false;
    this.#maxChunk = Math.max(1, Math.floor(bytes / 2));
    return true;
  }

  /** @returns the number of the repeat that is about to be made */
  repeat(): number {
    this.#attempt += 1;
    return this.#attempt;
  }

  /** @returns INVALID_MESSAGE if it says what cannot be */
  credit({ offset, window, resend }: Credit): Change | NetworkError {
    const isFirst = !this.#begun;
    const isAnswer = resend !== undefined && resend === this.#attempt && resend > this.#answered;
    const most = isFirst || isAnswer ? (this.#size ?? Number.MAX_SAFE_INTEGER) : this.#sent;
    if (offset > most) {
      return new NetworkError('INVALID_MESSAGE', `body-credit.offset: ${offset} is more than the ${most} bytes so far`);
    }
    this.#begun = true;
    if (isAnswer) this.#answered = resend;
    const limit = offset + window;
    const progress = isFirst || offset > this.#acknowledged || limit > this.#limit;
    this.#acknowledged = Math.max(this.#acknowledged, offset);
    this.#limit = Math.max(this.#limit, limit);
    this.#widest = Math.max(this.#widest, window);
    this.sentUpTo(offset);
    return { progress, resumeAt: isFirst || isAnswer ? offset : undefined };
  }
}
