/** A member may beat at twice the rate that it was given: jitter, and a change that it has not heard of yet. */
const RATE_FACTOR = 2;
const BURST = 5;
/** Refusals within the window that end the patience. */
const MAX_REFUSED = 100;
const REFUSED_WINDOW_MS = 10_000;

export type FloodVerdict = 'accepted' | 'refused' | 'drop';

/**
 * Holds a member to its heartbeat rate: a token bucket as GCRA (ITU-T I.371), burst 5, at twice the assigned rate.
 * Refusals fill a second bucket of 100 that leaks in 10 s: up to 100 refusals in any 10 s are put up with,
 * one that never stops is told `drop` by its 201st in 10 s at the latest. Two numbers per member.
 */
export class FloodGuard {
  /** Theoretical arrival times of the next heartbeat and of the next refusal. */
  #heartbeatTat = 0;
  #refusalTat = 0;

  /** @param intervalMs the interval that the member was told */
  check(intervalMs: number, now: number): FloodVerdict {
    const period = intervalMs / RATE_FACTOR;
    const tat = Math.max(this.#heartbeatTat, now);
    if (tat - now <= period * (BURST - 1)) {
      this.#heartbeatTat = tat + period;
      return 'accepted';
    }
    const refusalPeriod = REFUSED_WINDOW_MS / MAX_REFUSED;
    const refusalTat = Math.max(this.#refusalTat, now);
    if (refusalTat - now > refusalPeriod * (MAX_REFUSED - 1)) return 'drop';
    this.#refusalTat = refusalTat + refusalPeriod;
    return 'refused';
  }
}
