import { type Deferred, deferred } from '../../base/deferred.js';
import type { FrameLink } from './frame-link.js';

/** The links of a network, from their first moment until they are closed, so that none is forgotten at the end. */
export class OpenLinks {
  readonly #links = new Set<FrameLink>();
  #waiter: Deferred<void> | undefined;

  add(link: FrameLink): void {
    this.#links.add(link);
  }

  delete(link: FrameLink): void {
    this.#links.delete(link);
    if (this.#links.size === 0) this.#waiter?.resolve();
  }

  /** Resolves when none is left. */
  allClosed(): Promise<void> {
    if (this.#links.size === 0) return Promise.resolve();
    this.#waiter ??= deferred();
    return this.#waiter.promise;
  }

  /** @returns how many there were */
  terminate(): number {
    const links = [...this.#links];
    for (const link of links) link.terminate();
    return links.length;
  }
}
