/** Results in the order in which their inputs were taken; those that came early are held. */
export class InOrder<T> {
  readonly #held = new Map<number, { readonly value: T; readonly size: number }>();
  #next = 0;
  #size = 0;

  /** Takes the result of the input that was taken as number `sequence`; returns those whose turn it is now. */
  push(sequence: number, value: T, size: number): readonly T[] {
    this.#held.set(sequence, { value, size });
    this.#size += size;
    const ready: T[] = [];
    for (let entry = this.#held.get(this.#next); entry; entry = this.#held.get(this.#next)) {
      this.#held.delete(this.#next);
      this.#size -= entry.size;
      this.#next += 1;
      ready.push(entry.value);
    }
    return ready;
  }

  /** The number whose result all that is held waits for. */
  get next(): number {
    return this.#next;
  }

  /** The sizes of all that is held. */
  get heldSize(): number {
    return this.#size;
  }
}
