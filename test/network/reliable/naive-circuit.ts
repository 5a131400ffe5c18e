import type { Outcome } from '../../../src/network/reliable/circuit-breaker.js';

/** A circuit breaker that opens after three failures in a row, written down as it is told. */
export class NaiveCircuit {
  state: 'closed' | 'open' | 'half-open' = 'closed';
  /** Calls of an earlier era say nothing of this one. */
  era = 0;
  #inARow = 0;
  #until = 0;
  #openings = 0;
  #probing = false;

  enter(now: number): boolean {
    if (this.state === 'open' && now >= this.#until) this.#become('half-open');
    if (this.state === 'closed') return true;
    if (this.state === 'open' || this.#probing) return false;
    this.#probing = true;
    return true;
  }

  leave(era: number, outcome: Outcome, now: number): void {
    if (era !== this.era) return;
    if (this.state === 'half-open') this.#probed(outcome, now);
    else if (outcome === 'success') this.#inARow = 0;
    else if (outcome === 'failure') {
      this.#inARow += 1;
      if (this.#inARow === 3) this.#trip(now);
    }
  }

  #probed(outcome: Outcome, now: number): void {
    this.#probing = false;
    if (outcome === 'failure') this.#trip(now);
    if (outcome !== 'success') return;
    this.#inARow = 0;
    this.#openings = 0;
    this.#become('closed');
  }

  #trip(now: number): void {
    this.#until = now + Math.min(300, 100 * 2 ** this.#openings);
    this.#openings += 1;
    this.#become('open');
  }

  #become(state: 'closed' | 'open' | 'half-open'): void {
    this.state = state;
    this.era += 1;
    this.#probing = false;
  }
}
