import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { Emitter } from '../base/emitter.js';
import { messageOf, NetworkError } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import { EVERYONE, type NodeId } from '../base/names.js';
import type { Random } from '../base/random.js';
import { type HandleMethod, type Handler, handleMethod } from '../manager/handler.js';
import { NetworkManager } from '../manager/manager.js';
import type { Registration } from '../membership/member.js';
import type { HeartbeatReport } from '../membership/membership-event.js';
import { Stamp } from '../message/stamp.js';
import type { Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network/network.js';
import type { NetworkFactory } from '../network/wiring.js';
import { LoopLag } from './loop-lag.js';
import { STATUS } from './operations.js';
import { Pulse } from './pulse.js';
import type { AnyDefinition, EmitOptions, InputOf, OutputOf, RequestOptions } from './request.js';
import type { CollaboratorStatus } from './status.js';
import { type HeartbeatAnswer, REGISTER, REGISTER_AGAIN, readTags } from './wire.js';

export interface CollaboratorOptions {
  readonly name: NodeId;
  readonly network: NetworkFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly log?: Log | undefined;
  /** Whichever cluster it finds, if left out. */
  readonly cluster?: string | undefined;
  readonly handlers?: readonly Handler[] | undefined;
  /** For selectors: `tag.gpu=1`. At most 64, texts of at most 256 characters. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** How much this node likes to do at once; the leader prefers nodes with a free slot. @default 1 */
  readonly slots?: number | undefined;
  /** This process. @default 0 */
  readonly pid?: number | undefined;
  /** More counters for `status`: those of what its handlers are made of. */
  readonly counters?: (() => Readonly<Record<string, number>>) | undefined;
  /** What is dialled, for `status`. */
  readonly address?: string | undefined;
}

/** What happens between this node and its leader. */
export type LeaderEvent =
  | { readonly type: 'joined'; readonly leader: NodeId; readonly cluster: string | undefined; readonly again: boolean }
  /** The connection ended; it is dialled again. `left`: the leader said goodbye. */
  | { readonly type: 'lost'; readonly leader: NodeId; readonly left: boolean; readonly error: NetworkError }
  | {
      readonly type: 'unreachable';
      readonly address: string;
      readonly attempt: number;
      readonly retryInMs: number;
      readonly error: NetworkError;
    }
  /** The leader refuses this node for good; nothing is dialled any more. */
  | { readonly type: 'refused'; readonly error: NetworkError };

interface CollaboratorEvents {
  leader: LeaderEvent;
}

/** A node that joins a leader, offers handlers, and comes back by itself when the leader does. */
export class Collaborator implements AsyncDisposable {
  readonly #options: CollaboratorOptions;
  readonly #tags: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #network: Network;
  readonly #manager: NetworkManager;
  readonly #pulse: Pulse;
  readonly #loopLag: LoopLag;
  readonly #events: Emitter<CollaboratorEvents>;
  readonly #joined: Deferred<void> = deferred();
  readonly #startedAt: number;
  #registrations = 0;
  #leader: { connected: boolean; since: number; error: NetworkError | undefined; cluster: string | undefined };
  #joinedBefore = false;
  /** The leader has what this node registered, on this connection. */
  #isIn = false;
  #draining = false;
  #stopping: Promise<void> | undefined;
  /** Offers a handler, or replaces the one of the same type; the leader is told. */
  readonly handle: HandleMethod = handleMethod((handler) => this.#manager.registerHandler(handler));

  constructor(options: CollaboratorOptions) {
    const { clock, random, version, cluster } = options;
    this.#options = options;
    this.#tags = readTags(options.tags);
    this.#clock = clock;
    this.#log = options.log ?? silentLog;
    this.#startedAt = clock.wallNow();
    this.#leader = { connected: false, since: this.#startedAt, error: undefined, cluster };
    this.#events = new Emitter((error) => this.#log.error({ err: messageOf(error) }, 'a listener failed'));
    const stamp = new Stamp(options.name, clock, random);
    const log = this.#log;
    this.#network = options.network({
      self: options.name,
      role: 'collaborator',
      cluster,
      version,
      clock,
      random,
      log,
      stamp,
      greeting: () => ({ pid: options.pid ?? 0 }),
    });
    this.#manager = new NetworkManager({
      network: this.#network,
      stamp,
      clock,
      log,
      arrived: (peer) => {
        if (peer.role === 'leader') this.#pulse.arrived();
      },
    });
    this.#loopLag = new LoopLag(clock);
    this.#pulse = new Pulse({
      manager: this.#manager,
      clock,
      random,
      report: () => this.#report(),
      answered: (answer) => this.#heard(answer),
    });
    this.#joined.promise.catch(() => {});
    for (const handler of options.handlers ?? []) this.#manager.registerHandler(handler);
    this.#manager.onHandlersChanged(() => this.#register());
    this.#manager.dispatcher.register(ownStatus(() => this.status()));
    this.#manager.onControl(REGISTER_AGAIN, (_message, peer) => {
      if (peer.role === 'leader') this.#register();
    });
    this.#network.onPeer((event) => this.#peerEvent(event));
  }

  get name(): NodeId {
    return this.#network.self;
  }

  /** The leader's name, while connected. */
  get leader(): NodeId | undefined {
    return this.#network.upstream;
  }

  get connected(): boolean {
    return this.#leader.connected;
  }

  /** @throws NetworkError ADDRESS_IN_USE or another, if its own socket cannot be bound */
  async start(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#network.start(options.signal ? { signal: options.signal } : {});
    this.#loopLag.start();
  }

  /**
   * Resolves when the leader has taken this node in for the first time, handlers included.
   * @throws NetworkError why the leader refuses it; STOPPED
   */
  joined(): Promise<void> {
    return this.#joined.promise;
  }

  on(type: 'leader', listener: (event: LeaderEvent) => void): Disposable {
    return this.#events.on(type, listener);
  }

  /** Takes a handler back; the leader is told. @returns whether there was one */
  unhandle(type: string): boolean {
    return this.#manager.removeHandler(type);
  }

  /**
   * Asks the leader (default), a node, or `?`: whichever node is best.
   * @throws NetworkError what the handler or the way said
   */
  request<D extends AnyDefinition = AnyDefinition>(
    type: D | D['type'],
    payload?: InputOf<D>,
    options: RequestOptions = {},
  ): Promise<OutputOf<D>> {
    const { to, priority, component, timeoutMs, signal } = options;
    const name = typeof type === 'string' ? type : type.type;
    const draft = { type: name, to, payload, priority, component };
    return this.#manager.ask(draft, { timeoutMs, signal }) as Promise<OutputOf<D>>;
  }

  /** One way, to the leader (default), a node, `?` or `*`. */
  emit(type: string, payload?: unknown, options: EmitOptions = {}): SendOutcome {
    return this.#manager.emit({ type, payload, ...options });
  }

  /** One way, to every other collaborator, and to the leader if it has a handler. */
  broadcast(type: string, payload?: unknown, options: Omit<EmitOptions, 'to'> = {}): SendOutcome {
    return this.emit(type, payload, { ...options, to: EVERYONE });
  }

  status(): CollaboratorStatus {
    const { options, leader } = { options: this.#options, leader: this.#leader };
    const now = this.#clock.wallNow();
    return {
      schema: 1,
      view: 'collaborator',
      cluster: leader.cluster ?? null,
      node: options.name,
      version: options.version,
      pid: options.pid ?? 0,
      leader: {
        node: this.#network.upstream ?? null,
        address: options.address ?? '',
        connected: leader.connected,
        since: leader.since,
        rttMs: this.#pulse.rttMs,
        lastError: leader.error ? leader.error.toWire() : null,
      },
      tags: this.#tags,
      handlers: this.#types(),
      slots: { busy: this.#busy(), total: this.#slots() },
      counters: { ...this.#manager.counters, ...options.counters?.() },
      startedAt: this.#startedAt,
      uptimeMs: Math.max(0, now - this.#startedAt),
    };
  }

  /** Takes no new work, waits `graceMs` (default 1,000) for what runs, says goodbye, closes. Idempotent. */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop({ graceMs = 1000 }: StopOptions): Promise<void> {
    this.#draining = true;
    this.#register();
    await this.#manager.close(graceMs);
    this.#pulse.stop();
    this.#loopLag.stop();
    await this.#network.stop({ graceMs });
    this.#joined.reject(new NetworkError('STOPPED', `${this.name} was stopped before it joined`));
    this.#events.clear();
  }

  #slots(): number {
    return this.#options.slots ?? 1;
  }

  /** To be asked for its status is no work. */
  #busy(): number {
    const { dispatcher } = this.#manager;
    return dispatcher.running - dispatcher.runningOf(STATUS);
  }

  #types(): readonly string[] {
    return this.#manager.dispatcher.types.filter((type) => type !== STATUS);
  }

  #report(): HeartbeatReport {
    return { busy: this.#busy(), loopLagMs: this.#loopLag.ms, registration: this.#registrations };
  }

  #register(): void {
    if (!this.#leader.connected) return;
    this.#registrations += 1;
    const registration: Registration & { draining: boolean } = {
      sequence: this.#registrations,
      handlers: this.#types(),
      tags: this.#tags,
      slots: this.#slots(),
      draining: this.#draining,
    };
    this.#manager.sendMessage({ kind: 'control', type: REGISTER, payload: registration });
  }

  #peerEvent(event: PeerEvent): void {
    switch (event.type) {
      case 'connected':
        if (event.peer.role === 'leader') this.#welcomed(event.peer);
        return;
      case 'disconnected':
        if (event.peer.role === 'leader') this.#lost(event.peer, event.left, event.error);
        return;
      case 'unreachable': {
        this.#leader.error = event.error;
        this.#events.emit('leader', event);
        return;
      }
      case 'refused':
        this.#leader.error = event.error;
        this.#joined.reject(event.error);
        this.#events.emit('leader', { type: 'refused', error: event.error });
        return;
      case 'congested':
      case 'drained':
        return;
    }
  }

  #welcomed(peer: Peer): void {
    const cluster = typeof peer.greeting['cluster'] === 'string' ? peer.greeting['cluster'] : this.#options.cluster;
    this.#leader = { connected: true, since: this.#clock.wallNow(), error: undefined, cluster };
    this.#register();
    // The first heartbeat follows the registration, and its answer says whether that has arrived.
    this.#pulse.start(peer);
  }

  #heard({ registered }: HeartbeatAnswer): void {
    const { leader } = this;
    if (leader === undefined || this.#isIn || registered !== this.#registrations) return;
    this.#isIn = true;
    const again = this.#joinedBefore;
    this.#joinedBefore = true;
    this.#joined.resolve();
    this.#events.emit('leader', { type: 'joined', leader, cluster: this.#leader.cluster, again });
  }

  #lost(peer: Peer, left: boolean, error: NetworkError): void {
    this.#isIn = false;
    this.#pulse.stop();
    this.#leader = { ...this.#leader, connected: false, since: this.#clock.wallNow(), error };
    this.#events.emit('leader', { type: 'lost', leader: peer.node, left, error });
  }
}

/** Answers `netmgr status` on this node's own socket. */
function ownStatus(status: () => CollaboratorStatus): Handler {
  return { type: STATUS, options: {}, run: status };
}
