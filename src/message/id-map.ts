/** What is kept: something about a message. */
interface Kept {
  readonly message: { readonly id: string };
}

const ZERO = 0x30;
/** Nine digits always fit into a small integer of the engine. */
const MAX_SCALE = 1e9;
const SMALL = 16;
const LARGEST = 2 ** 20;

/**
 * A map by message id. Ids end in a counter (see Stamp), so an item's place in a table of twice the items is the end of
 * its counter: nothing is hashed, and what has gone leaves nothing behind. (A `Map` that items come to and go from is
 * copied again and again, and its old copies keep what they held alive until the next full collection.) Those whose
 * place is taken, and ids of another form, go by their text.
 */
export class IdMap<T extends Kept> {
  #places: (T | undefined)[] = new Array(SMALL).fill(undefined);
  #placed = 0;
  readonly #others = new Map<string, T>();

  get size(): number {
    return this.#placed + this.#others.size;
  }

  get(id: string): T | undefined {
    const kept = this.#places[counterOf(id) & (this.#places.length - 1)];
    if (kept !== undefined && kept.message.id === id) return kept;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  /** Its id must not be in the map yet. */
  add(item: T): void {
    const { id } = item.message;
    const counter = counterOf(id);
    if (this.#placed * 2 >= this.#places.length && this.#places.length < LARGEST) this.#resize(this.#places.length * 2);
    const place = counter & (this.#places.length - 1);
    if (counter < 0 || this.#places[place] !== undefined) {
      this.#others.set(id, item);
      return;
    }
    this.#places[place] = item;
    this.#placed += 1;
  }

  /** One that is not in the map does no harm. */
  delete(item: T): void {
    const { id } = item.message;
    const place = counterOf(id) & (this.#places.length - 1);
    if (this.#places[place] !== item) {
      if (this.#others.get(id) === item) this.#others.delete(id);
      return;
    }
    this.#places[place] = undefined;
    this.#placed -= 1;
    // Only once empty, so that nothing has to move.
    if (this.#placed === 0 && this.#places.length > SMALL * SMALL) this.#places = new Array(SMALL).fill(undefined);
  }

  /** A copy: entries may go while it is read. */
  values(): T[] {
    return [...this.#places.filter((item) => item !== undefined), ...this.#others.values()];
  }

  /** Two that share a place in the larger table shared one in the smaller, so all of them find theirs free. */
  #resize(capacity: number): void {
    const items = this.#places;
    this.#places = new Array(capacity).fill(undefined);
    for (const item of items) {
      if (item !== undefined) this.#places[counterOf(item.message.id) & (capacity - 1)] = item;
    }
  }
}

/** The digits at the end of an id; -1 if there are none, or too many. */
function counterOf(id: string): number {
  let value = 0;
  let scale = 1;
  let i = id.length - 1;
  for (; i >= 0; i -= 1) {
    const digit = id.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) break;
    if (scale === MAX_SCALE) return -1;
    value += digit * scale;
    scale *= 10;
  }
  return scale === 1 ? -1 : value;
}
