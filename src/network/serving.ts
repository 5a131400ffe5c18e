import { Abortable } from '../base/abortable.js';
import type { Clock } from '../base/clock.js';
import type { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import { IdMap } from '../message/id-map.js';
import type { NetworkMessage } from '../message/message.js';
import { payloadOf } from '../message/raw-payload.js';
import type { MessageContext } from './message-handler.js';
import type { Peer } from './network.js';
import type { BodyOwner, IncomingBody } from './streams/incoming-body.js';

/** What all messages in hand share. */
export interface Counter {
  readonly clock: Clock;
  expired(serving: Serving): void;
  bodyGotOn(serving: Serving, arrived: boolean): void;
  bodyGivenUp(serving: Serving, error: NetworkError): void;
}

/** One message in the handler's hands; it is the context that the handler sees. */
export class Serving extends Abortable implements MessageContext, BodyOwner {
  readonly message: NetworkMessage;
  readonly peer: Peer;
  body: IncomingBody | undefined = undefined;
  /** Its caller is not there, and may come back. */
  parked = false;
  readonly #counter: Counter;
  /** When the caller stops waiting, on the clock's scale; undefined if it did not say. */
  #endsAt: number | undefined;

  constructor(counter: Counter, message: NetworkMessage, peer: Peer) {
    super();
    this.#counter = counter;
    this.message = message;
    this.peer = peer;
    if (message.ttl !== undefined) this.prolong(message.ttl);
  }

  /** The caller waits for so many milliseconds from now. */
  prolong(ttl: number): void {
    this.#endsAt = this.#counter.clock.now() + ttl;
  }

  get via(): NodeId {
    return this.peer.node;
  }

  get payload(): unknown {
    return payloadOf(this.message);
  }

  get remainingMs(): number | undefined {
    return this.#endsAt === undefined ? undefined : Math.max(0, this.#endsAt - this.#counter.clock.now());
  }

  expire(): void {
    this.#counter.expired(this);
  }

  bodyGotOn(arrived: boolean): void {
    this.#counter.bodyGotOn(this, arrived);
  }

  bodyGivenUp(error: NetworkError): void {
    this.#counter.bodyGivenUp(this, error);
  }
}

/** Whether it is known by its id: it may come again, be cancelled, or end with its peer. */
export const isTracked = ({ kind, body }: NetworkMessage): boolean => kind === 'request' || body !== undefined;

/** Requests and events whose handlers have not come to their end, by the peer that sent them. */
export class Servings {
  /** Requests, and events with a body. */
  readonly #requests = new Map<NodeId, IdMap<Serving>>();
  readonly #events = new Set<Serving>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(peer: NodeId, id: string): Serving | undefined {
    return this.#requests.get(peer)?.get(id);
  }

  /** A request's id must not be there yet. */
  add(serving: Serving): void {
    this.#size += 1;
    if (!isTracked(serving.message)) {
      this.#events.add(serving);
      return;
    }
    const peer = serving.peer.node;
    let requests = this.#requests.get(peer);
    if (!requests) {
      requests = new IdMap();
      this.#requests.set(peer, requests);
    }
    requests.add(serving);
  }

  remove(serving: Serving): void {
    this.#size -= 1;
    if (!isTracked(serving.message)) this.#events.delete(serving);
    else this.#forget(serving);
  }

  /** The request's id is free again, though its handler still runs. */
  #forget(serving: Serving): void {
    const peer = serving.peer.node;
    const requests = this.#requests.get(peer);
    requests?.delete(serving);
    if (requests?.size === 0) this.#requests.delete(peer);
  }

  /** Nobody waits for it: its handler is told, and its id is free for a repeat. */
  abandon(serving: Serving, reason: NetworkError): void {
    this.#forget(serving);
    serving.abort(reason);
  }

  /** The requests of one peer; a copy: entries may go while it is read. */
  of(peer: NodeId): readonly Serving[] {
    return this.#requests.get(peer)?.values() ?? [];
  }

  /** A copy: entries may go while it is read. */
  all(): readonly Serving[] {
    return [...this.#events, ...[...this.#requests.values()].flatMap((requests) => requests.values())];
  }
}
