import type { NodeId } from '../base/names.js';
import { IdMap } from '../message/id-map.js';
import type { Invocation } from './invocation.js';

/** Requests, and events with a body, that run or wait, by the peer that handed them to us: an id is unique for its sender only. */
export class LiveRequests {
  readonly #byPeer = new Map<NodeId, IdMap<Invocation>>();

  get(via: NodeId, id: string): Invocation | undefined {
    return this.#byPeer.get(via)?.get(id);
  }

  /** Those of a peer, to add to: one look-up for the whole of a request's arrival. */
  of(via: NodeId): IdMap<Invocation> {
    let ofPeer = this.#byPeer.get(via);
    if (!ofPeer) {
      ofPeer = new IdMap();
      this.#byPeer.set(via, ofPeer);
    }
    return ofPeer;
  }

  /** One that is not there, or no more, does no harm. */
  remove(invocation: Invocation): void {
    this.#byPeer.get(invocation.via)?.delete(invocation);
  }

  /** The peer is gone: of what is left the place is given back once it has ended. @returns what is left, a copy */
  leftBy(via: NodeId): readonly Invocation[] {
    const left = this.#byPeer.get(via)?.values() ?? [];
    if (left.length === 0) this.#byPeer.delete(via);
    return left;
  }

  /** A copy: entries may go while it is read. */
  all(): readonly Invocation[] {
    return [...this.#byPeer.values()].flatMap((ofPeer) => ofPeer.values());
  }
}
