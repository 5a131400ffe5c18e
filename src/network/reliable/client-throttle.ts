import { chance, type Random } from '../../base/random.js';
import type { Resolved } from './resolved.js';
import { RollingCounts } from './rolling-counts.js';

export interface ThrottleOptions {
  /** In milliseconds. @default 120000 */
  readonly windowMs?: number | undefined;
  /** So many times what the peer accepts may be asked of it. @default 2 */
  readonly factor?: number | undefined;
}

/**
 * `max(0, (requests - factor * accepts) / (requests + 1))`: the share of requests to refuse here (Site Reliability
 * Engineering, Handling Overload).
 */
export const refusalShare = (requests: number, accepts: number, factor: number): number =>
  Math.max(0, (requests - factor * accepts) / (requests + 1));

/** Refuses on this side what an overloaded peer would refuse on the other, in proportion. It is told the time. */
export class ClientThrottle {
  readonly #counts: RollingCounts;
  readonly #factor: number;

  constructor({ windowMs, factor }: Resolved<ThrottleOptions>) {
    this.#counts = new RollingCounts(windowMs);
    this.#factor = factor;
  }

  /** Whether this request is to be refused; one that is counts as not accepted. */
  refuses(random: Random, now: number): boolean {
    const requests = this.#counts.calls(now);
    const share = refusalShare(requests, requests - this.#counts.failures(now), this.#factor);
    if (!chance(random, share)) return false;
    this.#counts.add(true, now);
    return true;
  }

  /** How one that was not refused has ended. */
  ended(accepted: boolean, now: number): void {
    this.#counts.add(!accepted, now);
  }
}
