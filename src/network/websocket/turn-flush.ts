/** Whoever has sent something in a turn. */
export interface Settling {
  settle(): void;
}

/**
 * One call at the end of a turn for all connections that sent something in it. A turn is what one callback of the
 * event loop and its promises do: the answers to one frame, say. Not until the end of the loop's round, which would
 * have every connection's frames leave together, and the two sides of a busy link work in turns.
 */
export class TurnFlush {
  readonly #run = (): void => this.flush();
  #waiting: Settling[] = [];
  #scheduled = false;

  add(item: Settling): void {
    this.#waiting.push(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the promises that are settled already: what many handlers of one frame answer leaves together.
    process.nextTick(this.#run);
  }

  flush(): void {
    this.#scheduled = false;
    const items = this.#waiting;
    if (items.length === 0) return;
    this.#waiting = [];
    for (const item of items) item.settle();
  }

  clear(): void {
    this.#waiting = [];
  }
}
