import type { Resolved } from './resolved.js';

/** Retries and hedges that a network may make beside its requests. */
export interface RetryBudgetOptions {
  /** Retries that each request pays for. @default 0.1 */
  readonly ratio?: number | undefined;
  /** Retries that may be saved up, and that there are at the start. @default 10 */
  readonly reserve?: number | undefined;
  /** What is added each second, for those who ask seldom. @default 1 */
  readonly perSecond?: number | undefined;
}

/** Thousandths of a retry: ten tenths must make a whole one. */
const ONE = 1000;

/**
 * A token bucket that keeps retries from making an overload worse: over any span of `t` seconds with `n` requests there
 * are at most `reserve + ratio * n + perSecond * t` of them.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #perMs: number;
  #balance: number;
  #at: number;

  constructor(options: Resolved<RetryBudgetOptions>, now: number) {
    this.#ratio = Math.round(options.ratio * ONE);
    this.#reserve = options.reserve * ONE;
    this.#perMs = (options.perSecond * ONE) / 1000;
    this.#balance = this.#reserve;
    this.#at = now;
  }

  /** Whole retries that could be made now. */
  available(now: number): number {
    this.#refill(now);
    return Math.floor(this.#balance / ONE);
  }

  /** A request was made (a first try). */
  earn(): void {
    this.#balance = Math.min(this.#reserve, this.#balance + this.#ratio);
  }

  /** Pays for a retry; false if there is nothing to pay with. */
  take(now: number): boolean {
    this.#refill(now);
    if (this.#balance < ONE) return false;
    this.#balance -= ONE;
    return true;
  }

  #refill(now: number): void {
    this.#balance = Math.min(this.#reserve, this.#balance + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
