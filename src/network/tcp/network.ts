import { isNetworkError, type NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { Greetings } from '../framed/greetings.js';
import { Hub } from '../framed/hub.js';
import type { BoundAddress } from '../framed/listen-options.js';
import { Reception } from '../framed/reception.js';
import { Service } from '../framed/service.js';
import { SpareBuffer } from '../framed/spare-buffer.js';
import type { NetworkMetrics } from '../metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import { type NetworkIdentity, wiringOf } from '../wiring.js';
import { agreementOn } from './agreement.js';
import { newCounters, type TcpCounters } from './counters.js';
import type { Dials } from './dials.js';
import { Entrance } from './entrance.js';
import { Mesh } from './mesh.js';
import { dialsOf } from './mesh-dials.js';
import { resolveOptions, type TcpNetworkOptions } from './options.js';
import { type PingOptions, Pings, type Pong } from './pings.js';

/** How long a process has to answer when another one claims its name: well below the time that a dial has. */
const CLAIM_MS = 1_000;

/**
 * A mesh over bare TCP: 4 bytes of length, then a frame. Any node may listen, and dials the others by an address book
 * when there is something to send to them. docs/tcp.md shows how it is used, docs/protocol.md what travels,
 * docs/limits.md every bound.
 *
 * Beside what every Network guarantees:
 * - What is sent to a node that is not connected waits until it is (`queued`), within bounds. If it cannot be
 *   reached, each request that waited ends with `undelivered`; further sends are refused (`UNREACHABLE`) for a moment,
 *   which grows with each failure, up to 3 s.
 * - Two nodes that dial each other at once have two connections, which count as one: `connected` is told with the
 *   first, `disconnected` with the last. Each side writes to one of them until that ends (`interrupted`).
 */
export class TcpNetwork implements Network {
  readonly self: NodeId;
  /** What was refused, dropped or given up. */
  readonly counters: TcpCounters = newCounters();
  readonly #hub: Hub<Mesh>;
  readonly #service: Service;
  readonly #dials: Dials;
  readonly #pings: Pings;
  #sink: MessageSink = () => {};

  /**
   * @param identity who this node is; a role gives all of it
   * @throws NetworkError INVALID_OPTION naming the field
   */
  constructor(identity: NetworkIdentity, options: TcpNetworkOptions = {}) {
    const wiring = wiringOf(identity);
    const { self, clock, stamp } = wiring;
    const resolved = resolveOptions(options, wiring);
    const { limits, codecs, idleMs, leader, tls } = resolved;
    const { counters } = this;
    const ready = (node: NodeId): void => this.#dials.flush(node);
    const answers = (node: NodeId): Promise<boolean> =>
      this.ping(node, { timeoutMs: CLAIM_MS }).then(
        () => true,
        // Whatever else a ping ends with says nothing about the other side.
        (error) => !isNetworkError(error) || error.code !== 'TIMEOUT',
      );
    const topology = (hub: Hub): Mesh => new Mesh({ hub, self, counters, idleMs, ready, answers });
    const hub = new Hub({ transport: 'tcp', wiring, limits, counters, topology });
    const { maxFrameBytes, closeTimeoutMs } = limits;
    const bounds = { clock, links: hub.links, spare: new SpareBuffer(), maxFrameBytes, closeTimeoutMs };
    const greetings = new Greetings(wiring, limits);
    const reception = new Reception({ wiring, hub, greetings, agree: agreementOn(codecs) });
    const entrance = new Entrance({ wiring, hub, bounds, counters, reception, tls });
    this.self = self;
    this.#hub = hub;
    this.#dials = dialsOf({ wiring, hub, bounds, counters, greetings, options: resolved });
    this.#pings = new Pings({ self, clock, stamp, leader, send: (message) => this.send(message) });
    this.#service = new Service({
      hub,
      listeners: resolved.listen.map((item) => entrance.listener(item)),
      started: () => {},
      stopping: () => this.#giveUp(),
    });
    hub.onMessage((message, peer) => this.#arrived(message, peer));
    hub.onPeer((event) => this.#pings.event(event));
  }

  /** There is none: any node is a peer like the others. */
  get upstream(): undefined {
    return undefined;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#hub.topology.peers;
  }

  /** Where the listeners really listen, by name, once started. */
  get boundAddresses(): ReadonlyMap<string, BoundAddress> {
    return this.#service.boundAddresses;
  }

  metrics(): NetworkMetrics {
    const metrics = this.#hub.metrics();
    const queuedMessages = metrics.queuedMessages + this.#dials.queuedMessages;
    const queuedBytes = metrics.queuedBytes + this.#dials.queuedBytes;
    return { ...metrics, queuedMessages, queuedBytes };
  }

  start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#service.start(options.signal);
  }

  send(message: NetworkMessage): SendOutcome {
    const { meter, topology } = this.#hub;
    if (!this.#service.running) return meter.outcome('STOPPED');
    const connection = topology.connectionFor(message);
    return meter.outcome(connection ? connection.send(message) : this.#dials.send(message));
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    const { meter, topology } = this.#hub;
    if (!this.#service.running) return peers.map(() => meter.outcome('STOPPED'));
    const forms = new Map<string, EncodedMessage>();
    return peers.map((to) => {
      const connection = topology.connectionFor(message, to);
      if (connection === undefined) return meter.outcome(this.#dials.send(message, to));
      const { codec } = connection;
      const encoded = forms.get(codec.name) ?? codec.encode(message);
      forms.set(codec.name, encoded);
      return meter.outcome(connection.post(message, encoded));
    });
  }

  /**
   * Asks a node whether it is there, and whom it takes for the leader; connects to it if need be.
   * @throws NetworkError TIMEOUT, CANCELLED, CLOSED, NO_ADDRESS, and why no connection could be made
   */
  ping(node: NodeId, options: PingOptions = {}): Promise<Pong> {
    return this.#pings.ping(node, options);
  }

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#hub.onPeer(listener);
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    this.#hub.topology.disconnect(peer, reason);
  }

  stop(options: StopOptions = {}): Promise<void> {
    return this.#service.stop(options.graceMs);
  }

  #giveUp(): void {
    this.#dials.stop();
    this.#pings.stop();
  }

  #arrived(message: NetworkMessage, peer: Peer): void {
    const { kind } = message;
    if (kind === 'control' && this.#pings.take(message, peer.node)) return;
    this.#hub.topology.arrived(message, peer);
    this.#sink(message, peer);
  }
}
