import { type Random, uniform } from '../base/random.js';

const BASE_MS = 100;
const MIN_CAP_MS = 3_000;
/** A connection that lasted this long ends the series: the next loss starts from the beginning. */
const STABLE_MS = 30_000;
/** What a leader may ask for at most (42,000 members at 350 a second): nobody can send us away for a year. */
const MAX_WINDOW_MS = 120_000;
/** 100 ms doubled this often is beyond every cap. */
const MAX_ATTEMPT = 20;

export interface ReconnectStep {
  /** How long to wait before the next dial. */
  readonly delayMs: number;
  /** What to go on with if that dial fails. */
  readonly next: Reconnect;
}

/**
 * When to dial again: full jitter (AWS Architecture Blog, Exponential Backoff And Jitter),
 * `U(0, min(cap, 100 ms * 2^n))`, cap = max(3 s, the window that the leader advertised).
 * An immutable value: `next` gives the delay and the value that follows.
 */
export class Reconnect {
  /** How many delays this series has given. */
  readonly attempt: number;
  readonly windowMs: number;
  /** The next delay is the first one after a loss: the whole window counts. */
  readonly afterLoss: boolean;

  private constructor(attempt: number, windowMs: number, afterLoss: boolean) {
    this.attempt = Math.min(attempt, MAX_ATTEMPT);
    this.windowMs = windowMs;
    this.afterLoss = afterLoss;
  }

  /** For a first dial that failed. */
  static readonly initial: Reconnect = new Reconnect(0, 0, false);

  /**
   * For a connection that was lost. The first delay is uniform in the window, so that ten thousand members do not
   * come back in one second; after a short-lived connection it is no shorter than where the series had come to.
   * @param windowMs what the leader advertised; bounded to 0..120,000
   * @param connectedMs how long the connection had lasted; from 30,000 on the series starts anew
   */
  lost(windowMs: number, connectedMs: number): Reconnect {
    const window = Number.isFinite(windowMs) ? Math.min(Math.max(0, windowMs), MAX_WINDOW_MS) : 0;
    return new Reconnect(connectedMs >= STABLE_MS ? 0 : this.attempt, window, true);
  }

  next(random: Random): ReconnectStep {
    const backoff = Math.min(Math.max(MIN_CAP_MS, this.windowMs), BASE_MS * 2 ** this.attempt);
    const ceiling = this.afterLoss ? Math.max(this.windowMs, backoff) : backoff;
    return { delayMs: uniform(random, 0, ceiling), next: new Reconnect(this.attempt + 1, this.windowMs, false) };
  }
}
