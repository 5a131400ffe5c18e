import type { NodeId } from '../../src/base/names.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { Endpoint } from '../../src/network/endpoint.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import type { InMemoryNetworkOptions, NodeOptions } from '../../src/network/memory/options.js';
import type { BodyLimits } from '../../src/network/streams/limits.js';

export interface EndpointLab {
  readonly clock: VirtualClock;
  readonly hub: InMemoryNetwork;
  endpoint(self: NodeId, options?: NodeOptions): Promise<Endpoint>;
  /** Resolves or rejects as the promise does, once virtual time has come so far. */
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
  stopAll(): Promise<void>;
}

/** Endpoints on a hub on virtual time, seeded. */
export function makeEndpointLab(
  options: Partial<InMemoryNetworkOptions> & { readonly seed?: number; readonly bodies?: Partial<BodyLimits> } = {},
): EndpointLab {
  const clock = new VirtualClock();
  const random = seededRandom(options.seed ?? 1);
  const hub = new InMemoryNetwork({ clock, random: random.fork('hub'), ...options });
  const made: Endpoint[] = [];
  const settle: EndpointLab['settle'] = async (promise, limitMs = 600_000) => {
    let over = false;
    const done = () => {
      over = true;
    };
    promise.then(done, done);
    await clock.runUntil(() => over, { limitMs });
    if (!over) throw new Error(`it did not settle within ${limitMs} virtual ms`);
    return promise;
  };
  return {
    clock,
    hub,
    settle,
    async endpoint(self, given = {}) {
      const network = hub.node(self, given);
      const { bodies } = options;
      const endpoint = new Endpoint({ network, clock, random: random.fork(`${self} ${made.length}`), bodies });
      made.push(endpoint);
      await endpoint.start();
      if (given.dial !== undefined) await clock.runUntil(() => endpoint.peers.size > 0, { limitMs: 60_000 });
      return endpoint;
    },
    async stopAll() {
      await settle(Promise.all(made.map((endpoint) => endpoint.stop())));
    },
  };
}
