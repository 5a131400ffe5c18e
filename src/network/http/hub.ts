import { DeadlineWheel } from '../../base/deadline-wheel.js';
import { Emitter } from '../../base/emitter.js';
import type { ErrorCode } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { Meter } from '../meter.js';
import type { MessageSink, Peer, PeerEvent } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { type Card, Cards, cardText } from './card.js';
import { type HttpCounters, newCounters } from './counters.js';
import type { HttpLimits } from './limits.js';
import { CODINGS } from './media.js';
import type { ResolvedOptions } from './options.js';

/** What a network has once, for whatever comes and goes; hands on what is told. */
export class Hub {
  readonly wiring: NetworkWiring;
  readonly options: ResolvedOptions;
  readonly limits: HttpLimits;
  readonly counters: HttpCounters = newCounters();
  readonly meter: Meter = new Meter('http');
  readonly wheel: DeadlineWheel;
  readonly cards: Cards = new Cards();
  /** What this node says of itself in its answers. */
  readonly card: string;
  /** No socket is kept for another request any more. */
  stopping = false;
  readonly #events: Emitter<{ peer: PeerEvent }>;
  #sink: MessageSink = () => {};
  /** Called whenever something that was under way has ended. */
  progressed: () => void = () => {};

  constructor(wiring: NetworkWiring, options: ResolvedOptions) {
    const { log, clock } = wiring;
    this.wiring = wiring;
    this.options = options;
    this.limits = options.limits;
    this.wheel = new DeadlineWheel(clock);
    this.card = this.cardFor(undefined);
    this.#events = new Emitter((error) => log.error({ error }, 'a listener for peer events failed'));
  }

  get log(): Log {
    return this.wiring.log;
  }

  /** What this node says of itself in what it sends to that one. */
  cardFor(to: NodeId | undefined): string {
    const { self: node, cluster, role, version, stamp } = this.wiring;
    const reads = new Set(['json', 'msgpack', ...CODINGS]);
    const { maxFrameBytes } = this.limits;
    const card: Card = { node, to, cluster, role, instance: stamp.epoch, version, reads, maxFrameBytes };
    return cardText(card);
  }

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#events.on('peer', listener);
  }

  emit(event: PeerEvent): void {
    this.meter.event(event);
    this.#events.emit('peer', event);
  }

  /** A message that has arrived; it counts as the peer's. */
  deliver(message: NetworkMessage, peer: Peer): void {
    try {
      this.#sink(message, peer);
    } catch (error) {
      this.log.error({ error, peer: peer.node, type: message.type }, 'the handler of messages failed');
    }
  }

  /** A message that was refused on arrival. */
  refused(peer: Peer, code: ErrorCode): void {
    (peer.traffic as { errors: number }).errors += 1;
    this.meter.failed(code);
  }

  /** Nobody is told anything any more. */
  stop(): void {
    this.wheel.clear();
    this.#events.clear();
    this.#sink = () => {};
  }
}
