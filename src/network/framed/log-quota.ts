const MAX_LINES = 10;
const WINDOW_MS = 60_000;

/** How much those who are refused may write into the log: 10 lines a minute, all together. Counters are exact. */
export class LogQuota {
  #since = Number.NEGATIVE_INFINITY;
  #lines = 0;

  /** @returns whether there is a line left. @param now in milliseconds, on a monotonic clock */
  take(now: number): boolean {
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= MAX_LINES;
  }
}
