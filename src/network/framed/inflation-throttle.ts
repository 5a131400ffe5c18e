import type { Clock, Timer } from '../../base/clock.js';
import { InflationBudget, type InflationLimits } from '../inflation-budget.js';
import type { FramedCounters } from './counters.js';
import type { FrameLink } from './frame-link.js';

export interface ThrottleParts {
  readonly clock: Clock;
  readonly limits: InflationLimits;
  readonly counters: FramedCounters;
  readonly link: Pick<FrameLink, 'pause' | 'resume'>;
  /** Reads a frame that has waited. */
  read(frame: Buffer): void;
}

/**
 * Holds a peer to its budget: whoever has spent it is not read until some of it has come back. What was read along with
 * the frame that was one too many waits in order.
 */
export class InflationThrottle {
  readonly #parts: ThrottleParts;
  readonly #budget: InflationBudget;
  /** At most what one read of the socket has brought: nothing more is read. */
  #held: Buffer[] = [];
  /** The peer is not read. */
  #paused = false;
  #timer: Timer | undefined;
  #then: (() => void) | undefined;

  constructor(parts: ThrottleParts) {
    this.#parts = parts;
    this.#budget = new InflationBudget(parts.limits, parts.clock.now());
  }

  spend(frameBytes: number, inflatedBytes: number): void {
    const { clock, counters, link } = this.#parts;
    const now = clock.now();
    this.#budget.spend(frameBytes, inflatedBytes, now);
    const waitMs = this.#budget.waitMs(now);
    if (this.#paused || waitMs === 0) return;
    this.#paused = true;
    counters.inflationPauses += 1;
    link.pause();
    this.#wait(waitMs);
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

  /** The connection has ended: nothing more is read, but what still comes may flow off. */
  end(): void {
    this.#held = [];
    this.#then = undefined;
    this.#timer?.cancel();
    this.#resume();
  }

  #wait(waitMs: number): void {
    this.#timer = this.#parts.clock.setTimer(waitMs, () => this.#goOn());
  }

  #goOn(): void {
    while (this.#paused) {
      const waitMs = this.#budget.waitMs(this.#parts.clock.now());
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
