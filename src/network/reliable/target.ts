import type { NodeId } from '../../base/names.js';
import { Balancer, type Lane } from './balancer.js';
import { CircuitBreaker, type CircuitState } from './circuit-breaker.js';
import { ClientThrottle } from './client-throttle.js';
import type { ResolvedOptions, Route } from './options.js';

/** Peers that something is remembered of; beyond them the one that has been known longest is forgotten. */
const MAX_TARGETS = 10_000;

/** What is known of one logical peer. */
export interface Target {
  /** undefined: the node that this one dialled. */
  readonly node: NodeId | undefined;
  readonly circuit: CircuitBreaker | undefined;
  readonly throttle: ClientThrottle | undefined;
  readonly balancer: Balancer<Route> | undefined;
}

export interface TargetListener {
  circuit(node: NodeId | undefined, state: CircuitState): void;
  ejected(node: NodeId, lane: Lane<Route>, forMs: number): void;
}

/** One Target for each peer that was asked. */
export class Targets {
  readonly #options: ResolvedOptions;
  readonly #listener: TargetListener;
  readonly #targets = new Map<NodeId | undefined, Target>();
  /** Peers forgotten because too many were known. */
  forgotten = 0;

  constructor(options: ResolvedOptions, listener: TargetListener) {
    this.#options = options;
    this.#listener = listener;
  }

  values(): Iterable<Target> {
    return this.#targets.values();
  }

  of(node: NodeId | undefined): Target {
    return this.#targets.get(node) ?? this.#make(node);
  }

  #make(node: NodeId | undefined): Target {
    const { circuit, throttle } = this.#options;
    const target: Target = {
      node,
      circuit: circuit && new CircuitBreaker(circuit, (state) => this.#listener.circuit(node, state)),
      throttle: throttle && new ClientThrottle(throttle),
      balancer: node === undefined ? undefined : this.#balancer(node),
    };
    if (this.#targets.size >= MAX_TARGETS) this.#forgetOldest();
    this.#targets.set(node, target);
    return target;
  }

  #balancer(node: NodeId): Balancer<Route> | undefined {
    const { routes, ejection, random } = this.#options;
    const ways = routes.get(node);
    if (!ways) return undefined;
    const ejected = (lane: Lane<Route>, forMs: number) => this.#listener.ejected(node, lane, forMs);
    return new Balancer({ routes: ways, options: ejection, random: random.fork(`balancer ${node}`), ejected });
  }

  #forgetOldest(): void {
    for (const node of this.#targets.keys()) {
      this.#targets.delete(node);
      this.forgotten += 1;
      return;
    }
  }
}
