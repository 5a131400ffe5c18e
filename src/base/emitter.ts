import { isPromise } from './deferred.js';

/** What is told when a listener throws, or rejects; the others are called all the same. */
export type ListenerFault = (error: unknown, type: string) => void;

type Listener<T> = (event: T) => unknown;

/**
 * Calls what observes and cannot object: one that throws, or rejects later because it is async, breaks nobody.
 * @param onFault hears of it
 */
export function notify<T>(listener: Listener<T>, event: T, onFault: (error: unknown) => void): void {
  try {
    const result = listener(event);
    if (isPromise(result)) result.then(undefined, onFault);
  } catch (error) {
    onFault(error);
  }
}

/**
 * Typed events for observers. Listeners run in the order of registration, in the caller's turn;
 * one that fails breaks nobody: the fault goes to `onFault`.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #onFault: ListenerFault;

  constructor(onFault: ListenerFault = () => {}) {
    this.#onFault = onFault;
  }

  on<K extends keyof Events & string>(type: K, listener: (event: Events[K]) => void): Disposable {
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
      notify(listener as Listener<Events[K]>, event, (error) => this.#onFault(error, type));
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
