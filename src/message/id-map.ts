/** What is kept: something about a message. */
interface Kept {
  readonly message: { readonly id: string };
}

const ZERO = 0x30;
/** Nine digits always fit into a small integer of the engine. */
const MAX_SCALE = 1e9;

/**
 * A map by message id. Ids end in a counter (see Stamp), and maps of small integers are several times faster than
 * maps of texts that were made a moment ago; ids of another form, and those whose counters collide, go by their text.
 */
export class IdMap<T extends Kept> {
  readonly #byCounter = new Map<number, T>();
  readonly #byText = new Map<string, T>();

  get size(): number {
    return this.#byCounter.size + this.#byText.size;
  }

  get(id: string): T | undefined {
    const kept = this.#byCounter.get(counterOf(id));
    if (kept?.message.id === id) return kept;
    return this.#byText.size === 0 ? undefined : this.#byText.get(id);
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  /** Its id must not be in the map yet. */
  add(item: T): void {
    const { id } = item.message;
    const counter = counterOf(id);
    if (counter < 0 || this.#byCounter.has(counter)) this.#byText.set(id, item);
    else this.#byCounter.set(counter, item);
  }

  delete(id: string): void {
    const counter = counterOf(id);
    if (this.#byCounter.get(counter)?.message.id === id) this.#byCounter.delete(counter);
    else this.#byText.delete(id);
  }

  /** A copy: entries may go while it is read. */
  values(): T[] {
    return [...this.#byCounter.values(), ...this.#byText.values()];
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
