import { NetworkError } from '../../base/errors.js';
import type { Credit } from './wire.js';

/** What a chunk is: it comes next, or reaches beyond what has come; nothing of it is new; something before it is missing. */
export type Place = 'next' | 'known' | 'ahead';

/** The sender is told when so much of the window has been taken, */
const CREDITS_IN_WINDOW = 4;
/** or, of a body that is taken slowly, after so many milliseconds: it counts its timeout from the last progress. */
const CREDIT_MS = 100;

/** How far a body has come in, how much of it was taken, and what the sender may send. No I/O, no time of its own. */
export class ReceiveWindow {
  readonly #windowBytes: number;
  /** Of the whole, once it is known. */
  #size: number | undefined;
  #received = 0;
  #taken = 0;
  /** What was taken when the sender was told last, and when that was. */
  #toldTaken = 0;
  #toldAt: number;

  /** @param size of the whole, if the sender said so */
  constructor(windowBytes: number, size: number | undefined, now: number) {
    this.#windowBytes = windowBytes;
    this.#size = size;
    this.#toldAt = now;
  }

  /** Everything before this has arrived. */
  get received(): number {
    return this.#received;
  }

  /** Everything before this was handed to the consumer. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Where a chunk belongs.
   * @returns INVALID_MESSAGE if it is where none may be
   */
  place(offset: number, length: number): Place | NetworkError {
    const end = offset + length;
    if (this.#size !== undefined && end > this.#size) return misplaced(offset, end, `the body has ${this.#size} bytes`);
    if (end <= this.#received) return 'known';
    const most = this.#taken + this.#windowBytes;
    if (end > most) return misplaced(offset, end, `the window ends at ${most}`);
    return offset <= this.#received ? 'next' : 'ahead';
  }

  /** Whether the end may be there. @returns INVALID_MESSAGE if not */
  endAt(size: number): NetworkError | undefined {
    if (size >= this.#received && (this.#size === undefined || this.#size === size)) {
      this.#size = size;
      return undefined;
    }
    const known = this.#size === undefined ? `${this.#received} have arrived` : `${this.#size} were announced`;
    return new NetworkError('INVALID_MESSAGE', `body-end.size: ${size} bytes, but ${known}`);
  }

  receive(length: number): void {
    this.#received += length;
  }

  take(length: number): void {
    this.#taken += length;
  }

  /** In how many milliseconds the sender should be told what it may send; 0: now; Infinity: it knows. */
  dueIn(now: number): number {
    const taken = this.#taken - this.#toldTaken;
    if (taken === 0) return Number.POSITIVE_INFINITY;
    return taken * CREDITS_IN_WINDOW >= this.#windowBytes ? 0 : Math.max(0, this.#toldAt + CREDIT_MS - now);
  }

  /** What the sender may send. */
  get credit(): Credit {
    return { offset: this.#received, window: this.#taken + this.#windowBytes - this.#received };
  }

  /** The sender was told. */
  told(now: number): void {
    this.#toldTaken = this.#taken;
    this.#toldAt = now;
  }
}

const misplaced = (offset: number, end: number, why: string): NetworkError =>
  new NetworkError('INVALID_MESSAGE', `body-chunk.offset: bytes ${offset} to ${end}, but ${why}`);
