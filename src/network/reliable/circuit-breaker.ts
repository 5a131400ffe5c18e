import { grownMs } from './backoff.js';
import type { Resolved } from './resolved.js';
import { RollingCounts } from './rolling-counts.js';

/** `closed`: calls pass. `open`: none does. `half-open`: one may, to see whether it is over. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/**
 * How a call ended, as a sign of the peer's health. `nothing`: it says nothing of the peer (the caller gave up, the
 * value could not be written).
 */
export type Outcome = 'success' | 'failure' | 'nothing';

export interface CircuitOptions {
  /** Failures in a row that open the circuit. @default 5 */
  readonly failures?: number | undefined;
  /** Share of failures in the window that opens it, 0 to 1. @default 0.5 */
  readonly failureRate?: number | undefined;
  /** Calls that must be in the window before their share counts. @default 20 */
  readonly minimumCalls?: number | undefined;
  /** In milliseconds. @default 10000 */
  readonly windowMs?: number | undefined;
  /** How long it stays open the first time, in milliseconds. @default 1000 */
  readonly openMs?: number | undefined;
  /** Each time that the probe fails it stays open so many times longer. @default 2 */
  readonly openMultiplier?: number | undefined;
  /** The longest that it stays open, in milliseconds. @default 30000 */
  readonly maxOpenMs?: number | undefined;
}

/** `enter`: the call may not be made. */
export const REFUSED = -1;
/** 2^20 is beyond every sensible `maxOpenMs`, and a power that never becomes infinite. */
const MAX_OPENINGS = 20;

/**
 * A circuit breaker for one peer. Every call that `enter` lets in must `leave` with the ticket that it was given, so
 * that what began before a change of state is not taken for news of afterwards. It is told the time and has no timer:
 * an open circuit becomes half-open when somebody wants to pass.
 */
export class CircuitBreaker {
  readonly #options: Resolved<CircuitOptions>;
  readonly #counts: RollingCounts;
  readonly #changed: (state: CircuitState) => void;
  #state: CircuitState = 'closed';
  /** Tickets of before the last change of state are worth nothing. */
  #ticket = 0;
  #inARow = 0;
  /** How often it opened since it was closed last. */
  #openings = 0;
  #openUntil = 0;
  #probing = false;

  /** @param changed told of each change of state, within the call that made it */
  constructor(options: Resolved<CircuitOptions>, changed: (state: CircuitState) => void) {
    this.#options = options;
    this.#counts = new RollingCounts(options.windowMs);
    this.#changed = changed;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** How long until a call may pass; 0 if it may now, or as soon as the probe that is under way has ended. */
  waitMs(now: number): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - now) : 0;
  }

  /** @returns a ticket, or REFUSED */
  enter(now: number): number {
    if (this.#state === 'closed') return this.#ticket;
    if (this.#state === 'open') {
      if (now < this.#openUntil) return REFUSED;
      this.#become('half-open');
    }
    if (this.#probing) return REFUSED;
    this.#probing = true;
    return this.#ticket;
  }

  leave(ticket: number, outcome: Outcome, now: number): void {
    if (ticket !== this.#ticket) return;
    if (this.#state === 'half-open') this.#probed(outcome, now);
    else if (this.#state === 'closed' && outcome !== 'nothing') this.#count(outcome === 'failure', now);
  }

  #probed(outcome: Outcome, now: number): void {
    this.#probing = false;
    if (outcome === 'failure') this.#open(now);
    if (outcome !== 'success') return;
    this.#openings = 0;
    this.#inARow = 0;
    this.#counts.clear();
    this.#become('closed');
  }

  #count(failed: boolean, now: number): void {
    this.#counts.add(failed, now);
    this.#inARow = failed ? this.#inARow + 1 : 0;
    if (failed && (this.#inARow >= this.#options.failures || this.#tooMany(now))) this.#open(now);
  }

  #tooMany(now: number): boolean {
    const calls = this.#counts.calls(now);
    return calls >= this.#options.minimumCalls && this.#counts.failures(now) >= calls * this.#options.failureRate;
  }

  #open(now: number): void {
    const { openMs, openMultiplier, maxOpenMs } = this.#options;
    const growth = { initialMs: openMs, multiplier: openMultiplier, maxMs: maxOpenMs };
    this.#openUntil = now + grownMs(growth, Math.min(this.#openings, MAX_OPENINGS));
    this.#openings += 1;
    this.#become('open');
  }

  #become(state: CircuitState): void {
    this.#state = state;
    this.#ticket += 1;
    this.#probing = false;
    this.#changed(state);
  }
}
