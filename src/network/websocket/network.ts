import type { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { formatAddress } from '../address.js';
import { Greetings } from '../framed/greetings.js';
import { Hub } from '../framed/hub.js';
import type { BoundAddress } from '../framed/listen-options.js';
import { Reception } from '../framed/reception.js';
import { Service } from '../framed/service.js';
import { SpareBuffer } from '../framed/spare-buffer.js';
import type { NetworkMetrics } from '../metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { newCounters, type WebSocketCounters } from './counters.js';
import { Dialer } from './dial.js';
import { Entrance } from './entrance.js';
import { type ResolvedDial, resolveOptions, type WebSocketNetworkOptions } from './options.js';
import { Star } from './star.js';
import { WebSocketDial } from './web-socket-dial.js';
import type { LinkBounds } from './web-socket-link.js';

/**
 * The production transport: WebSockets on TCP ports and UNIX sockets. A network may listen, dial, or both.
 * docs/protocol.md describes what travels, docs/limits.md every bound.
 */
export class WebSocketNetwork implements Network {
  readonly self: NodeId;
  /** What was refused, dropped or given up. */
  readonly counters: WebSocketCounters = newCounters();
  readonly #hub: Hub<Star>;
  readonly #service: Service;

  /** @throws NetworkError INVALID_OPTION naming the field */
  constructor(wiring: NetworkWiring, options: WebSocketNetworkOptions) {
    const { listen, dial, relay, limits } = resolveOptions(options);
    const { self } = wiring;
    const { counters } = this;
    let dialer: Dialer | undefined;
    const hub = new Hub({
      transport: 'websocket',
      wiring,
      limits,
      counters,
      topology: (its) => new Star(its, self, (connection) => dialer?.lost(connection)),
    });
    const greetings = new Greetings(wiring, limits);
    const bounds = { limits, counters, links: hub.links, spare: new SpareBuffer() };
    const reception = new Reception({ wiring, hub, greetings });
    const entrance = new Entrance({ wiring, hub, bounds, reception, relay });
    dialer = dial && dialerOf({ wiring, hub, bounds, greetings, dial });
    this.self = self;
    this.#hub = hub;
    this.#service = new Service({
      hub,
      listeners: listen.map((item) => entrance.listener(item)),
      started: () => dialer?.start(),
      stopping: () => dialer?.stop(),
    });
  }

  get upstream(): NodeId | undefined {
    return this.#hub.topology.upstream;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#hub.topology.peers;
  }

  /** Where the listeners really listen, by name, once started. */
  get boundAddresses(): ReadonlyMap<string, BoundAddress> {
    return this.#service.boundAddresses;
  }

  metrics(): NetworkMetrics {
    return this.#hub.metrics();
  }

  start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#service.start(options.signal);
  }

  send(message: NetworkMessage): SendOutcome {
    const { topology, meter } = this.#hub;
    return meter.outcome(this.#service.running ? topology.send(message) : 'STOPPED');
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    const { topology, meter } = this.#hub;
    const outcomes = this.#service.running ? topology.sendMany(message, peers) : peers.map(() => 'STOPPED' as const);
    for (const outcome of outcomes) meter.outcome(outcome);
    return outcomes;
  }

  onMessage(handler: MessageSink): void {
    this.#hub.onMessage(handler);
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#hub.onPeer(listener);
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    this.#hub.topology.get(peer)?.refuse(reason);
  }

  stop(options: StopOptions = {}): Promise<void> {
    return this.#service.stop(options.graceMs);
  }
}

interface DialerMakings {
  readonly wiring: NetworkWiring;
  readonly hub: Hub<Star>;
  readonly bounds: LinkBounds;
  readonly greetings: Greetings;
  readonly dial: ResolvedDial;
}

function dialerOf({ wiring, hub, bounds, greetings, dial }: DialerMakings): Dialer {
  const { self, role, clock, random } = wiring;
  const webSockets = new WebSocketDial({ dial, hub, bounds, random });
  return new Dialer({
    self,
    role,
    address: formatAddress(dial.address),
    credentials: dial.credentials,
    options: dial,
    clock,
    random,
    connect: (attempt, signal) => webSockets.connect(attempt, signal),
    hello: () => greetings.hello(),
    control: (type, payload) => hub.stamp.make({ kind: 'control', type, payload }),
    opened: (connection, greeting) => hub.topology.enterUpstream(connection, greeting),
    emit: (event) => hub.emit(event),
    failed: () => {
      hub.counters.dialsFailed += 1;
    },
  });
}
