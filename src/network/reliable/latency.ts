/** Over how many milliseconds a sample loses its weight. */
const TAU_MS = 10_000;
/** Nothing counts as faster: below it only what is in flight tells routes apart. In milliseconds. */
const FLOOR_MS = 0.1;

/** The weight of a sample that comes `elapsed` after the one before: `1 - e^(-elapsed/tau)`. */
export const weightOf = (elapsed: number, tau: number): number => 1 - Math.exp(-elapsed / tau);

/**
 * An exponentially weighted moving average of answer times, over time rather than over samples. What is not heard of
 * decays, so that a route that was slow once is tried again.
 */
export class Latency {
  #valueMs = 0;
  #at: number | undefined;

  observe(sampleMs: number, now: number): void {
    if (this.#at === undefined) this.#valueMs = sampleMs;
    else this.#valueMs += weightOf(now - this.#at, TAU_MS) * (sampleMs - this.#valueMs);
    this.#at = now;
  }

  valueMs(now: number): number {
    if (this.#at === undefined) return FLOOR_MS;
    return Math.max(FLOOR_MS, this.#valueMs * (1 - weightOf(now - this.#at, TAU_MS)));
  }
}
