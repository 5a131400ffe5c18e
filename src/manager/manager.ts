import type { Clock } from '../base/clock.js';
import { DeadlineWheel } from '../base/deadline-wheel.js';
import { Emitter } from '../base/emitter.js';
import { type ErrorCode, isNetworkError, messageOf, NetworkError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { ANYONE, EVERYONE } from '../base/names.js';
import type { MessageDraft, NetworkMessage } from '../message/message.js';
import { payloadOf } from '../message/raw-payload.js';
import type { Stamp } from '../message/stamp.js';
import type { Answer } from '../network/answer.js';
import { draftError, timeoutError } from '../network/draft.js';
import type { Network, Peer, PeerEvent, SendOutcome } from '../network/network.js';
import { Replies } from '../network/replies.js';
import { type PlainDraft, type RequestDraft, Requester, type RequestLimits } from '../network/requester.js';
import { Bodies } from '../network/streams/bodies.js';
import { refusing } from '../network/streams/body.js';
import type { BodyLimits } from '../network/streams/limits.js';
import { hasBody } from '../network/streams/uploads.js';
import { BODY_VERBS } from '../network/streams/wire.js';
import { Dispatcher } from './dispatcher.js';
import type { Handler } from './handler.js';

export interface ManagerParts {
  readonly network: Network;
  readonly stamp: Stamp;
  readonly clock: Clock;
  readonly log: Log;
  /** Bounds of byte streams. */
  readonly bodies?: Partial<BodyLimits> | undefined;
  /** Why a peer may not send a message, if it may not: it is told so, and its connection ends. @default all may */
  readonly authorise?: (message: NetworkMessage, peer: Peer) => NetworkError | undefined;
  /** Asked first for each request and event; true means that it was for someone else and has been dealt with. */
  readonly relay?: (message: NetworkMessage, peer: Peer) => boolean;
  /** Told of each message before anything else: whatever arrives is a sign of life. */
  readonly arrived?: (peer: Peer) => void;
}

/** What a role does about a control verb or a heartbeat. */
export type ControlHandler = (message: NetworkMessage, peer: Peer) => void;

interface ManagerEvents {
  handlersChanged: undefined;
}

/**
 * What leader and collaborator share: it takes what arrives from the network to handlers, requests and control
 * verbs, and gives the role one place to send from.
 */
export class NetworkManager {
  readonly network: Network;
  /** @internal */ readonly requester: Requester;
  /** @internal */ readonly dispatcher: Dispatcher;
  /** @internal */ readonly bodies: Bodies;
  /** @internal */ readonly stamp: Stamp;
  readonly clock: Clock;
  readonly #log: Log;
  readonly #wheel: DeadlineWheel;
  readonly #relay: ManagerParts['relay'];
  readonly #arrived: ManagerParts['arrived'];
  readonly #authorise: ManagerParts['authorise'];
  readonly #control = new Map<string, ControlHandler>();
  readonly #events = new Emitter<ManagerEvents>();
  readonly #subscription: Disposable;
  readonly #replies: Replies;
  /** Messages that broke a rule beyond the envelope's, or that the sender may not send; the sender was told. */
  refusedMessages = 0;
  /** Control verbs that this node does not know; ignored, for newer peers. */
  unknownControl = 0;

  /** @internal */
  constructor(parts: ManagerParts) {
    this.network = parts.network;
    this.stamp = parts.stamp;
    this.clock = parts.clock;
    this.#log = parts.log;
    this.#relay = parts.relay;
    this.#arrived = parts.arrived;
    this.#authorise = parts.authorise;
    this.#wheel = new DeadlineWheel(parts.clock);
    this.requester = new Requester({ network: parts.network, stamp: parts.stamp, wheel: this.#wheel });
    const { network, stamp, clock, log, bodies: limits } = parts;
    const shared = { network, stamp, clock, log, wheel: this.#wheel };
    this.bodies = new Bodies({ ...shared, requester: this.requester, limits });
    this.#replies = new Replies({ network, stamp, bodies: this.bodies.incoming });
    this.dispatcher = new Dispatcher({
      ...shared,
      node: network.self,
      replies: this.#replies,
      bodies: this.bodies,
    });
    this.onControl('cancel', (message, peer) => {
      if (message.re !== undefined) this.dispatcher.cancel(message.re, peer.node);
    });
    for (const verb of BODY_VERBS) this.onControl(verb, (message, peer) => this.bodies.control(message, peer));
    this.network.onMessage((message, peer) => this.#receive(message, peer));
    this.#subscription = this.network.onPeer((event) => this.#peerEvent(event));
  }

  /** Handlers may come, be replaced and go at any time. */
  registerHandler(handler: Handler): void {
    this.dispatcher.register(handler);
    this.#events.emit('handlersChanged', undefined);
  }

  /** @returns whether there was one */
  removeHandler(type: string): boolean {
    const removed = this.dispatcher.remove(type);
    if (removed) this.#events.emit('handlersChanged', undefined);
    return removed;
  }

  onHandlersChanged(listener: () => void): Disposable {
    return this.#events.on('handlersChanged', listener);
  }

  /**
   * Registers what happens on a control verb, or on `heartbeat`.
   * @internal
   */
  onControl(verb: string, handler: ControlHandler): void {
    this.#control.set(verb, handler);
  }

  /** One way. */
  sendMessage(draft: MessageDraft): SendOutcome {
    return this.network.send(this.stamp.make(draft));
  }

  /**
   * An event of the caller's own making.
   * @throws NetworkError INVALID_OPTION naming the field, SERIALIZATION
   */
  emit(draft: Omit<MessageDraft, 'kind'>): SendOutcome {
    const wrong = draftError(draft);
    if (wrong) throw wrong;
    return this.sendMessage({ ...draft, kind: 'event' });
  }

  /** See Requester.request; INVALID_OPTION as well, naming the field that is wrong. */
  request(draft: RequestDraft, limits: RequestLimits = {}): Promise<NetworkMessage> {
    const wrong = draftError(draft) ?? timeoutError(limits.timeoutMs);
    if (wrong) return refusing(draft.body, wrong);
    if (hasBody(draft)) return this.bodies.outgoing.request(draft, limits);
    return this.requester.request(draft as PlainDraft, limits);
  }

  /** The same; resolves with the payload of the answer. */
  ask(draft: RequestDraft, limits: RequestLimits): Promise<unknown> {
    if (hasBody(draft)) return this.request(draft, limits).then(payloadOf);
    const wrong = draftError(draft) ?? timeoutError(limits.timeoutMs);
    return wrong ? Promise.reject(wrong) : this.requester.request(draft as PlainDraft, limits, payloadOf);
  }

  /**
   * Answers a request.
   * @throws NetworkError SERIALIZATION
   * @internal
   */
  reply(request: NetworkMessage, answer: Answer): void {
    this.#replies.answer({ message: request, via: request.from }, answer);
  }

  /**
   * Ends the work: no new invocation, at most `graceMs` for those that run, then every request that
   * still waits fails with STOPPED. The network is the role's to stop.
   */
  async close(graceMs: number): Promise<void> {
    await this.dispatcher.close(graceMs);
    this.requester.stop(new NetworkError('STOPPED', `${this.network.self} was stopped`));
    this.#subscription[Symbol.dispose]();
    this.#events.clear();
    this.#wheel.clear();
  }

  /** What was refused, dropped or cut off since the start, by reason: this node's network, requests and handlers. */
  get counters(): Readonly<Record<string, number>> {
    const { refusedMessages, unknownControl } = this;
    const unsentAnswers = this.#replies.unsent;
    return {
      ...this.network.counters,
      ...this.requester.counters,
      ...this.dispatcher.counters,
      ...this.bodies.counters,
      unsentAnswers,
      refusedMessages,
      unknownControl,
    };
  }

  #receive(message: NetworkMessage, peer: Peer): void {
    try {
      this.#arrived?.(peer);
      const forbidden = this.#authorise?.(message, peer);
      if (forbidden) {
        this.#refuse(message, peer, forbidden);
        this.network.disconnect(peer.node, forbidden);
      } else this.#take(message, peer);
    } catch (error) {
      // Nothing that a peer sends may end the process.
      if (isNetworkError(error)) this.#refuse(message, peer, error);
      else this.#log.error({ type: message.type, from: message.from, err: messageOf(error) }, 'a message failed');
    }
  }

  #refuse(message: NetworkMessage, peer: Peer, error: NetworkError): void {
    this.refusedMessages += 1;
    if (message.kind === 'request') {
      this.reply(message, { kind: 'error', payload: error.toWire() });
      return;
    }
    this.sendMessage({ kind: 'error', type: 'message', to: peer.node, re: message.id, payload: error.toWire() });
  }

  #take(message: NetworkMessage, peer: Peer): void {
    switch (message.kind) {
      case 'response':
      case 'error':
        this.requester.answer(message, peer.node);
        return;
      case 'request':
      case 'event':
        if (this.#relay?.(message, peer)) return;
        this.#checkAddress(message);
        this.dispatcher.dispatch(message, peer.node);
        return;
      case 'heartbeat':
      case 'control': {
        const handler = this.#control.get(message.type);
        if (handler) handler(message, peer);
        else this.unknownControl += 1;
        return;
      }
    }
  }

  /** @throws NetworkError UNREACHABLE if it is for another node */
  #checkAddress({ to }: NetworkMessage): void {
    const { self } = this.network;
    if (to === undefined || to === self || to === ANYONE || to === EVERYONE) return;
    throw new NetworkError('UNREACHABLE', `to: ${self} hands nothing on to ${to}`, { node: to });
  }

  #peerEvent(event: PeerEvent): void {
    if (event.type === 'undelivered') this.requester.failed(event.id, event.error);
    this.bodies.peerEvent(event);
    if (event.type !== 'disconnected' && event.type !== 'interrupted') return;
    const { peer, error } = event;
    const left = event.type === 'disconnected' && event.left;
    // Whoever waits for this node may still hear from it over what is left.
    if (event.type === 'disconnected') this.dispatcher.abandon(peer.node, left);
    this.requester.peerLost(peer.node, SHUT_OUT.has(error.code) ? error : lostError(event), left ? 'left' : 'lost');
  }
}

/** Ends of a connection that say more than that it ended: they are the answer to whatever was asked. */
const SHUT_OUT: ReadonlySet<ErrorCode> = new Set(['NOT_ALLOWED', 'EVICTED']);

function lostError(event: PeerEvent & { readonly type: 'disconnected' | 'interrupted' }): NetworkError {
  const { peer, error } = event;
  const left = event.type === 'disconnected' && event.left;
  const text = `${peer.node} ${left ? 'left' : 'was lost'} before it answered`;
  return new NetworkError('CLOSED', text, { cause: error, node: peer.node });
}
