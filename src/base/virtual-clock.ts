import { type Clock, realTurn, type Timer } from './clock.js';
import { NetworkError } from './errors.js';
import { type Ledger, TimerHeap, VirtualTimer } from './timer-heap.js';

export interface VirtualClockOptions {
  /** What `wallNow` says at virtual time 0, in milliseconds since the epoch. @default 2026-01-01T00:00:00Z */
  readonly epochMs?: number | undefined;
}

const DEFAULT_EPOCH_MS = 1_767_225_600_000;
/** So many rounds at one virtual instant mean that time stands still: something re-arms itself with no delay. */
const MAX_ROUNDS = 10_000;
const DEFAULT_LIMIT_MS = 3_600_000;

/**
 * A clock that stands still until it is told to move on. Timers run in the order of their time, then of their
 * setting, so a run with the same inputs is the same run. Time moves on only when every microtask and one real turn
 * of the event loop are over, so promises settle at the instant that settled them.
 *
 * @example
 * const clock = new VirtualClock();
 * clock.setTimer(5_000, () => console.log('five virtual seconds later'));
 * await clock.advance(5_000);
 */
export class VirtualClock implements Clock {
  readonly #ledger: Ledger = { pending: 0, halted: false };
  readonly #heap = new TimerHeap();
  readonly #epochMs: number;
  #deferred: VirtualTimer[] = [];
  #now = 0;
  #running = false;

  constructor(options: VirtualClockOptions = {}) {
    this.#epochMs = options.epochMs ?? DEFAULT_EPOCH_MS;
  }

  get pending(): number {
    return this.#ledger.pending;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#epochMs + Math.floor(this.#now);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#arm(this.#ledger, delayMs, callback);
  }

  /** Runs at the same virtual instant, after everything that is ready. */
  defer(callback: () => void): Timer {
    return this.#postpone(this.#ledger, callback);
  }

  /** A node's own view: the same time, another wall clock, its own count of timers. */
  skewed(skewMs: number): NodeClock {
    const ledger: Ledger = { pending: 0, halted: false, parent: this.#ledger };
    return new NodeClock(this, {
      skewMs,
      ledger,
      arm: (delayMs, callback) => this.#arm(ledger, delayMs, callback),
      postpone: (callback) => this.#postpone(ledger, callback),
    });
  }

  /**
   * Moves time on by `delayMs` and runs what falls due.
   * @throws whatever a callback threw; NetworkError INTERNAL when time is being moved already, or stands still
   */
  async advance(delayMs: number): Promise<void> {
    await this.#drive(this.#now + delayMs, undefined);
  }

  /**
   * Moves time on until the predicate holds (asked after each instant), or to the given point of virtual time.
   * @param options.limitMs for a predicate: give up so much virtual time from now. @default 3,600,000
   * @returns false when the predicate did not hold by then, or nothing was left to run
   * @throws as `advance` does
   */
  async runUntil(goal: number | (() => boolean), options: { readonly limitMs?: number } = {}): Promise<boolean> {
    if (typeof goal === 'function') return this.#drive(this.#now + (options.limitMs ?? DEFAULT_LIMIT_MS), goal);
    await this.#drive(goal, undefined);
    return true;
  }

  async #drive(target: number, predicate: (() => boolean) | undefined): Promise<boolean> {
    if (this.#running) throw new NetworkError('INTERNAL', 'virtual time is being moved already: await the call before');
    this.#running = true;
    try {
      await realTurn();
      for (;;) {
        await this.#settle();
        if (predicate?.()) return true;
        const next = this.#heap.nextTime();
        if (next === undefined && predicate) return false;
        if (next === undefined || next > target) break;
        this.#now = next;
      }
      this.#now = Math.max(this.#now, target);
      return false;
    } finally {
      this.#running = false;
    }
  }

  /** Runs everything that is ready at this instant, and what that makes ready. */
  async #settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (!this.#runDue() && !this.#runDeferred()) return;
      await realTurn();
    }
    throw new NetworkError('INTERNAL', `virtual time stands still at ${this.#now} ms: a timer re-arms itself`);
  }

  #runDue(): boolean {
    let ran = false;
    // Those set meanwhile for this very instant wait for the next round, behind the microtasks.
    const last = this.#heap.lastSequence;
    for (let timer = this.#heap.popDue(this.#now, last); timer; timer = this.#heap.popDue(this.#now, last)) {
      ran = true;
      timer.run();
    }
    return ran;
  }

  #runDeferred(): boolean {
    if (this.#deferred.length === 0) return false;
    const batch = this.#deferred;
    this.#deferred = [];
    for (const timer of batch) timer.run();
    return true;
  }

  #arm(ledger: Ledger, delayMs: number, callback: () => void): Timer {
    const timer = new VirtualTimer(ledger, callback);
    this.#heap.push(timer, this.#now + Math.max(0, delayMs), this.pending);
    return timer;
  }

  #postpone(ledger: Ledger, callback: () => void): Timer {
    const timer = new VirtualTimer(ledger, callback);
    this.#deferred.push(timer);
    return timer;
  }
}

/** What a VirtualClock gives to a view of itself. */
interface View {
  readonly skewMs: number;
  readonly ledger: Ledger;
  arm(delayMs: number, callback: () => void): Timer;
  postpone(callback: () => void): Timer;
}

const MILLION = 1_000_000;
/** Added to timers of a clock that drifts, in milliseconds: rounding must not let one run before its time. */
const NEVER_EARLY_MS = 1e-6;

/** One node's view of a VirtualClock; made by `skewed`. */
export class NodeClock implements Clock {
  /** How far the node's wall clock is ahead, in milliseconds; may be set at any time. */
  skewMs: number;
  readonly #clock: VirtualClock;
  readonly #ledger: Ledger;
  readonly #view: View;
  #driftPpm = 0;
  /** Since this point of true time the drift is what it is, and the node's time was that. */
  #since = { trueMs: 0, ownMs: 0 };

  /** @internal */
  constructor(clock: VirtualClock, view: View) {
    this.#clock = clock;
    this.skewMs = view.skewMs;
    this.#ledger = view.ledger;
    this.#view = view;
  }

  /** This node's timers only. */
  get pending(): number {
    return this.#ledger.pending;
  }

  /**
   * How much faster the node's time runs than true time, in millionths: 100 gains 0.36 s in an hour. May be set at any
   * time above -1,000,000; timers that are set already stay as they are.
   * @default 0
   */
  get driftPpm(): number {
    return this.#driftPpm;
  }

  set driftPpm(ppm: number) {
    if (!(ppm > -MILLION)) throw new NetworkError('INVALID_OPTION', `driftPpm: ${ppm} is not above -${MILLION}`);
    this.#since = { trueMs: this.#clock.now(), ownMs: this.now() };
    this.#driftPpm = ppm;
  }

  now(): number {
    const { trueMs, ownMs } = this.#since;
    if (this.#driftPpm === 0 && trueMs === ownMs) return this.#clock.now();
    return ownMs + (this.#clock.now() - trueMs) * (1 + this.#driftPpm / MILLION);
  }

  wallNow(): number {
    const ahead = this.now() - this.#clock.now();
    return this.#clock.wallNow() + this.skewMs + Math.round(ahead);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (this.#driftPpm === 0) return this.#view.arm(delayMs, callback);
    return this.#view.arm(Math.max(0, delayMs) / (1 + this.#driftPpm / MILLION) + NEVER_EARLY_MS, callback);
  }

  defer(callback: () => void): Timer {
    return this.#view.postpone(callback);
  }

  /** The node's process is killed: nothing that it set runs any more, and it can set nothing. */
  halt(): void {
    if (this.#ledger.halted) return;
    this.#ledger.halted = true;
    if (this.#ledger.parent) this.#ledger.parent.pending -= this.#ledger.pending;
    this.#ledger.pending = 0;
  }
}
