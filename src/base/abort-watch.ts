interface Watched<T> {
  readonly items: Set<T>;
  readonly onAbort: () => void;
}

/**
 * Any number of things that end with their AbortSignals, one listener for each signal: a signal that a thousand
 * requests share is not listened to a thousand times.
 */
export class AbortWatch<T> {
  readonly #signals = new Map<AbortSignal, Watched<T>>();
  readonly #aborted: (item: T, signal: AbortSignal) => void;

  /** @param aborted called for each item of a signal that aborts; it is not watched any more */
  constructor(aborted: (item: T, signal: AbortSignal) => void) {
    this.#aborted = aborted;
  }

  /** Signals that are listened to. */
  get size(): number {
    return this.#signals.size;
  }

  /** The signal must not have aborted yet. */
  add(signal: AbortSignal, item: T): void {
    const watched = this.#signals.get(signal) ?? this.#listen(signal);
    watched.items.add(item);
  }

  remove(signal: AbortSignal, item: T): void {
    const watched = this.#signals.get(signal);
    if (!watched?.items.delete(item) || watched.items.size > 0) return;
    this.#signals.delete(signal);
    signal.removeEventListener('abort', watched.onAbort);
  }

  #listen(signal: AbortSignal): Watched<T> {
    const items = new Set<T>();
    const onAbort = () => {
      this.#signals.delete(signal);
      for (const item of items) this.#aborted(item, signal);
    };
    const watched = { items, onAbort };
    this.#signals.set(signal, watched);
    signal.addEventListener('abort', onAbort, { once: true });
    return watched;
  }
}
