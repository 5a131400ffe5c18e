import { NetworkError } from '../../base/errors.js';
import { integer, type Random, uniform } from '../../base/random.js';

/** How long messages are under way, as a distribution. Plain data: it can be saved with a run. All in milliseconds. */
export type Latency =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  /** What would be less than nothing is nothing. */
  | { readonly kind: 'normal'; readonly meanMs: number; readonly deviationMs: number }
  /** Half of the messages take longer than `medianMs`; `sigma` is the deviation of the logarithm (0.5 is usual). */
  | { readonly kind: 'log-normal'; readonly medianMs: number; readonly sigma: number }
  /** At least `minMs`; the smaller `shape`, the heavier the tail (the mean is infinite up to 1). */
  | { readonly kind: 'pareto'; readonly minMs: number; readonly shape: number }
  /** One of what was measured, each as likely. */
  | { readonly kind: 'list'; readonly ms: readonly number[] };

/** A tail has an end: nothing is under way for longer than an hour. */
const LONGEST_LATENCY_MS = 3_600_000;
const MAX_LIST = 100_000;

/** One draw. A distribution takes the same number of draws from `random` each time, so that later ones stay put. */
export function drawLatency(latency: Latency, random: Random): number {
  return Math.min(LONGEST_LATENCY_MS, Math.max(0, draw(latency, random)));
}

function draw(latency: Latency, random: Random): number {
  switch (latency.kind) {
    case 'fixed':
      return latency.ms;
    case 'uniform':
      return uniform(random, latency.minMs, latency.maxMs);
    case 'normal':
      return latency.meanMs + latency.deviationMs * standardNormal(random);
    case 'log-normal':
      return latency.medianMs * Math.exp(latency.sigma * standardNormal(random));
    case 'pareto':
      // The inverse of its distribution function; 1 - next() is in (0, 1].
      return latency.minMs / (1 - random.next()) ** (1 / latency.shape);
    case 'list':
      return latency.ms[integer(random, latency.ms.length)] ?? 0;
  }
}

/** Box and Muller's method. */
function standardNormal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}

/** @throws NetworkError INVALID_OPTION naming the field and its range */
export function checkLatency(latency: Latency): void {
  switch (latency.kind) {
    case 'fixed':
      need('ms', latency.ms, 0);
      return;
    case 'uniform':
      need('minMs', latency.minMs, 0);
      need('maxMs', latency.maxMs, latency.minMs);
      return;
    case 'normal':
      need('meanMs', latency.meanMs, 0);
      need('deviationMs', latency.deviationMs, 0);
      return;
    case 'log-normal':
      need('medianMs', latency.medianMs, 0);
      need('sigma', latency.sigma, 0);
      return;
    case 'pareto':
      need('minMs', latency.minMs, 0);
      need('shape', latency.shape, 0.01);
      return;
    case 'list':
      if (latency.ms.length === 0 || latency.ms.length > MAX_LIST) {
        throw refusal('ms', `${latency.ms.length} values`, `a list of 1 to ${MAX_LIST}`);
      }
      for (const ms of latency.ms) need('ms', ms, 0);
      return;
    default:
      throw refusal('kind', (latency as { kind?: unknown }).kind, 'fixed, uniform, normal, log-normal, pareto or list');
  }
}

function need(field: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least && value <= LONGEST_LATENCY_MS) return;
  throw refusal(field, value, `a number from ${least} to ${LONGEST_LATENCY_MS}`);
}

const refusal = (field: string, value: unknown, rule: string): NetworkError =>
  new NetworkError('INVALID_OPTION', `latency.${field}: ${String(value)} is not ${rule}`);
