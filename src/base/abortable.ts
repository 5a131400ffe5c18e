import { Deadline } from './deadline-wheel.js';
import type { NetworkError } from './errors.js';

/** Work that may be given up under way. Most handlers never ask for the signal, so it is made when one does. */
export abstract class Abortable extends Deadline {
  #controller: AbortController | undefined = undefined;
  #aborted: NetworkError | undefined = undefined;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** Nobody waits for it any more. */
  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  /** The first reason counts. */
  abort(reason: NetworkError): void {
    if (this.#aborted) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}
