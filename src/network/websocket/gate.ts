import type { Socket } from 'node:net';
import type { WebSocketCounters } from './counters.js';
import type { WebSocketLimits } from './options.js';

interface Visitor {
  readonly since: number;
  readonly address: string | undefined;
  readonly onClose: () => void;
  onData: (() => void) | undefined;
}

/**
 * Where accepted sockets stand until they have authenticated: bounded in number, in all and per address, in bytes
 * and in time, whatever they do or leave undone.
 */
export class Gate {
  readonly #limits: WebSocketLimits;
  readonly #counters: WebSocketCounters;
  /** In the order of arrival, so that the sweep looks at the oldest only. */
  readonly #visitors = new Map<Socket, Visitor>();
  readonly #perAddress = new Map<string, number>();

  constructor(limits: WebSocketLimits, counters: WebSocketCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  /** @param address undefined for a UNIX socket, whose visitors have none to be counted by */
  enter(socket: Socket, address: string | undefined, now: number): void {
    const ofAddress = address === undefined ? 0 : (this.#perAddress.get(address) ?? 0);
    const { maxUnauthenticated, maxUnauthenticatedPerAddress } = this.#limits;
    if (this.#visitors.size >= maxUnauthenticated || ofAddress >= maxUnauthenticatedPerAddress) {
      this.#counters.unauthenticatedRefused += 1;
      socket.destroy();
      return;
    }
    if (address !== undefined) this.#perAddress.set(address, ofAddress + 1);
    const onClose = () => this.leave(socket);
    this.#visitors.set(socket, { since: now, address, onClose, onData: undefined });
    socket.once('close', onClose);
  }

  has(socket: Socket): boolean {
    return this.#visitors.has(socket);
  }

  /** Counts what arrives; called once the HTTP parser, which has its own bound, lets go of the socket. */
  watch(socket: Socket): void {
    const visitor = this.#visitors.get(socket);
    if (!visitor) return;
    visitor.onData = () => {
      if (socket.bytesRead <= this.#limits.maxUnauthenticatedBytes) return;
      this.#counters.unauthenticatedInvalid += 1;
      socket.destroy();
    };
    socket.prependListener('data', visitor.onData);
  }

  /** It has authenticated, or it is gone. */
  leave(socket: Socket): void {
    const visitor = this.#visitors.get(socket);
    if (!visitor) return;
    this.#visitors.delete(socket);
    socket.removeListener('close', visitor.onClose);
    if (visitor.onData) socket.removeListener('data', visitor.onData);
    const { address } = visitor;
    if (address === undefined) return;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }

  /** Ends those whose time is over. */
  sweep(now: number): void {
    for (const [socket, visitor] of this.#visitors) {
      if (now - visitor.since < this.#limits.handshakeTimeoutMs) return;
      this.#counters.handshakeTimeouts += 1;
      this.leave(socket);
      socket.destroy();
    }
  }

  clear(): void {
    for (const socket of [...this.#visitors.keys()]) {
      this.leave(socket);
      socket.destroy();
    }
  }
}
