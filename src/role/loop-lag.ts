import type { Clock, Timer } from '../base/clock.js';

const SAMPLE_MS = 500;
const WEIGHT = 0.3;

/** How late the event loop runs its timers: a moving average, in milliseconds. */
export class LoopLag {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #dueAt = 0;
  #lagMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rounded to a tenth. */
  get ms(): number {
    return Math.round(this.#lagMs * 10) / 10;
  }

  start(): void {
    if (!this.#timer) this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#dueAt = this.#clock.now() + SAMPLE_MS;
    this.#timer = this.#clock.setTimer(SAMPLE_MS, () => {
      const late = Math.max(0, this.#clock.now() - this.#dueAt);
      this.#lagMs += WEIGHT * (late - this.#lagMs);
      this.#arm();
    });
  }
}
