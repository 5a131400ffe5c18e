import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { integer } from '../../base/random.js';
import type { NetworkMessage } from '../../message/message.js';
import { formatHostPort, isLoopback } from '../address.js';
import type { NetworkMetrics } from '../metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { Connection } from './connection.js';
import type { WebSocketCounters } from './counters.js';
import { Dialer } from './dial.js';
import { Greetings } from './greetings.js';
import { Hub } from './hub.js';
import type { Listener } from './listen.js';
import { type BoundAddress, type ResolvedDial, resolveOptions, type WebSocketNetworkOptions } from './options.js';
import { Reception } from './reception.js';
import { socketOptions } from './socket-options.js';

/**
 * The production transport: WebSockets on TCP ports and UNIX sockets. A network may listen, dial, or both.
 * docs/protocol.md describes what travels, docs/limits.md every bound.
 */
export class WebSocketNetwork implements Network {
  readonly self: NodeId;
  /** What was refused, dropped or given up. */
  readonly counters: WebSocketCounters;
  readonly #hub: Hub;
  readonly #listeners: readonly Listener[];
  readonly #dialer: Dialer | undefined;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #stopped: Promise<void> | undefined;

  /** @throws NetworkError INVALID_OPTION naming the field */
  constructor(wiring: NetworkWiring, options: WebSocketNetworkOptions) {
    const { listen, dial, relay, limits } = resolveOptions(options);
    const hub = new Hub({ wiring, limits, lost: (connection) => this.#dialer?.lost(connection) });
    const greetings = new Greetings(wiring, limits);
    this.self = wiring.self;
    this.counters = hub.counters;
    this.#hub = hub;
    this.#listeners = new Reception({ wiring, hub, greetings, listen, relay }).listeners;
    this.#dialer = dial && dialerOf({ wiring, hub, greetings, dial });
  }

  get upstream(): NodeId | undefined {
    return this.#hub.connections.upstream?.peer?.node;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#hub.connections.peers;
  }

  /** Where the listeners really listen, by name, once started. */
  get boundAddresses(): ReadonlyMap<string, BoundAddress> {
    const bound = new Map<string, BoundAddress>();
    for (const listener of this.#listeners) if (listener.bound) bound.set(listener.options.name, listener.bound);
    return bound;
  }

  metrics(): NetworkMetrics {
    const { connections, meter } = this.#hub;
    return meter.read({ peers: connections.peers, ...connections.queued() });
  }

  async start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    if (this.#state !== 'new') throw new NetworkError('STOPPED', 'a network is started once');
    if (signal?.aborted) throw new NetworkError('CANCELLED', 'the start was cancelled', { cause: signal.reason });
    const onAbort = () => void this.stop();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#state = 'running';
    this.#hub.awake.start();
    try {
      for (const listener of this.#listeners) {
        await listener.start();
        if (this.#state === 'running') continue;
        listener.stop();
        await listener.closed;
        throw new NetworkError('CANCELLED', 'the network was stopped while it started');
      }
    } catch (error) {
      await this.stop({ graceMs: 0 });
      throw error;
    } finally {
      // The signal is for the start: how a network that runs is stopped, with how much grace, is its owner's to say.
      signal?.removeEventListener('abort', onAbort);
    }
    this.#dialer?.start();
  }

  send(message: NetworkMessage): SendOutcome {
    const { connections, meter } = this.#hub;
    return meter.outcome(this.#state === 'running' ? connections.send(message) : 'STOPPED');
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    const { connections, meter } = this.#hub;
    const outcomes =
      this.#state === 'running' ? connections.sendMany(message, peers) : peers.map(() => 'STOPPED' as const);
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
    this.#hub.connections.get(peer)?.refuse(reason);
  }

  stop(options: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.graceMs ?? 1_000);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    const hub = this.#hub;
    this.#state = 'stopping';
    this.#dialer?.stop();
    for (const listener of this.#listeners) listener.stop();
    hub.gate.clear();
    await hub.shutdown.run(graceMs);
    await Promise.all(this.#listeners.map((listener) => listener.closed));
    hub.stop();
    this.#state = 'stopped';
  }
}

/** Whether somebody between the two ends can read what is written: docs/decisions/masking.md. */
const isSeenByOthers = ({ address, credentials }: ResolvedDial): boolean =>
  address.kind === 'tcp' && credentials === undefined && address.host !== 'localhost' && !isLoopback(address.host);

interface DialerMakings {
  readonly wiring: NetworkWiring;
  readonly hub: Hub;
  readonly greetings: Greetings;
  readonly dial: ResolvedDial;
}

function dialerOf({ wiring, hub, greetings, dial }: DialerMakings): Dialer {
  const { clock, random } = wiring;
  const unix = dial.address.kind === 'unix';
  const mask = isSeenByOthers(dial) ? () => integer(random, 2 ** 32) : () => 0;
  return new Dialer({
    self: wiring.self,
    role: wiring.role,
    options: dial,
    clock,
    random,
    socketOptions: socketOptions(hub.limits),
    subprotocol: `netmgr.v1.${dial.codec}`,
    connection: (socket, raw) => {
      const address = unix ? 'unix' : formatHostPort(raw.remoteAddress ?? '', raw.remotePort ?? 0);
      return new Connection({ host: hub, socket, raw, address, listener: 'dial', lazy: false, mask });
    },
    track: (socket) => socket.track(hub.sockets),
    hello: () => greetings.hello(),
    control: (type, payload) => hub.stamp.make({ kind: 'control', type, payload }),
    opened: (connection, greeting) => {
      hub.connections.upstream = connection;
      hub.enter(connection, greeting);
    },
    emit: (event) => hub.emit(event),
    failed: () => {
      hub.counters.dialsFailed += 1;
    },
  });
}
