import { type Random, uniform } from '../../base/random.js';

/** Something that grows from try to try, in milliseconds. */
export interface Growth {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
}

/** `min(maxMs, initialMs * multiplier^k)`; the first k is 0. */
export const grownMs = ({ initialMs, maxMs, multiplier }: Growth, k: number): number =>
  Math.min(maxMs, k === 0 ? initialMs : initialMs * multiplier ** k);

/** Full jitter (AWS Architecture Blog, Exponential Backoff And Jitter): uniform in [0, ceilingMs). */
export const jitteredMs = (random: Random, ceilingMs: number): number => uniform(random, 0, ceilingMs);
