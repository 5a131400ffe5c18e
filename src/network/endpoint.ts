import { type Clock, SystemClock } from '../base/clock.js';
import { DeadlineWheel } from '../base/deadline-wheel.js';
import { type ErrorCode, messageOf, NetworkError } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import { type Random, systemRandom } from '../base/random.js';
import type { NetworkMessage } from '../message/message.js';
import { Stamp } from '../message/stamp.js';
import { draftError, timeoutError } from './draft.js';
import type { MessageHandler } from './message-handler.js';
import type { NetworkMetrics, RequestMetrics } from './metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from './network.js';
import { Reception } from './reception.js';
import { RequestTimer } from './request-timer.js';
import { type PlainDraft, type RequestDraft, Requester, type RequestLimits } from './requester.js';
import { Bodies } from './streams/bodies.js';
import { refusing } from './streams/body.js';
import type { BodyLimits } from './streams/limits.js';
import { type BodyDraft, hasBody } from './streams/uploads.js';
import { BODY_VERBS } from './streams/wire.js';

/** A Network that asks and answers. What wraps one (retries, balancing) is one again. */
export interface RequestingNetwork extends Network {
  /**
   * Ends exactly once: with the answer (its payload: `payloadOf`), or with an error.
   * @throws NetworkError what the peer's handler said, or TIMEOUT, CANCELLED, CLOSED, UNREACHABLE, BACKPRESSURE,
   *   TOO_LARGE, SERIALIZATION, STOPPED, INVALID_OPTION
   */
  request(draft: RequestDraft, limits?: RequestLimits): Promise<NetworkMessage>;
  /** Those of the network, and of the requests. */
  metrics(): NetworkMetrics & { readonly requests: RequestMetrics };
  /** Who answers requests and sees events; the one before is replaced. */
  handle(handler: MessageHandler): void;
}

export interface EndpointParts {
  /** Not started yet, and nobody else's: the endpoint takes what arrives there. */
  readonly network: Network;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** @default the machine's */
  readonly random?: Random | undefined;
  /** @default silent */
  readonly log?: Log | undefined;
  /** Bounds of byte streams. */
  readonly bodies?: Partial<BodyLimits> | undefined;
}

/** Ends of a connection that say more than that it ended: they are the answer to whatever was asked. */
const SHUT_OUT: ReadonlySet<ErrorCode> = new Set(['NOT_ALLOWED', 'EVICTED']);
const DEFAULT_GRACE_MS = 1000;

/**
 * Gives any Network requests and a MessageHandler, for programs that use a network by itself.
 *
 * Guarantees beside those of `Network`:
 * - A request ends exactly once. Late and repeated answers, and those of another peer than the one asked, are dropped
 *   and counted. An abort tells the peer (`cancel`); the end of the peer's connection ends its requests with CLOSED
 *   (that one may have been carried out), its timeout with TIMEOUT (the same).
 * - A request that arrives again (with the same `id`) while its handler runs is handled once, and the one answer serves
 *   both. Nothing is remembered of one that has ended: if it arrives again, it is handled again.
 * - Responses and errors go to the requests that wait for them, `cancel` to the request that it names, requests and
 *   events to the handler if there is one, and everything else to the sink of `onMessage`.
 * - A request that neither a handler nor a sink takes is answered NO_HANDLER.
 *
 * @example
 * const endpoint = new Endpoint({ network: hub.node('a'), clock, random });
 * endpoint.handle({ handle: (message, { payload }) => (message.type === 'ping' ? 'pong' : undefined) });
 * await endpoint.start();
 * const answer = await endpoint.request({ type: 'ping', to: 'b' }, { timeoutMs: 500 });
 */
export class Endpoint implements RequestingNetwork {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #wheel: DeadlineWheel;
  readonly #timer: RequestTimer;
  readonly #requester: Requester;
  readonly #reception: Reception;
  readonly #bodies: Bodies;
  readonly #subscription: Disposable;
  #sink: MessageSink | undefined;
  #stop: Promise<void> | undefined;

  constructor(parts: EndpointParts) {
    const { network, clock = new SystemClock(), random = systemRandom, log = silentLog } = parts;
    this.#network = network;
    this.#clock = clock;
    this.#log = log;
    // Its own epoch: the network's control messages are stamped by another.
    const stamp = new Stamp(network.self, clock, random.fork('endpoint'));
    this.#wheel = new DeadlineWheel(clock);
    this.#timer = new RequestTimer(clock);
    this.#requester = new Requester({ network, stamp, wheel: this.#wheel, timer: this.#timer });
    const shared = { network, clock, stamp, wheel: this.#wheel, log };
    this.#bodies = new Bodies({ ...shared, requester: this.#requester, limits: parts.bodies });
    this.#reception = new Reception({ ...shared, bodies: this.#bodies });
    network.onMessage((message, peer) => this.#arrived(message, peer));
    this.#subscription = network.onPeer((event) => this.#peerEvent(event));
  }

  get self(): NodeId {
    return this.#network.self;
  }

  get upstream(): NodeId | undefined {
    return this.#network.upstream;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#network.peers;
  }

  /** Those of the network, of the requests and of the handler. */
  get counters(): Readonly<Record<string, number>> {
    const { unsentAnswers, counters } = this.#reception;
    return {
      ...this.#network.counters,
      ...this.#requester.counters,
      ...counters,
      unsentAnswers,
      ...this.#bodies.counters,
    };
  }

  metrics(): NetworkMetrics & { readonly requests: RequestMetrics } {
    const { histogram } = this.#timer;
    const requests = { waiting: this.#requester.waiting, answered: histogram.count, latency: histogram };
    return { ...this.#network.metrics(), requests, bodies: this.#bodies.metrics() };
  }

  start(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#network.start(options);
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#network.send(message);
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    return this.#network.sendMany(message, peers);
  }

  request(draft: RequestDraft, limits?: RequestLimits): Promise<NetworkMessage> {
    const wrong = draftError(draft) ?? timeoutError(limits?.timeoutMs);
    if (wrong) return refusing(draft.body, wrong);
    if (hasBody(draft)) return this.#bodies.outgoing.request(draft, limits);
    return this.#requester.request(draft as PlainDraft, limits);
  }

  /**
   * An event with a body. Ends when the handler there has taken all of it.
   * @throws NetworkError as `request`; CANCELLED if the handler does not want all of it
   */
  emit(draft: BodyDraft, limits?: RequestLimits): Promise<void> {
    const wrong = draftError(draft) ?? timeoutError(limits?.timeoutMs);
    return wrong ? refusing(draft.body, wrong) : this.#bodies.outgoing.event(draft, limits);
  }

  handle(handler: MessageHandler): void {
    this.#reception.handler = handler;
  }

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#network.onPeer(listener);
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    this.#network.disconnect(peer, reason);
  }

  /**
   * Takes no more requests, waits at most `graceMs` for the handlers that run, then ends them and every request that
   * waits (STOPPED), and stops the network in what is left of the time. Idempotent.
   */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stop ??= this.#close(options.graceMs ?? DEFAULT_GRACE_MS);
    return this.#stop;
  }

  async #close(graceMs: number): Promise<void> {
    const deadline = this.#clock.now() + graceMs;
    await this.#reception.close(graceMs);
    this.#requester.stop(new NetworkError('STOPPED', `${this.self} was stopped`));
    await this.#network.stop({ graceMs: Math.max(0, deadline - this.#clock.now()) });
    this.#subscription[Symbol.dispose]();
    this.#wheel.clear();
  }

  #arrived(message: NetworkMessage, peer: Peer): void {
    try {
      this.#take(message, peer);
    } catch (error) {
      // Nothing that a peer sends may end the process.
      this.#log.error({ type: message.type, from: message.from, err: messageOf(error) }, 'a message failed');
    }
  }

  #take(message: NetworkMessage, peer: Peer): void {
    const { kind } = message;
    if (kind === 'response' || kind === 'error') this.#requester.answer(message, peer.node);
    else if (kind === 'control' && message.type === 'cancel') this.#reception.cancel(message, peer);
    else if (kind === 'control' && BODY_VERBS.has(message.type)) this.#bodies.control(message, peer);
    else if ((kind === 'request' || kind === 'event') && this.#reception.handler) this.#reception.take(message, peer);
    else if (this.#sink && !message.body) this.#sink(message, peer);
    else this.#reception.turnAway(message, peer);
  }

  #peerEvent(event: PeerEvent): void {
    if (event.type === 'undelivered') this.#requester.failed(event.id, event.error);
    this.#bodies.peerEvent(event);
    if (event.type !== 'disconnected' && event.type !== 'interrupted') return;
    const { peer, error } = event;
    const left = event.type === 'disconnected' && event.left;
    // Whoever waits for this node may still hear from it over what is left.
    if (event.type === 'disconnected') this.#reception.peerLost(peer.node, left);
    const text = `${peer.node} ${left ? 'left' : 'was lost'} before it answered`;
    const lost = new NetworkError('CLOSED', text, { cause: error, node: peer.node });
    this.#requester.peerLost(peer.node, SHUT_OUT.has(error.code) ? error : lost, left ? 'left' : 'lost');
  }
}
