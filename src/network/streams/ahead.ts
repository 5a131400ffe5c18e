/** So many chunks at most; one that would be more is dropped, and comes again if its sender can. */
const MAX_CHUNKS = 64;

interface Kept {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Chunks that overtook others, until those have come. */
export class Ahead {
  readonly #maxBytes: number;
  #kept: Kept[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(offset: number, data: Uint8Array): void {
    if (this.#kept.length >= MAX_CHUNKS || this.#bytes + data.length > this.#maxBytes) return;
    this.#kept.push({ offset, data });
    this.#bytes += data.length;
  }

  /** One that has bytes from `at` on and none missing before; those that have none are dropped. */
  take(at: number): Kept | undefined {
    this.#kept = this.#kept.filter(({ offset, data }) => offset + data.length > at);
    const index = this.#kept.findIndex(({ offset }) => offset <= at);
    const found = index < 0 ? undefined : this.#kept.splice(index, 1)[0];
    this.#bytes = this.#kept.reduce((bytes, { data }) => bytes + data.length, 0);
    return found;
  }
}
