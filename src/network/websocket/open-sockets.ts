import { type Deferred, deferred } from '../../base/deferred.js';
import type { LinkedSocket, SocketRegistry } from './linked-socket.js';

/** The sockets of a network, from their first moment until they are closed, so that none is forgotten at the end. */
export class OpenSockets implements SocketRegistry {
  readonly #sockets = new Set<LinkedSocket>();
  #waiter: Deferred<void> | undefined;

  add(socket: LinkedSocket): void {
    this.#sockets.add(socket);
  }

  delete(socket: LinkedSocket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#waiter?.resolve();
  }

  /** Resolves when none is left. */
  allClosed(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    this.#waiter ??= deferred();
    return this.#waiter.promise;
  }

  /** @returns how many there were */
  terminate(): number {
    const sockets = [...this.#sockets];
    for (const socket of sockets) socket.terminate();
    return sockets.length;
  }
}
