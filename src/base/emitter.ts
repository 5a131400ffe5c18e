/** What listeners are told when one of them throws; the others are called all the same. */
export type ListenerFault = (error: unknown, type: string) => void;

type Listener<T> = (event: T) => void;

/**
 * Typed events for observers. Listeners run in the order of registration, in the caller's turn;
 * one that throws breaks nobody: the fault goes to `onFault`.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #onFault: ListenerFault;

  constructor(onFault: ListenerFault = () => {}) {
    this.#onFault = onFault;
  }

  on<K extends keyof Events & string>(type: K, listener: Listener<Events[K]>): Disposable {
    const wrapped: Listener<Events[K]> = (event) => listener(event);
    let listeners = this.#listeners.get(type);
    if (!listeners) {
      listeners = new Set();
      this.#listeners.set(type, listeners);
    }
    listeners.add(wrapped);
    return { [Symbol.dispose]: () => void listeners.delete(wrapped) };
  }

  emit<K extends keyof Events & string>(type: K, event: Events[K]): void {
    const listeners = this.#listeners.get(type);
    if (!listeners) return;
    for (const listener of [...listeners]) {
      try {
        (listener as Listener<Events[K]>)(event);
      } catch (error) {
        this.#onFault(error, type);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
