import type { Clock, Timer } from './clock.js';

/** `slot` of an item that is in no list, and of one that is about to expire. */
const NOWHERE = -1;
const DUE = -2;

/** Something with a deadline. The wheel links these into its slots, so adding and removing allocate nothing. */
export abstract class Deadline {
  /** On the clock's monotonic scale; set by the wheel. */
  deadline = 0;
  /** @internal */ slot: number = NOWHERE;
  /** @internal */ before: Deadline | undefined = undefined;
  /** @internal */ after: Deadline | undefined = undefined;

  /** Whether it is in a wheel. */
  get armed(): boolean {
    return this.slot !== NOWHERE;
  }

  /** Called once, at the deadline or at most one tick later. */
  abstract expire(): void;
}

const SLOTS = 512;

/**
 * A hashed timing wheel (Varghese and Lauck, SOSP 1987): one timer for any number of deadlines,
 * add and remove in constant time. Deadlines fire up to `tickMs` late, never early. The timer of a wheel
 * that ran empty stays armed (one request after another must not cost a timer each) until it fires or `clear`.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #heads: (Deadline | undefined)[] = new Array(SLOTS).fill(undefined);
  #size = 0;
  /** The tick up to which everything has fired. */
  #tick: number;
  #timer: Timer | undefined;
  #wakeTick = Number.POSITIVE_INFINITY;

  /** @param tickMs resolution; default 10 ms */
  constructor(clock: Clock, tickMs = 10) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#tick = Math.floor(clock.now() / tickMs);
  }

  get size(): number {
    return this.#size;
  }

  add(item: Deadline, delayMs: number): void {
    if (item.slot !== NOWHERE) this.remove(item);
    const now = this.#clock.now();
    if (this.#size === 0) this.#tick = Math.floor(now / this.#tickMs);
    item.deadline = now + Math.max(0, delayMs);
    const due = Math.max(Math.ceil(item.deadline / this.#tickMs), this.#tick + 1);
    this.#link(item, due % SLOTS);
    if (due < this.#wakeTick) this.#wakeAt(due, now);
  }

  remove(item: Deadline): void {
    if (item.slot === NOWHERE) return;
    if (item.slot === DUE) {
      // Another one's expiry has ended it in the same tick.
      item.slot = NOWHERE;
      return;
    }
    if (item.before) item.before.after = item.after;
    else this.#heads[item.slot] = item.after;
    if (item.after) item.after.before = item.before;
    item.slot = NOWHERE;
    item.before = undefined;
    item.after = undefined;
    this.#size -= 1;
  }

  /** Drops every deadline without firing it. */
  clear(): void {
    for (let slot = 0; slot < SLOTS; slot += 1) {
      for (let item = this.#heads[slot]; item; item = this.#heads[slot]) this.remove(item);
    }
    this.#sleep();
  }

  #link(item: Deadline, slot: number): void {
    const head = this.#heads[slot];
    item.slot = slot;
    item.after = head;
    if (head) head.before = item;
    this.#heads[slot] = item;
    this.#size += 1;
  }

  #sleep(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakeTick = Number.POSITIVE_INFINITY;
  }

  #wakeAt(tick: number, now: number): void {
    this.#timer?.cancel();
    this.#wakeTick = tick;
    this.#timer = this.#clock.setTimer(Math.max(0, tick * this.#tickMs - now), () => this.#advance());
  }

  #advance(): void {
    this.#timer = undefined;
    this.#wakeTick = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const target = Math.floor(now / this.#tickMs);
    const last = Math.min(target, this.#tick + SLOTS);
    const expired: Deadline[] = [];
    for (let tick = this.#tick + 1; tick <= last; tick += 1) {
      for (let item = this.#heads[tick % SLOTS]; item; item = item.after) {
        if (item.deadline <= now) expired.push(item);
      }
    }
    this.#tick = Math.max(this.#tick, target);
    for (const item of expired) {
      this.remove(item);
      item.slot = DUE;
    }
    if (this.#size > 0) this.#wakeAt(this.#nextTick(), now);
    expireAll(expired);
  }

  /** The nearest tick whose slot is not empty; it may hold only later rounds, then we look again. */
  #nextTick(): number {
    for (let ahead = 1; ahead <= SLOTS; ahead += 1) {
      if (this.#heads[(this.#tick + ahead) % SLOTS]) return this.#tick + ahead;
    }
    return this.#tick + SLOTS;
  }
}

/** One that throws keeps nobody else from expiring. */
function expireAll(items: readonly Deadline[]): void {
  const errors: unknown[] = [];
  for (const item of items) {
    if (item.slot !== DUE) continue;
    item.slot = NOWHERE;
    try {
      item.expire();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
