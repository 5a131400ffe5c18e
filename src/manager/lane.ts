import { Ring } from '../base/ring.js';
import { DEFAULT_CONCURRENCY, DEFAULT_QUEUE, type Handler } from './handler.js';

/**
 * What the payloads that wait may take, in bytes, as long as they are encoded: those of the peers of a leader are. A
 * peer that compresses could otherwise fill the memory by a thousandth of what it sends.
 */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** What a lane needs to know of those who wait in it. */
interface Waiter {
  readonly aborted: boolean;
}

/** One handler's place on a node: what runs, what waits, and how many of each there may be. */
export class Lane<W extends Waiter> {
  readonly handler: Handler;
  readonly concurrency: number;
  readonly #queueLimit: number;
  readonly #waiting = new Ring<W>();
  #running = 0;
  #waitingBytes = 0;

  constructor(handler: Handler) {
    this.handler = handler;
    this.concurrency = handler.options.concurrency ?? DEFAULT_CONCURRENCY;
    this.#queueLimit = handler.options.queue ?? DEFAULT_QUEUE;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Whether it starts now, waits, or does not fit any more.
   * @param bytes of its payload
   */
  enter(waiter: W, bytes: number): 'run' | 'wait' | 'full' {
    if (this.#running < this.concurrency) {
      this.#running += 1;
      return 'run';
    }
    const waitingBytes = this.#waitingBytes + bytes;
    if (this.#waiting.length >= this.#queueLimit || waitingBytes > MAX_WAITING_BYTES) return 'full';
    this.#waiting.push(waiter, bytes);
    this.#waitingBytes = waitingBytes;
    return 'wait';
  }

  /** One is done; the next that still has somebody waiting for it takes its place. */
  leave(): W | undefined {
    for (let next = this.#next(); next; next = this.#next()) if (!next.aborted) return next;
    this.#running -= 1;
    return undefined;
  }

  /** Empties the queue and returns what was in it. */
  clear(): W[] {
    const dropped: W[] = [];
    for (let next = this.#next(); next; next = this.#next()) dropped.push(next);
    return dropped;
  }

  #next(): W | undefined {
    this.#waitingBytes -= this.#waiting.headSize;
    return this.#waiting.shift();
  }
}
