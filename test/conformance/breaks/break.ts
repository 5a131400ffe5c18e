import type { NetworkMetrics } from '../../../src/network/metrics.js';
import type { MessageSink, Network, PeerEvent } from '../../../src/network/network.js';
import type { NetworkWiring } from '../../../src/network/wiring.js';

/** One thing that a transport does wrong. */
export interface Break {
  readonly name: string;
  /** The checks that must find it, by the beginnings of their names. */
  readonly caught: readonly string[];
  /** What it does in place of the network that works. */
  spoil(network: Network, wiring: NetworkWiring): Partial<Network>;
  /** Puts away what it has left lying about. */
  tidy?(): void;
}

/** A Network that does as another one, but for what is given. */
export function altered(network: Network, own: Partial<Network>): Network {
  return new Proxy(network, {
    get(target, key) {
      const source = Object.hasOwn(own, key) ? own : target;
      const value = Reflect.get(source, key, source);
      return typeof value === 'function' ? value.bind(source) : value;
    },
  });
}

/** What arrives, changed on its way to the handler. */
export const arriving = (network: Network, change: (deliver: MessageSink) => MessageSink): Partial<Network> => ({
  onMessage: (handler) => network.onMessage(change(handler)),
});

/** What is told, changed on its way to each listener. */
export const told = (network: Network, change: (tell: (event: PeerEvent) => void) => (event: PeerEvent) => void) =>
  ({ onPeer: (listener) => network.onPeer(change(listener)) }) satisfies Partial<Network>;

/** True each so many'th time. */
export function counted(every: number): () => boolean {
  let count = 0;
  return () => {
    count += 1;
    return count % every === 0;
  };
}

/** Other figures. */
export const measured = (
  network: Network,
  change: (metrics: NetworkMetrics) => Partial<NetworkMetrics>,
): Partial<Network> => ({
  metrics: () => ({ ...network.metrics(), ...change(network.metrics()) }),
});
