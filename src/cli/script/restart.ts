const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
/** Whoever ran for so long has started well: the next delay is the first again. */
const STEADY_MS = 10_000;
/** Starts in any window of WINDOW_MS; further ones wait until the window has room. */
export const MAX_STARTS = 10;
const WINDOW_MS = 60_000;

/** When a process that ended may be started again. Times are milliseconds on one monotonic clock. */
export class RestartSchedule {
  /** Of the last starts, oldest first. */
  #starts: number[] = [];
  #delayMs = FIRST_DELAY_MS;

  started(now: number): void {
    this.#starts.push(now);
    if (this.#starts.length > MAX_STARTS) this.#starts.shift();
  }

  /** How long to wait now that it ended; `exhausted` if that is because it was started too often. */
  next(now: number): { readonly delayMs: number; readonly exhausted: boolean } {
    const last = this.#starts.at(-1) ?? now;
    if (now - last >= STEADY_MS) this.#delayMs = FIRST_DELAY_MS;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS);
    const oldest = this.#starts[0] ?? now;
    const roomInMs = this.#starts.length < MAX_STARTS ? 0 : oldest + WINDOW_MS - now;
    return roomInMs > delayMs ? { delayMs: roomInMs, exhausted: true } : { delayMs, exhausted: false };
  }
}
