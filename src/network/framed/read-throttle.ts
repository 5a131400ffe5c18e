import type { Clock, Timer } from '../../base/clock.js';
import { TokenBucket } from '../../traffic/token-bucket.js';
import { InflationBudget, type InflationLimits } from '../inflation-budget.js';
import type { FramedCounters } from './counters.js';
import type { FrameLink } from './frame-link.js';

export interface RefusedLimits {
  /** Bytes of frames that a peer may send at once although they, or messages in them, are invalid. @default 64 KiB */
  readonly refusedBurstBytes: number;
  /** The same, each second from then on. @default 32 KiB */
  readonly refusedBytesPerSecond: number;
}

export const DEFAULT_REFUSED_LIMITS: RefusedLimits = {
  refusedBurstBytes: 64 * 1024,
  refusedBytesPerSecond: 32 * 1024,
};

/** Whoever means well and errs is not taken for lost meanwhile. */
const MAX_REFUSED_WAIT_S = 5;

export interface ThrottleParts {
  readonly clock: Clock;
  readonly limits: InflationLimits & RefusedLimits;
  readonly counters: FramedCounters;
  readonly link: Pick<FrameLink, 'pause' | 'resume'>;
  /** Reads a frame that has waited. */
  read(frame: Buffer): void;
}

/**
 * Holds a peer to its budgets, of what its frames are inflated to and of bytes that are read in vain: whoever has spent
 * one is not read until some of it has come back. What was read along with the frame that was one too many waits in
 * order.
 */
export class ReadThrottle {
  readonly #parts: ThrottleParts;
  readonly #inflation: InflationBudget;
  readonly #refused: TokenBucket;
  /** At most what one read of the socket has brought: nothing more is read. */
  #held: Buffer[] = [];
  /** The peer is not read. */
  #paused = false;
  #timer: Timer | undefined;
  #then: (() => void) | undefined;

  constructor(parts: ThrottleParts) {
    this.#parts = parts;
    const { limits, clock } = parts;
    const now = clock.now();
    this.#inflation = new InflationBudget(limits, now);
    const { refusedBurstBytes: burst, refusedBytesPerSecond: perSecond } = limits;
    this.#refused = new TokenBucket({ burst, perSecond, maxDebt: MAX_REFUSED_WAIT_S * perSecond }, now);
  }

  /** A frame was inflated. */
  inflated(frameBytes: number, inflatedBytes: number): void {
    this.#inflation.spend(frameBytes, inflatedBytes, this.#parts.clock.now());
    if (this.#pause()) this.#parts.counters.inflationPauses += 1;
  }

  /** A frame was invalid, or a message in it. */
  refused(frameBytes: number): void {
    this.#refused.spend(frameBytes, this.#parts.clock.now());
    if (this.#pause()) this.#parts.counters.refusedPauses += 1;
  }

  /** @returns whether the frame has to wait; then it is read in its turn */
  hold(frame: Buffer): boolean {
    if (this.#paused) this.#held.push(frame);
    return this.#paused;
  }

  /** @returns whether frames wait; then it calls back once they are read */
  onceRead(then: () => void): boolean {
    if (this.#held.length === 0) return false;
    this.#then = then;
    return true;
  }

  /**
   * The connection has ended: nothing more is read, but what still comes may flow off. Not that of a peer that has sent
   * too much in vain: there may be megabytes of it.
   */
  end(): void {
    this.#held = [];
    this.#then = undefined;
    this.#timer?.cancel();
    if (this.#refused.waitMs(this.#parts.clock.now()) === 0) this.#resume();
  }

  /** @returns whether it has to be, and was not */
  #pause(): boolean {
    const waitMs = this.#waitMs();
    if (this.#paused || waitMs === 0) return false;
    this.#paused = true;
    this.#parts.link.pause();
    this.#wait(waitMs);
    return true;
  }

  #waitMs(): number {
    const now = this.#parts.clock.now();
    return Math.max(this.#inflation.waitMs(now), this.#refused.waitMs(now));
  }

  #wait(waitMs: number): void {
    this.#timer = this.#parts.clock.setTimer(waitMs, () => this.#goOn());
  }

  #goOn(): void {
    while (this.#paused) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#wait(waitMs);
        return;
      }
      const frame = this.#held.shift();
      if (frame === undefined) this.#resume();
      // It may end the connection.
      else this.#parts.read(frame);
    }
    const then = this.#then;
    this.#then = undefined;
    then?.();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#parts.link.resume();
  }
}
