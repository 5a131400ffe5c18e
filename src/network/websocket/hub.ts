import { Emitter } from '../../base/emitter.js';
import { NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Stamp } from '../../message/stamp.js';
import { Meter } from '../meter.js';
import type { MessageSink, Peer, PeerEvent } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { AwakeTime } from './awake-time.js';
import type { Connection, ConnectionHost } from './connection.js';
import { Connections } from './connections.js';
import { newCounters, type WebSocketCounters } from './counters.js';
import { Gate } from './gate.js';
import type { Greeting } from './greeter.js';
import { OpenSockets } from './open-sockets.js';
import type { WebSocketLimits } from './options.js';
import { Quota } from './quota.js';
import { Shutdown } from './shutdown.js';
import { type Settling, TurnFlush } from './turn-flush.js';

export interface HubParts {
  readonly wiring: NetworkWiring;
  readonly limits: WebSocketLimits;
  /** The connection that this node had dialled has ended. */
  lost(connection: Connection): void;
}

/** What a network has once for all of its connections, whichever way they came; hands on what they report. */
export class Hub implements ConnectionHost {
  readonly stamp: Stamp;
  readonly limits: WebSocketLimits;
  readonly counters: WebSocketCounters = newCounters();
  readonly meter: Meter = new Meter('websocket');
  readonly connections: Connections = new Connections();
  readonly sockets: OpenSockets = new OpenSockets();
  readonly quota: Quota;
  readonly gate: Gate;
  readonly awake: AwakeTime;
  readonly shutdown: Shutdown;
  readonly #flush: TurnFlush;
  readonly #log: Log;
  readonly #events: Emitter<{ peer: PeerEvent }>;
  readonly #lost: HubParts['lost'];
  #sink: MessageSink = () => {};

  constructor({ wiring, limits, lost }: HubParts) {
    const { clock, stamp, log } = wiring;
    const { counters, connections, sockets } = this;
    this.stamp = stamp;
    this.limits = limits;
    this.#log = log;
    this.#lost = lost;
    this.#events = new Emitter((error) => log.error({ error }, 'a listener for peer events failed'));
    this.#flush = new TurnFlush(clock);
    this.quota = new Quota(limits, counters);
    this.gate = new Gate({ limits, counters, room: () => this.quota.room });
    this.awake = new AwakeTime(clock, limits.sweepMs, (time) => {
      this.gate.sweep(time);
      connections.sweep(limits.maxAllQueuedBytes);
    });
    this.shutdown = new Shutdown({ clock, stamp, limits, counters, connections, sockets, flush: this.#flush });
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

  /** The greeting is over: the peer is connected, in the place of an older connection of its own. */
  enter(connection: Connection, greeting: Greeting): void {
    const present = this.connections.get(greeting.node);
    if (present) {
      this.counters.replaced += 1;
      present.cut(new NetworkError('CLOSED', `a newer connection of ${greeting.node} has replaced this one`));
    }
    const peer = connection.open(greeting);
    this.quota.add(connection.ip);
    this.connections.add(connection, peer);
    this.emit({ type: 'connected', peer });
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
    const dialled = this.connections.remove(connection, peer);
    this.emit({ type: 'disconnected', peer, left: connection.left, error });
    if (dialled) this.#lost(connection);
  }

  /** Once the shutdown is over. */
  stop(): void {
    this.awake.stop();
    this.#flush.clear();
  }
}
