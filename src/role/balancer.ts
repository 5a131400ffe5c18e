import type { NodeId } from '../base/names.js';
import { integer, type Random } from '../base/random.js';
import { Candidates } from './candidates.js';

/** How much the last sample counts in the moving average of a node's answer time. */
const WEIGHT = 0.3;

/** What the balancer knows of one node. */
interface Load {
  inFlight: number;
  slots: number;
  ewmaMs: number;
  congested: boolean;
  /** What it is a candidate for. */
  types: readonly string[];
}

/**
 * Picks the node for `?`: two at random, then the one with a free slot, or else the lower
 * answer time · (in flight + 1) (power of two choices).
 */
export class Balancer {
  readonly #random: Random;
  readonly #loads = new Map<NodeId, Load>();
  /** Who can take a type. */
  readonly #candidates = new Map<string, Candidates>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The node is there and takes these types. */
  offer(node: NodeId, types: readonly string[], slots: number): void {
    this.withdraw(node);
    const load = this.#loads.get(node);
    if (load) {
      load.slots = slots;
      load.types = types;
    } else {
      this.#loads.set(node, { inFlight: 0, slots, ewmaMs: 1, congested: false, types });
    }
    for (const type of types) this.#candidatesOf(type).add(node);
  }

  /** The node takes nothing at the moment; what is known of its speed is kept. */
  withdraw(node: NodeId): void {
    const load = this.#loads.get(node);
    if (!load) return;
    for (const type of load.types) {
      const candidates = this.#candidates.get(type);
      candidates?.remove(node);
      if (candidates?.nodes.length === 0) this.#candidates.delete(type);
    }
    load.types = [];
  }

  forget(node: NodeId): void {
    this.withdraw(node);
    this.#loads.delete(node);
  }

  congested(node: NodeId, congested: boolean): void {
    const load = this.#loads.get(node);
    if (load) load.congested = congested;
  }

  /** @returns undefined if nobody, or nobody beside `except`, takes the type */
  pick(type: string, except?: ReadonlySet<NodeId>): NodeId | undefined {
    let nodes: readonly NodeId[] | undefined = this.#candidates.get(type)?.nodes;
    if (nodes && except?.size) nodes = nodes.filter((node) => !except.has(node));
    if (!nodes || nodes.length === 0) return undefined;
    const first = integer(this.#random, nodes.length);
    if (nodes.length === 1) return nodes[0];
    // A second one that is not the first, each of the others with the same chance.
    const second = (first + 1 + integer(this.#random, nodes.length - 1)) % nodes.length;
    const [a, b] = [nodes[first] as NodeId, nodes[second] as NodeId];
    return this.#cost(b) < this.#cost(a) ? b : a;
  }

  started(node: NodeId): void {
    const load = this.#loads.get(node);
    if (load) load.inFlight += 1;
  }

  /** @param ms how long the answer took; undefined if there was none */
  ended(node: NodeId, ms: number | undefined): void {
    const load = this.#loads.get(node);
    if (!load) return;
    load.inFlight = Math.max(0, load.inFlight - 1);
    if (ms !== undefined) load.ewmaMs += WEIGHT * (ms - load.ewmaMs);
  }

  inFlight(node: NodeId): number {
    return this.#loads.get(node)?.inFlight ?? 0;
  }

  #candidatesOf(type: string): Candidates {
    let candidates = this.#candidates.get(type);
    if (!candidates) {
      candidates = new Candidates();
      this.#candidates.set(type, candidates);
    }
    return candidates;
  }

  #cost(node: NodeId): number {
    const load = this.#loads.get(node);
    if (!load) return Number.POSITIVE_INFINITY;
    // A free slot beats any speed: an idle slow node is better than a queue at a fast one.
    const queued = Math.max(0, load.inFlight + 1 - Math.max(1, load.slots));
    const penalty = load.congested ? 1e9 : 0;
    return penalty + queued * 1e6 + load.ewmaMs * (load.inFlight + 1);
  }
}
