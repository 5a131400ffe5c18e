import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { NetworkError, toNetworkError } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import { Mailbox } from '../base/mailbox.js';
import { ANYONE, type NodeId } from '../base/names.js';
import type { Random } from '../base/random.js';
import { NetworkManager } from '../manager/manager.js';
import { payloadOf } from '../message/raw-payload.js';
import { Stamp } from '../message/stamp.js';
import type { Network, PeerEvent } from '../network/network.js';
import { DEFAULT_TIMEOUT_MS } from '../network/requester.js';
import { discard, sourceOf } from '../network/streams/body.js';
import type { BodyLimits } from '../network/streams/limits.js';
import type { NetworkFactory } from '../network/wiring.js';
import type { Asker } from '../security/authorisation.js';
import { ownRefusal } from './guard.js';
import {
  AUTHORITY_ROTATE,
  AUTHORITY_SHOW,
  EMIT,
  type EmitOrder,
  EVICT,
  FORGET,
  INVITE_CREATE,
  INVITE_LIST,
  INVITE_REVOKE,
  INVITE_ROTATE,
  STATUS,
  type StatusQuery,
} from './operations.js';
import type { Answer, EachOptions, Emission, NewInvite, OperatorApi, StatusOptions } from './operator-api.js';
import { Pulse } from './pulse.js';
import type { RequestOptions } from './request.js';
import { Room } from './room.js';
import type { AuthorityView, Invitation, InviteOptions } from './security-operations.js';
import type { ClusterStatus, CollaboratorStatus } from './status.js';

export interface OperatorOptions {
  readonly name: NodeId;
  readonly network: NetworkFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly log?: Log | undefined;
  /** Bounds of byte streams. */
  readonly bodies?: Partial<BodyLimits> | undefined;
  /** @default 'operator' */
  readonly role?: 'operator' | 'observer' | undefined;
  /** Whichever it finds, if left out. */
  readonly cluster?: string | undefined;
}

/** A client of a leader: asks, tells, looks. What the command line is made of. */
export class Operator implements OperatorApi {
  readonly #network: Network;
  readonly #manager: NetworkManager;
  readonly #clock: Clock;
  readonly #pulse: Pulse;
  readonly #rights: Asker;
  readonly #connected: Deferred<void> = deferred();
  readonly #closed: Deferred<Error | undefined> = deferred();
  readonly #room: Room;
  #stopping: Promise<void> | undefined;

  constructor(options: OperatorOptions) {
    const { clock, random, version } = options;
    const log = options.log ?? silentLog;
    const stamp = new Stamp(options.name, clock, random);
    this.#clock = clock;
    this.#room = new Room(clock);
    this.#rights = { node: options.name, role: options.role ?? 'operator', maySubmit: true };
    this.#network = options.network({
      self: options.name,
      role: this.#rights.role,
      cluster: options.cluster,
      version,
      clock,
      random,
      log,
      stamp,
    });
    this.#manager = new NetworkManager({
      network: this.#network,
      stamp,
      clock,
      log,
      bodies: options.bodies,
      arrived: () => this.#pulse.arrived(),
    });
    this.#pulse = new Pulse({ manager: this.#manager, clock, random, report: () => ({}) });
    // Nobody may be waiting for it when it fails.
    this.#connected.promise.catch(() => {});
    this.#network.onPeer((event) => this.#peerEvent(event));
  }

  get self(): NodeId {
    return this.#network.self;
  }

  get peer(): NodeId {
    return this.#network.upstream ?? 'leader';
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  /**
   * Resolves when connected.
   * @throws NetworkError what the other side said, CONNECTION_FAILED, or the signal's reason
   */
  async start(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    const onAbort = () => this.#connected.reject(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (!signal?.aborted) await this.#network.start();
      await this.#connected.promise;
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async status(options: StatusOptions = {}): Promise<ClusterStatus> {
    const { after, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    const waitMs = after === undefined ? undefined : timeoutMs;
    const query: StatusQuery = { after, waitMs };
    const answer = await this.#ask(STATUS, query, { timeoutMs: timeoutMs + (waitMs ? DEFAULT_TIMEOUT_MS : 0), signal });
    return answer.payload as ClusterStatus;
  }

  async selfStatus(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<CollaboratorStatus> {
    const answer = await this.#ask(STATUS, {}, { signal: options.signal });
    return answer.payload as CollaboratorStatus;
  }

  call(
    type: string,
    payload?: unknown,
    options: RequestOptions = {},
  ): Promise<{ readonly node: NodeId; readonly payload: unknown }> {
    return this.#ask(type, payload, { ...options, to: options.to ?? ANYONE });
  }

  async *callEach(type: string, payload: unknown, options: EachOptions): AsyncGenerator<Answer, void, undefined> {
    const { nodes } = options;
    const abandoned = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, abandoned.signal]) : abandoned.signal;
    const answers = new Mailbox<Answer>();
    let open = nodes.length;
    if (open === 0) return;
    const arrived = (answer: Answer) => {
      answers.push(answer);
      open -= 1;
      if (open === 0) answers.end();
    };
    for (const node of nodes)
      void this.#answerOf(node, { type, payload, options: { ...options, signal } }).then(arrived);
    try {
      yield* answers;
    } finally {
      // The reader left early, or has all it wants: whoever still works may stop.
      abandoned.abort(new NetworkError('CANCELLED', 'enough answers have come'));
    }
  }

  async emitEach(
    type: string,
    payload: unknown,
    options: Omit<EachOptions, 'timeoutMs'>,
  ): Promise<readonly Emission[]> {
    const { nodes, priority, component, signal } = options;
    const order: EmitOrder = { type, nodes, payload, priority, component };
    const answer = await this.#ask(EMIT, order, { signal });
    return answer.payload as readonly Emission[];
  }

  async evict(node: NodeId): Promise<void> {
    await this.#order(EVICT, { node });
  }

  async forget(node: NodeId): Promise<void> {
    await this.#order(FORGET, { node });
  }

  createInvite(options: InviteOptions): Promise<NewInvite> {
    const { role, uses, ttlMs, maySubmit } = options;
    return this.#order(INVITE_CREATE, { role, uses, ttlMs, maySubmit });
  }

  invites(): Promise<readonly Invitation[]> {
    return this.#order(INVITE_LIST);
  }

  async revokeInvite(id: string): Promise<boolean> {
    const { revoked } = await this.#order<{ readonly revoked: boolean }>(INVITE_REVOKE, { id });
    return revoked;
  }

  async rotateInvites(): Promise<number> {
    const { revoked } = await this.#order<{ readonly revoked: number }>(INVITE_ROTATE);
    return revoked;
  }

  authority(): Promise<AuthorityView> {
    return this.#order(AUTHORITY_SHOW);
  }

  rotateAuthority(): Promise<{ readonly fingerprint: string; readonly revokedInvites: number }> {
    return this.#order(AUTHORITY_ROTATE);
  }

  /** Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#pulse.stop();
    await this.#manager.close(0);
    await this.#network.stop();
    this.#room.clear();
    this.#connected.reject(new NetworkError('STOPPED', 'this client was stopped'));
    this.#closed.resolve(undefined);
  }

  /** One of the leader's own operations. */
  async #order<T>(type: string, order: object = {}): Promise<T> {
    const { payload } = await this.#ask(type, order, {});
    return payload as T;
  }

  async #ask(
    type: string,
    payload: unknown,
    options: RequestOptions,
  ): Promise<{ readonly node: NodeId; readonly payload: unknown }> {
    const { to, priority, component, body, timeoutMs = DEFAULT_TIMEOUT_MS, signal, onProgress } = options;
    try {
      // It is listened to from now on: it may fail while it waits.
      if (body !== undefined) sourceOf(body);
      const forbidden = ownRefusal(this.#rights, { kind: 'request', type, to }, this.#network.upstream);
      if (forbidden) throw forbidden;
      // Those who waited together may have filled it again.
      while (this.#room.isFull) await this.#room.wait({ timeoutMs, signal });
      const draft = { type, to, payload, priority, component, body };
      const answer = await this.#manager.request(draft, { timeoutMs, signal, onProgress });
      return { node: answer.from, payload: payloadOf(answer) };
    } catch (error) {
      discard(body);
      throw error;
    }
  }

  async #answerOf(node: NodeId, request: { type: string; payload: unknown; options: RequestOptions }): Promise<Answer> {
    const startedAt = this.#clock.now();
    const { type, payload, options } = request;
    try {
      const answer = await this.#ask(type, payload, { ...options, to: node });
      return { node, ok: true, ms: this.#clock.now() - startedAt, payload: answer.payload };
    } catch (error) {
      const { code, message } = toNetworkError(error);
      return { node, ok: false, ms: this.#clock.now() - startedAt, error: { code, message } };
    }
  }

  #peerEvent(event: PeerEvent): void {
    switch (event.type) {
      case 'connected':
        this.#pulse.start(event.peer);
        this.#connected.resolve();
        return;
      case 'disconnected':
        this.#pulse.stop();
        this.#room.clear();
        return;
      case 'refused':
        this.#connected.reject(event.error);
        this.#closed.resolve(event.error);
        return;
      case 'congested':
        this.#room.fill();
        return;
      case 'drained':
        this.#room.clear();
        return;
      case 'undelivered':
      case 'interrupted':
      case 'unreachable':
        return;
    }
  }
}
