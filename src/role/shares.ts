import { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';

/** What a node has on its way to others, or what of that one request is. */
export interface Share {
  requests: number;
  /** Of payloads. */
  bytes: number;
  bodies: number;
}

/**
 * What one node may have on its way to others. The leader holds a request until its answer comes, which may be never:
 * without these a node that asks one that does not answer could fill the leader's memory.
 */
const MAX: Readonly<Share> = { requests: 20_000, bytes: 64 * 1024 * 1024, bodies: 256 };

const NONE: Readonly<Share> = { requests: 0, bytes: 0, bodies: 0 };

/** How much of the leader each node makes use of. */
export class Shares {
  readonly #byAsker = new Map<NodeId, Share>();

  /** @returns BACKPRESSURE if so much would be too much */
  refusal(asker: NodeId, cost: Share): NetworkError | undefined {
    const { requests, bytes, bodies } = this.#byAsker.get(asker) ?? NONE;
    if (requests >= MAX.requests) return full(`${asker} has ${requests} requests on their way, its limit`);
    if (bodies + cost.bodies > MAX.bodies) return full(`${asker} has ${bodies} bodies on their way, its limit`);
    if (bytes === 0 || bytes + cost.bytes <= MAX.bytes) return undefined;
    return full(`${asker} has ${bytes} bytes of requests on their way; the limit is ${MAX.bytes}`);
  }

  take(asker: NodeId, cost: Share): void {
    this.#add(asker, cost, 1);
  }

  giveBack(asker: NodeId, cost: Share): void {
    this.#add(asker, cost, -1);
  }

  #add(asker: NodeId, cost: Share, sign: number): void {
    let share = this.#byAsker.get(asker);
    if (!share) {
      share = { ...NONE };
      this.#byAsker.set(asker, share);
    }
    share.requests += sign * cost.requests;
    share.bytes += sign * cost.bytes;
    share.bodies += sign * cost.bodies;
    if (share.requests === 0) this.#byAsker.delete(asker);
  }
}

const full = (text: string): NetworkError => new NetworkError('BACKPRESSURE', text);
