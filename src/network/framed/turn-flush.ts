import { nextTick } from 'node:process';
import type { Clock, Timer } from '../../base/clock.js';

/** Whoever has sent something in a turn. */
export interface Settling {
  /** The turn is over. */
  settle(): void;
  /** The loop's round is over. */
  settleLate(): void;
}

/**
 * One call at the end of a turn for all connections that sent something in it. A turn is what one callback of the
 * event loop and its promises do: the answers to one frame, say. Not until the end of the loop's round, which would
 * have every connection's frames leave together, and the two sides of a busy link work in turns.
 */
export class TurnFlush {
  readonly #clock: Clock;
  readonly #run = (): void => this.flush();
  readonly #runLate = (): void => this.#flushLate();
  #waiting: Settling[] = [];
  #scheduled = false;
  /** Those who wait for the end of the loop's round. */
  #late: Settling[] = [];
  #round: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(item: Settling): void {
    this.#waiting.push(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the promises that are settled already: what many handlers of one frame answer leaves together.
    nextTick(this.#run);
  }

  flush(): void {
    this.#scheduled = false;
    const items = this.#waiting;
    if (items.length === 0) return;
    this.#waiting = [];
    for (const item of items) item.settle();
  }

  /** Calls `settleLate` at the end of the loop's round: once all that has arrived by now has been dealt with. */
  addLate(item: Settling): void {
    this.#late.push(item);
    this.#round ??= this.#clock.defer(this.#runLate);
  }

  clear(): void {
    this.#waiting = [];
    this.#late = [];
    this.#round?.cancel();
    this.#round = undefined;
  }

  #flushLate(): void {
    const items = this.#late;
    this.#late = [];
    this.#round = undefined;
    for (const item of items) item.settleLate();
  }
}
