import type { Clock, Timer } from '../../base/clock.js';

/**
 * Milliseconds in which this process was awake, advanced by a regular tick. A tick that comes late counts as two at
 * most, and is acted on only after the sockets were read: whoever seems silent because we slept gets no blame.
 */
export class AwakeTime {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #onTick: (time: number) => void;
  readonly #tick = (): void => {
    this.#timer = this.#clock.defer(this.#advance);
  };
  readonly #advance = (): void => {
    const now = Math.floor(this.#clock.now());
    this.#time += Math.min(now - this.#tickedAt, 2 * this.#tickMs);
    this.#tickedAt = now;
    this.#timer = this.#clock.setTimer(this.#tickMs, this.#tick);
    this.#onTick(this.#time);
  };
  #time = 0;
  #tickedAt = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, tickMs: number, onTick: (time: number) => void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#onTick = onTick;
  }

  /** As of the last tick. Whole milliseconds: ten thousand connections remember it, and another number takes more. */
  get coarse(): number {
    return this.#time;
  }

  get exact(): number {
    return this.#time + Math.min(this.#clock.now() - this.#tickedAt, 2 * this.#tickMs);
  }

  start(): void {
    this.#tickedAt = Math.floor(this.#clock.now());
    this.#timer = this.#clock.setTimer(this.#tickMs, this.#tick);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
