import type { NetworkError } from '../../base/errors.js';
import type { Connection } from '../framed/connection.js';
import type { Peer } from '../network.js';

/** Which side has made a connection. */
export type Direction = 'dialled' | 'accepted';

/**
 * The connections to one peer: one that this node has dialled, one that the peer has, or both, when each dialled the
 * other at once. One of them is written to until it ends, so that what is sent arrives in order; both are read.
 */
export class Route {
  readonly #connections: { [direction in Direction]?: Connection | undefined } = {};
  #peer: Peer | undefined;
  #current: Connection | undefined;
  /** Messages that had crossed at the last look, and when that was that more of them had than before. */
  #seen = 0;
  #usedAt: number;
  #busyUntil = Number.NEGATIVE_INFINITY;
  /** This side has said goodbye. */
  closing = false;
  /** Whoever sends to the peer was told to wait. */
  congested = false;
  /** The longest time that a message with a body was given, in milliseconds. */
  bodyMs = 0;

  constructor(now: number) {
    this.#usedAt = now;
  }

  /** Set with the first connection. */
  get peer(): Peer | undefined {
    return this.#peer;
  }

  /** The one to write to; undefined if the peer has said goodbye on all that there are. */
  get current(): Connection | undefined {
    if (this.#current?.left) this.#current = this.connections.find((connection) => !connection.left);
    return this.#current;
  }

  get connections(): readonly Connection[] {
    const { dialled, accepted } = this.#connections;
    return [dialled, accepted].filter((connection) => connection !== undefined);
  }

  /** When it was seen that something had crossed. */
  get usedAt(): number {
    return this.#usedAt;
  }

  of(direction: Direction): Connection | undefined {
    return this.#connections[direction];
  }

  /** Takes the place of another one of this direction, which is the caller's to end. */
  add(connection: Connection, direction: Direction, peer: Peer): void {
    this.#connections[direction] = connection;
    this.#peer = peer;
    if (this.current === undefined) this.#current = connection;
  }

  /** @returns whether it was the one that was written to */
  remove(connection: Connection): boolean {
    for (const direction of ['dialled', 'accepted'] as const) {
      if (this.#connections[direction] === connection) this.#connections[direction] = undefined;
    }
    if (this.#current !== connection) return false;
    this.#current = this.connections[0];
    return true;
  }

  /** Somebody waits for an answer until then. */
  busy(until: number): void {
    if (until > this.#busyUntil) this.#busyUntil = until;
  }

  /** Looks whether anything has crossed since the last look. */
  look(now: number): void {
    const { messagesIn = 0, messagesOut = 0 } = this.#peer?.traffic ?? {};
    if (messagesIn + messagesOut === this.#seen) return;
    this.#seen = messagesIn + messagesOut;
    this.#usedAt = now;
  }

  /** Nobody waits for anything. */
  idle(now: number): boolean {
    return this.#busyUntil <= now && this.connections.every((connection) => connection.drained);
  }

  cut(error: NetworkError): void {
    for (const connection of this.connections) connection.cut(error);
  }
}
