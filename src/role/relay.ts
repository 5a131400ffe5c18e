import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { type ErrorCode, NetworkError, toNetworkError } from '../base/errors.js';
import { ANYONE, EVERYONE, type NodeId } from '../base/names.js';
import type { NetworkManager } from '../manager/manager.js';
import type { NetworkMessage } from '../message/message.js';
import { rawSizeOf } from '../message/raw-payload.js';
import type { Peer } from '../network/network.js';
import { DEFAULT_TIMEOUT_MS } from '../network/requester.js';
import type { Balancer } from './balancer.js';

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

/**
 * What one node may have on its way to others. The leader holds a request until its answer comes, which may be never:
 * without these a node that asks one that does not answer could fill the leader's memory.
 */
const MAX_REQUESTS_PER_ASKER = 20_000;
const MAX_BYTES_PER_ASKER = 64 * 1024 * 1024;

/** What of that is in use. */
interface Share {
  requests: number;
  bytes: number;
}

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
  readonly #live = new Map<string, AbortController>();
  readonly #shares = new Map<NodeId, Share>();
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
    if (message.kind === 'event') return this.#event(message, to);
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
    const controller = this.#live.get(keyOf(peer, id));
    controller?.abort(new NetworkError('CANCELLED', `${peer} gave up`));
    return controller !== undefined;
  }

  /** The asker is gone. */
  abandon(peer: NodeId): void {
    const prefix = keyOf(peer, '');
    for (const [key, controller] of [...this.#live]) {
      if (key.startsWith(prefix)) controller.abort(new NetworkError('CANCELLED', `${peer} is gone`));
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
  async ask(message: NetworkMessage | AskDraft, signal?: AbortSignal): Promise<NetworkMessage> {
    const { clock } = this.#parts;
    const deadline = clock.now() + (message.ttl ?? DEFAULT_TIMEOUT_MS);
    if (message.to !== ANYONE) return this.#askNode(message, message.to as NodeId, { deadline, signal });
    const tried = new Set<NodeId>();
    for (;;) {
      const target = this.#choose(message.type, tried);
      tried.add(target);
      try {
        return await this.#askNode(message, target, { deadline, signal });
      } catch (error) {
        const another = tried.size < MAX_OFFERS && this.#parts.balancer.pick(message.type, tried) !== undefined;
        if (!another || !NOT_STARTED.has(toNetworkError(error).code)) throw error;
      }
    }
  }

  async #askNode(
    message: NetworkMessage | AskDraft,
    target: NodeId,
    until: { deadline: number; signal: AbortSignal | undefined },
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
      const { type, from, priority, component, payload } = message;
      const draft = { type, from, to: target, priority, component, payload };
      const limits = { timeoutMs: Math.max(1, until.deadline - startedAt), signal: until.signal };
      const answer = await manager.requester.request(draft, limits);
      tookMs = clock.now() - startedAt;
      return answer;
    } finally {
      balancer.ended(target, tookMs);
    }
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
    if (this.#live.has(key)) return; // the network repeated it
    // The envelope of at most a few hundred bytes comes on top.
    const bytes = rawSizeOf(message);
    const refusal = this.#refusal(peer.node, bytes);
    if (refusal) {
      this.counters.relaysRefused += 1;
      this.#refuse(message, refusal);
      return;
    }
    const controller = new AbortController();
    this.#live.set(key, controller);
    this.#hold(peer.node, 1, bytes);
    void this.#carry(message, controller.signal).finally(() => {
      this.#hold(peer.node, -1, -bytes);
      this.#live.delete(key);
      if (this.#live.size === 0) this.#idle?.resolve();
    });
  }

  #refusal(asker: NodeId, bytes: number): NetworkError | undefined {
    if (this.#draining) return new NetworkError('UNREACHABLE', `${this.#parts.self} is shutting down`);
    const share = this.#shares.get(asker);
    if (!share) return undefined;
    if (share.requests >= MAX_REQUESTS_PER_ASKER) {
      const text = `${asker} has ${share.requests} requests on their way, its limit`;
      return new NetworkError('BACKPRESSURE', text);
    }
    if (share.bytes + bytes <= MAX_BYTES_PER_ASKER) return undefined;
    const text = `${asker} has ${share.bytes} bytes of requests on their way; the limit is ${MAX_BYTES_PER_ASKER}`;
    return new NetworkError('BACKPRESSURE', text);
  }

  #hold(asker: NodeId, requests: number, bytes: number): void {
    const share = this.#shares.get(asker) ?? { requests: 0, bytes: 0 };
    share.requests += requests;
    share.bytes += bytes;
    if (share.requests === 0) this.#shares.delete(asker);
    else this.#shares.set(asker, share);
  }

  /** Never rejects: whatever goes wrong is the asker's answer. */
  async #carry(message: NetworkMessage, signal: AbortSignal): Promise<void> {
    const manager = this.#parts.manager();
    try {
      const answer = await this.ask(message, signal);
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

  #refuse(message: NetworkMessage, error: NetworkError): true {
    if (message.kind === 'request') this.#parts.manager().reply(message, { kind: 'error', payload: error.toWire() });
    else this.counters.dropped += 1;
    return true;
  }
}

/** A request of the leader's own, for `?` or a node. */
export interface AskDraft {
  readonly type: string;
  readonly from?: undefined;
  readonly to: NodeId;
  readonly ttl: number;
  readonly priority?: NetworkMessage['priority'];
  readonly component?: string | undefined;
  readonly payload?: unknown;
}

/** Work, and what it carries, goes to collaborators alone: operators take none, and observers may not see it. */
const idleError = ({ node, role }: Peer): NetworkError =>
  new NetworkError('NO_HANDLER', `${node} is an ${role}, which takes no work`, { node });

const keyOf = (peer: NodeId, id: string): string => `${peer} ${id}`;
