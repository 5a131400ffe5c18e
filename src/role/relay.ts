import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { type ErrorCode, NetworkError, toNetworkError } from '../base/errors.js';
import { ANYONE, EVERYONE, type NodeId } from '../base/names.js';
import type { NetworkManager } from '../manager/manager.js';
import type { NetworkMessage } from '../message/message.js';
import { rawSizeOf } from '../message/raw-payload.js';
import type { Peer, PeerEvent } from '../network/network.js';
import { DEFAULT_TIMEOUT_MS, type RequestLimits } from '../network/requester.js';
import { type Body, isRereadable } from '../network/streams/body.js';
import type { Balancer } from './balancer.js';
import { Passage } from './passage.js';
import { type Share, Shares } from './shares.js';

/** How many nodes a request to `?` is offered to, if those before could not take it. */
const MAX_OFFERS = 3;
/** The node did not begin to handle the request, so another one may be asked without doing anything twice. */
const NOT_STARTED: ReadonlySet<ErrorCode> = new Set([
  'CONNECTION_FAILED',
  'SEND_FAILED',
  'UNREACHABLE',
  'NO_ADDRESS',
  'PARTITIONED',
  'NODE_FAILED',
  'OVERLOADED',
  'BACKPRESSURE',
  'NO_HANDLER',
]);

export interface RelayParts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly balancer: Balancer;
  readonly manager: () => NetworkManager;
  /** Everybody that `*` means. */
  readonly members: () => readonly NodeId[];
  /** Why a node that is not connected is not: a sentence for the asker. */
  readonly absence: (node: NodeId) => string;
}

export interface RelayCounters {
  requests: number;
  events: number;
  /** Events that had nowhere to go. */
  dropped: number;
  /** Requests answered BACKPRESSURE or UNREACHABLE at once: too many of their asker were on their way, or we stop. */
  relaysRefused: number;
}

/**
 * The leader's way of handing on what one node sends to another. A request travels on under an id of the leader's
 * own, so that deadlines, cancellation, lost nodes and late answers are dealt with where the connection is.
 * Payloads pass unparsed.
 */
export class Relay {
  readonly #parts: RelayParts;
  /** Requests on their way, by asker and id. */
  readonly #live = new Map<string, Carried>();
  readonly #shares = new Shares();
  #draining = false;
  #idle: Deferred<void> | undefined;
  readonly counters: RelayCounters = { requests: 0, events: 0, dropped: 0, relaysRefused: 0 };

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** @returns false if the message is for the leader itself */
  route(message: NetworkMessage, peer: Peer): boolean {
    const { self } = this.#parts;
    const { to } = message;
    if (to === undefined || to === self) return false;
    if (message.kind === 'event') return message.body ? this.#refuseBody(message, peer) : this.#event(message, to);
    if (to === EVERYONE) {
      const text = "to: a request goes to one node, or to '?'; '*' is for events";
      return this.#refuse(message, new NetworkError('INVALID_MESSAGE', text));
    }
    if (to === ANYONE && this.#runsHere(message.type)) return false;
    this.#request(message, peer);
    return true;
  }

  /** Why a node that is connected takes no work. */
  idle(node: NodeId): NetworkError | undefined {
    const peer = this.#parts.manager().network.peers.get(node);
    return peer === undefined || peer.role === 'collaborator' ? undefined : idleError(peer);
  }

  /** The asker gave up. @returns false if the request is not on its way to anybody */
  cancel(id: string, peer: NodeId): boolean {
    const carried = this.#live.get(keyOf(peer, id));
    carried?.controller.abort(new NetworkError('CANCELLED', `${peer} gave up`));
    return carried !== undefined;
  }

  /** What an asker or a target says of a body. @returns false if it is none that is on its way to anybody */
  body(message: NetworkMessage, { node }: Peer): boolean {
    const attendant = this.#parts.manager().requester.attendant(message.re, node);
    if (attendant instanceof Passage) {
      attendant.fromTarget(message);
      return true;
    }
    const passage = message.re === undefined ? undefined : this.#live.get(keyOf(node, message.re))?.passage;
    passage?.fromAsker(message);
    return passage !== undefined;
  }

  peerEvent(event: PeerEvent): void {
    if (event.type === 'disconnected') this.#abandon(event.peer.node, event.left);
    if (event.type !== 'connected' && event.type !== 'drained') return;
    for (const { passage } of this.#live.values()) {
      if (passage?.target !== event.peer.node) continue;
      if (event.type === 'connected') passage.targetConnected(event.peer);
      else passage.drained();
    }
  }

  /** The asker is gone; with a body it may come back. */
  #abandon(peer: NodeId, left: boolean): void {
    const prefix = keyOf(peer, '');
    for (const [key, { controller, passage }] of [...this.#live]) {
      if (!key.startsWith(prefix)) continue;
      if (passage?.resumable && passage.begun && !left) passage.askerLost();
      else controller.abort(new NetworkError('CANCELLED', `${peer} is gone`));
    }
  }

  /** Takes nothing new; resolves when nothing is on its way any more, or after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    if (this.#live.size === 0) return;
    this.#idle = deferred();
    const timer = this.#parts.clock.setTimer(graceMs, () => this.#idle?.resolve());
    await this.#idle.promise;
    timer.cancel();
  }

  /**
   * Asks a node, or whichever is best for `?`, which is asked again elsewhere as long as nobody has begun.
   * @returns the answer and who gave it
   */
  async ask(message: NetworkMessage | AskDraft, way: Way = {}): Promise<NetworkMessage> {
    const { clock } = this.#parts;
    const deadline = clock.now() + (message.ttl ?? DEFAULT_TIMEOUT_MS);
    if (message.to !== ANYONE) return this.#askNode(message, message.to as NodeId, { ...way, deadline });
    const tried = new Set<NodeId>();
    for (;;) {
      const target = this.#choose(message.type, tried);
      tried.add(target);
      try {
        return await this.#askNode(message, target, { ...way, deadline });
      } catch (error) {
        const another = tried.size < MAX_OFFERS && this.#parts.balancer.pick(message.type, tried) !== undefined;
        const begun = way.passage?.begun || !NOT_STARTED.has(toNetworkError(error).code);
        if (begun || !another || isSpent(message)) throw error;
      }
    }
  }

  async #askNode(
    message: NetworkMessage | AskDraft,
    target: NodeId,
    way: Way & { readonly deadline: number },
  ): Promise<NetworkMessage> {
    const { balancer, clock } = this.#parts;
    const manager = this.#parts.manager();
    const peer = manager.network.peers.get(target);
    if (!peer) throw new NetworkError('UNREACHABLE', this.#parts.absence(target), { node: target });
    if (peer.role !== 'collaborator') throw idleError(peer);
    const startedAt = clock.now();
    let tookMs: number | undefined;
    balancer.started(target);
    try {
      const answer = await this.#hand(message, target, { ...way, timeoutMs: Math.max(1, way.deadline - startedAt) });
      // With a body it says nothing of the node.
      if (message.body === undefined) tookMs = clock.now() - startedAt;
      return answer;
    } finally {
      balancer.ended(target, tookMs);
    }
  }

  #hand(message: NetworkMessage | AskDraft, to: NodeId, way: Way & RequestLimits): Promise<NetworkMessage> {
    const manager = this.#parts.manager();
    const { type, from, priority, component, payload } = message;
    const draft = { type, from, to, priority, component, payload };
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, onProgress, passage: attendant } = way;
    const limits = { timeoutMs, signal, onProgress };
    if (message.body === undefined) return manager.requester.request(draft, limits);
    if (isOwn(message)) return manager.request({ ...draft, body: message.body }, limits);
    if (!attendant) throw new NetworkError('INTERNAL', 'a body without a passage');
    const { body } = message;
    const relayed = manager.stamp.make({ ...draft, kind: 'request', ttl: Math.ceil(timeoutMs), body });
    return manager.requester.carry({ message: relayed, limits, attendant, read: (answer) => answer });
  }

  #choose(type: string, tried: ReadonlySet<NodeId>): NodeId {
    const target = this.#parts.balancer.pick(type, tried);
    if (target !== undefined) return target;
    throw new NetworkError('NO_HANDLER', `no node that is alive has a handler for '${type}'`);
  }

  #runsHere(type: string): boolean {
    return this.#parts.balancer.pick(type) === undefined && this.#parts.manager().dispatcher.has(type);
  }

  #request(message: NetworkMessage, peer: Peer): void {
    this.counters.requests += 1;
    const key = keyOf(peer.node, message.id);
    if (this.#repeats(key, message, peer)) return;
    // The envelope of at most a few hundred bytes comes on top.
    const cost: Share = { requests: 1, bytes: rawSizeOf(message), bodies: message.body ? 1 : 0 };
    const refusal = this.#draining ? shuttingDown(this.#parts.self) : this.#shares.refusal(peer.node, cost);
    if (refusal) {
      this.counters.relaysRefused += 1;
      this.#refuse(message, refusal);
      return;
    }
    const controller = new AbortController();
    const passage = message.body && new Passage(this.#parts.manager(), message, peer.node);
    this.#live.set(key, { controller, passage });
    this.#shares.take(peer.node, cost);
    void this.#carry(message, { signal: controller.signal, passage }).finally(() => {
      this.#shares.giveBack(peer.node, cost);
      this.#live.delete(key);
      if (this.#live.size === 0) this.#idle?.resolve();
    });
  }

  /** Whether it is on its way, or was: the network has repeated it, or its asker, who has lost its connection. */
  #repeats(key: string, message: NetworkMessage, { node }: Peer): boolean {
    const carried = this.#live.get(key);
    if (!carried) return message.body !== undefined && this.#parts.manager().bodies.incoming.past.repeat(node, message);
    carried.passage?.repeat(message);
    return true;
  }

  /** Never rejects: whatever goes wrong is the asker's answer. */
  async #carry(message: NetworkMessage, way: Way): Promise<void> {
    const manager = this.#parts.manager();
    try {
      const answer = await this.ask(message, way);
      manager.reply(message, { kind: 'response', payload: answer.payload, from: answer.from });
    } catch (thrown) {
      const error = toNetworkError(thrown);
      manager.reply(message, { kind: 'error', payload: error.toWire(), from: error.node });
    }
  }

  #event(message: NetworkMessage, to: NodeId): boolean {
    this.counters.events += 1;
    const manager = this.#parts.manager();
    const { network } = manager;
    if (to === EVERYONE) {
      const others = this.#parts.members().filter((node) => node !== message.from);
      network.sendMany(message, others);
      // "Everyone" includes the leader, if it has something to do about it.
      return !manager.dispatcher.has(message.type);
    }
    const target = to === ANYONE ? this.#parts.balancer.pick(message.type) : to;
    if (target === undefined && manager.dispatcher.has(message.type)) return false;
    const outcome =
      target === undefined || this.idle(target) ? 'UNREACHABLE' : network.send({ ...message, to: target });
    if (outcome !== 'queued') this.counters.dropped += 1;
    return true;
  }

  #refuseBody(message: NetworkMessage, { node }: Peer): true {
    this.counters.dropped += 1;
    const text = 'to: a leader hands bodies on with requests, not with events';
    this.#parts.manager().bodies.incoming.refuse(message, node, new NetworkError('INVALID_MESSAGE', text));
    return true;
  }

  #refuse(message: NetworkMessage, error: NetworkError): true {
    if (message.kind === 'request') this.#parts.manager().reply(message, { kind: 'error', payload: error.toWire() });
    else this.counters.dropped += 1;
    return true;
  }
}

/** A request on its way to a node. */
interface Carried {
  readonly controller: AbortController;
  /** Of its body, if it has one. */
  readonly passage: Passage | undefined;
}

/** How a request is asked. */
interface Way extends Pick<RequestLimits, 'signal' | 'onProgress'> {
  readonly passage?: Passage | undefined;
}

/** A request of the leader's own, for `?` or a node. */
export interface AskDraft {
  readonly id?: undefined;
  readonly type: string;
  readonly from?: undefined;
  readonly to: NodeId;
  readonly ttl: number;
  readonly priority?: NetworkMessage['priority'];
  readonly component?: string | undefined;
  readonly payload?: unknown;
  readonly body?: Body | undefined;
}

const isOwn = (message: NetworkMessage | AskDraft): message is AskDraft => message.id === undefined;

/** Its body can be read only once, and may have been. */
const isSpent = (message: NetworkMessage | AskDraft): boolean =>
  isOwn(message) && message.body !== undefined && !isRereadable(message.body);

/** Work, and what it carries, goes to collaborators alone: operators take none, and observers may not see it. */
const idleError = ({ node, role }: Peer): NetworkError =>
  new NetworkError('NO_HANDLER', `${node} is an ${role}, which takes no work`, { node });

const shuttingDown = (node: NodeId): NetworkError => new NetworkError('UNREACHABLE', `${node} is shutting down`);

const keyOf = (peer: NodeId, id: string): string => `${peer} ${id}`;
