export interface TokenRate {
  /** What there is at most: after a pause so much may be spent at once. */
  readonly burst: number;
  /** What comes back, each second. */
  readonly perSecond: number;
  /** How far it may be overdrawn; what is spent beyond is for nothing. @default without bound */
  readonly maxDebt?: number;
}

/**
 * A token bucket that may be overdrawn: what a thing costs is known when it is done, so whoever has anything left may do
 * one more, and then waits until the debt is paid. Two numbers; it is told the time, in milliseconds.
 */
export class TokenBucket {
  readonly #rate: TokenRate;
  #level: number;
  #at: number;

  constructor(rate: TokenRate, now: number) {
    this.#rate = rate;
    this.#level = rate.burst;
    this.#at = now;
  }

  spend(amount: number, now: number): void {
    this.#fill(now);
    this.#level = Math.max(this.#level - amount, -(this.#rate.maxDebt ?? Number.POSITIVE_INFINITY));
  }

  /** Until something may be spent again; 0: now. */
  waitMs(now: number): number {
    this.#fill(now);
    return this.#level >= 0 ? 0 : (-this.#level * 1_000) / this.#rate.perSecond;
  }

  #fill(now: number): void {
    const { burst, perSecond } = this.#rate;
    this.#level = Math.min(burst, this.#level + ((now - this.#at) * perSecond) / 1_000);
    this.#at = now;
  }
}
