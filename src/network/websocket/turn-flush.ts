import type { Clock, Timer } from '../../base/clock.js';

/** Whoever has sent something in a turn. */
export interface Settling {
  settle(): void;
}

/** One deferred call per turn of the event loop for all connections that sent something in it. */
export class TurnFlush {
  readonly #clock: Clock;
  readonly #run = (): void => this.flush();
  #waiting: Settling[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(item: Settling): void {
    this.#waiting.push(item);
    this.#timer ??= this.#clock.defer(this.#run);
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const items = this.#waiting;
    this.#waiting = [];
    for (const item of items) item.settle();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }
}
