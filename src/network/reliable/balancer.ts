import { integer, type Random } from '../../base/random.js';
import { grownMs } from './backoff.js';
import { Latency } from './latency.js';
import type { Resolved } from './resolved.js';

export interface EjectionOptions {
  /** Failures in a row that take a route out. @default 5 */
  readonly failures?: number | undefined;
  /** For how long, the first time; twice as long each time that it does not help. In milliseconds. @default 10000 */
  readonly ejectMs?: number | undefined;
  /** The longest, in milliseconds. @default 300000 */
  readonly maxEjectMs?: number | undefined;
}

/** What a failed call counts as at least: a route that fails at once is not a fast one. In milliseconds. */
const FAILURE_MS = 1000;
const MAX_EJECTIONS = 20;

/** One of the ways to a peer, and what is known of it. */
export class Lane<R> {
  readonly route: R;
  readonly latency: Latency = new Latency();
  inFlight = 0;
  failuresInARow = 0;
  /** How often it was taken out since it was well. */
  ejections = 0;
  ejectedUntil: number = Number.NEGATIVE_INFINITY;

  constructor(route: R) {
    this.route = route;
  }

  isEjected(now: number): boolean {
    return now < this.ejectedUntil;
  }

  /** What another call would cost: the lower, the better. */
  cost(now: number): number {
    return this.latency.valueMs(now) * (this.inFlight + 1);
  }
}

/**
 * Spreads calls over the routes to one peer: two at random, then the lower answer time * (in flight + 1) (power of two
 * choices). A route that fails again and again is taken out for a while, but never more than half of them.
 * It is told the time.
 */
export class Balancer<R> {
  readonly lanes: readonly Lane<R>[];
  readonly #options: Resolved<EjectionOptions>;
  readonly #random: Random;
  readonly #ejected: (lane: Lane<R>, forMs: number) => void;

  /** @param parts.routes at least one */
  constructor(parts: {
    readonly routes: readonly R[];
    readonly options: Resolved<EjectionOptions>;
    readonly random: Random;
    readonly ejected: (lane: Lane<R>, forMs: number) => void;
  }) {
    this.lanes = parts.routes.map((route) => new Lane(route));
    this.#options = parts.options;
    this.#random = parts.random;
    this.#ejected = parts.ejected;
  }

  /** @param except not this one, if there is another that is well */
  pick(now: number, except?: Lane<R>): Lane<R> {
    const well = this.lanes.filter((lane) => lane !== except && !lane.isEjected(now));
    const lanes = well.length > 0 ? well : this.lanes.filter((lane) => !lane.isEjected(now));
    return this.#better(lanes.length > 0 ? lanes : this.lanes, now);
  }

  started(lane: Lane<R>): void {
    lane.inFlight += 1;
  }

  /** @param outcome `nothing`: the call's end says nothing of the route */
  ended(lane: Lane<R>, outcome: 'success' | 'failure' | 'nothing', timing: { elapsedMs: number; now: number }): void {
    const { elapsedMs, now } = timing;
    lane.inFlight -= 1;
    if (outcome === 'success') {
      lane.latency.observe(elapsedMs, now);
      lane.failuresInARow = 0;
      if (!lane.isEjected(now)) lane.ejections = 0;
    } else if (outcome === 'failure') {
      lane.latency.observe(Math.max(FAILURE_MS, elapsedMs), now);
      lane.failuresInARow += 1;
      if (lane.failuresInARow >= this.#options.failures) this.#eject(lane, now);
    }
  }

  #better(lanes: readonly Lane<R>[], now: number): Lane<R> {
    const first = integer(this.#random, lanes.length);
    const a = lanes[first] as Lane<R>;
    if (lanes.length === 1) return a;
    // A second one that is not the first, each of the others with the same chance.
    const b = lanes[(first + 1 + integer(this.#random, lanes.length - 1)) % lanes.length] as Lane<R>;
    return b.cost(now) < a.cost(now) ? b : a;
  }

  #eject(lane: Lane<R>, now: number): void {
    if (lane.isEjected(now)) return;
    const out = this.lanes.filter((other) => other.isEjected(now)).length;
    if (2 * (out + 1) > this.lanes.length) return;
    const { ejectMs, maxEjectMs } = this.#options;
    const growth = { initialMs: ejectMs, maxMs: maxEjectMs, multiplier: 2 };
    const forMs = grownMs(growth, Math.min(lane.ejections, MAX_EJECTIONS));
    lane.ejections += 1;
    // The first failure after its return takes it out again.
    lane.failuresInARow = this.#options.failures - 1;
    lane.ejectedUntil = now + forMs;
    this.#ejected(lane, forMs);
  }
}
