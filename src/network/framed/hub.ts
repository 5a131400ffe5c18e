import type { Clock } from '../../base/clock.js';
import { Emitter } from '../../base/emitter.js';
import type { NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Stamp } from '../../message/stamp.js';
import { Meter } from '../meter.js';
import type { NetworkMetrics } from '../metrics.js';
import type { MessageSink, Peer, PeerEvent } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { AwakeTime } from './awake-time.js';
import type { Connection, ConnectionHost } from './connection.js';
import type { FramedCounters } from './counters.js';
import { Gate } from './gate.js';
import type { FramedLimits } from './limits.js';
import { OpenLinks } from './open-links.js';
import { Outcasts } from './outcasts.js';
import { Quota } from './quota.js';
import { Shutdown } from './shutdown.js';
import { type Settling, TurnFlush } from './turn-flush.js';

/** Which connections a network has, and to whom: each transport has a shape of its own. */
export interface Topology {
  readonly peers: ReadonlyMap<string, Peer>;
  /** Whether the peer hands on what others have sent, and may speak in their names. */
  relays(peer: Peer): boolean;
  /** Those that are open. None may be added or taken while it is gone through, but for its own end. */
  connections(): Iterable<Connection>;
  /** An open connection is gone: it has to be forgotten, and told with `disconnected` if it was the peer's last. */
  ended(connection: Connection, peer: Peer, error: NetworkError): void;
  /** Looks at what is due, each half second. @param time awake, in milliseconds */
  sweep?(time: number): void;
}

export interface HubParts<T extends Topology> {
  /** For metrics. */
  readonly transport: string;
  readonly wiring: NetworkWiring;
  readonly limits: FramedLimits;
  readonly counters: FramedCounters;
  /** Makes the topology, which may keep the hub and use it later. */
  topology(hub: Hub): T;
}

/** What a network has once for all of its connections, whichever way they came; hands on what they report. */
export class Hub<T extends Topology = Topology> implements ConnectionHost {
  readonly clock: Clock;
  readonly stamp: Stamp;
  readonly limits: FramedLimits;
  readonly counters: FramedCounters;
  readonly meter: Meter;
  readonly links: OpenLinks = new OpenLinks();
  readonly quota: Quota;
  readonly gate: Gate;
  readonly outcasts: Outcasts = new Outcasts();
  readonly awake: AwakeTime;
  readonly shutdown: Shutdown;
  readonly topology: T;
  readonly #flush: TurnFlush;
  readonly #log: Log;
  readonly #events: Emitter<{ peer: PeerEvent }>;
  #sink: MessageSink = () => {};

  constructor({ transport, wiring, limits, counters, topology }: HubParts<T>) {
    const { clock, stamp, log } = wiring;
    const { links } = this;
    this.clock = clock;
    this.stamp = stamp;
    this.limits = limits;
    this.counters = counters;
    this.meter = new Meter(transport);
    this.#log = log;
    this.#events = new Emitter((error) => log.error({ error }, 'a listener for peer events failed'));
    this.#flush = new TurnFlush(clock);
    this.quota = new Quota(limits, counters);
    this.gate = new Gate({ limits, counters, room: () => this.quota.room });
    this.awake = new AwakeTime(clock, limits.sweepMs, (time) => this.#sweep(time));
    const connections = () => [...this.topology.connections()];
    this.shutdown = new Shutdown({ clock, stamp, limits, counters, links, connections, flush: this.#flush });
    this.topology = topology(this);
  }

  get time(): number {
    return this.awake.coarse;
  }

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#events.on('peer', listener);
  }

  metrics(): NetworkMetrics {
    return this.meter.read({ peers: this.topology.peers, ...this.#queued() });
  }

  /** The greeting is over; whether the peer is new is for the topology to tell. */
  opened(connection: Connection): void {
    this.quota.add(connection.ip);
  }

  emit(event: PeerEvent): void {
    this.meter.event(event);
    this.#events.emit('peer', event);
  }

  settleLater(sender: Settling): void {
    this.#flush.add(sender);
  }

  settleAtRoundEnd(sender: Settling): void {
    this.#flush.addLate(sender);
  }

  progressed(): void {
    this.shutdown.progressed();
  }

  relays(peer: Peer): boolean {
    return this.topology.relays(peer);
  }

  deliver(message: NetworkMessage, peer: Peer): void {
    try {
      this.#sink(message, peer);
    } catch (error) {
      this.#log.error({ error, peer: peer.node, type: message.type }, 'the handler of messages failed');
    }
  }

  pressure(change: 'congested' | 'drained', peer: Peer): void {
    this.emit({ type: change, peer });
  }

  ended(connection: Connection, peer: Peer, error: NetworkError): void {
    this.quota.remove(connection.ip);
    this.topology.ended(connection, peer, error);
  }

  banish(peer: Peer): void {
    this.outcasts.add(peer.node, this.time);
    this.#log.warn({ node: peer.node, address: peer.address }, 'a peer was cut off for a flood of TLS records');
  }

  /** Once the shutdown is over. */
  stop(): void {
    this.awake.stop();
    this.#flush.clear();
  }

  /** Beyond what all together may hold, those who do not read lose their connections sooner. */
  #sweep(time: number): void {
    this.gate.sweep(time);
    const pressed = this.#queued().queuedBytes > this.limits.maxAllQueuedBytes;
    for (const connection of this.topology.connections()) connection.sweep(pressed);
    this.topology.sweep?.(time);
  }

  /** What waits to be written, of all connections. */
  #queued(): { readonly queuedMessages: number; readonly queuedBytes: number } {
    let queuedMessages = 0;
    let queuedBytes = 0;
    for (const connection of this.topology.connections()) {
      queuedMessages += connection.queuedMessages;
      queuedBytes += connection.queuedBytes;
    }
    return { queuedMessages, queuedBytes };
  }
}
