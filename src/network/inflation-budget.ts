import { TokenBucket } from '../traffic/token-bucket.js';

export interface InflationLimits {
  /**
   * Bytes that what a peer sends compressed may be inflated to at once, beyond eight times what it sends.
   * @default 4 MiB
   */
  readonly inflationBurstBytes: number;
  /** The same, each second from then on. @default 16 MiB */
  readonly inflationBytesPerSecond: number;
}

export const DEFAULT_INFLATION_LIMITS: InflationLimits = {
  inflationBurstBytes: 4 * 1024 * 1024,
  inflationBytesPerSecond: 16 * 1024 * 1024,
};

/** So many times what came is free: honest payloads seldom inflate to more, and what came is bounded by itself. */
const FREE_RATIO = 8;

/**
 * How much may be inflated for one peer: a few bytes on the wire can be a thousand times as many, and whoever reads
 * those serves nobody else meanwhile. What a frame costs is known only when it is inflated, so the last one of a burst
 * may overdraw.
 */
export class InflationBudget {
  readonly #bucket: TokenBucket;

  constructor({ inflationBurstBytes: burst, inflationBytesPerSecond: perSecond }: InflationLimits, now: number) {
    this.#bucket = new TokenBucket({ burst, perSecond }, now);
  }

  spend(compressedBytes: number, inflatedBytes: number, now: number): void {
    this.#bucket.spend(Math.max(0, inflatedBytes - FREE_RATIO * compressedBytes), now);
  }

  /** Until something may be inflated again; 0: now. */
  waitMs(now: number): number {
    return this.#bucket.waitMs(now);
  }
}
