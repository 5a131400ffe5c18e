/** Where a link's bytes leave one after the other: who comes later waits for those before. */
export class Bottleneck {
  /** When the last byte that was put on the link has left. */
  #freeAt = 0;

  /** @returns how long it takes until all of these bytes have left, those before them included, in milliseconds */
  transmit(now: number, bytes: number, bytesPerSecond: number): number {
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes / bytesPerSecond) * 1000;
    return this.#freeAt - now;
  }
}
