const SMALL = 8;
/** Up to this many slots are kept while the ring is empty. */
const KEEP = 16;

/**
 * A first-in, first-out queue in two arrays, of items that may have a size: nothing is allocated per item, both ends
 * are reached in constant time, and it gives back what a burst made it take.
 */
export class Ring<T> {
  #items: (T | undefined)[] = new Array(SMALL).fill(undefined);
  #sizes: number[] = new Array(SMALL).fill(0);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The first item; undefined if there is none. */
  get head(): T | undefined {
    return this.#items[this.#head];
  }

  /** The size of the first item; 0 if there is none. */
  get headSize(): number {
    return this.#length === 0 ? 0 : (this.#sizes[this.#head] as number);
  }

  push(item: T, size = 0): void {
    if (this.#length === this.#items.length) this.#resize(this.#length * 2);
    const at = (this.#head + this.#length) & (this.#items.length - 1);
    this.#items[at] = item;
    this.#sizes[at] = size;
    this.#length += 1;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length -= 1;
    // Halved only at a quarter full, so that neither way is taken twice for the same items.
    if (this.#items.length > KEEP && this.#length * 4 < this.#items.length) this.#resize(this.#items.length / 2);
    return item;
  }

  /** @param capacity a power of two, so that an index wraps with a mask */
  #resize(capacity: number): void {
    const items: (T | undefined)[] = new Array(capacity).fill(undefined);
    const sizes: number[] = new Array(capacity).fill(0);
    for (let i = 0; i < this.#length; i += 1) {
      const from = (this.#head + i) & (this.#items.length - 1);
      items[i] = this.#items[from];
      sizes[i] = this.#sizes[from] as number;
    }
    this.#items = items;
    this.#sizes = sizes;
    this.#head = 0;
  }
}
