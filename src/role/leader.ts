import type { Clock } from '../base/clock.js';
import { Emitter } from '../base/emitter.js';
import { messageOf } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import { ANYONE, type NodeId } from '../base/names.js';
import type { Random } from '../base/random.js';
import { type HandleMethod, type Handler, handleMethod } from '../manager/handler.js';
import { NetworkManager } from '../manager/manager.js';
import { isPresent } from '../membership/member.js';
import { payloadOf } from '../message/raw-payload.js';
import { Stamp } from '../message/stamp.js';
import { draftError, timeoutError } from '../network/draft.js';
import type { Network, SendOutcome, StopOptions } from '../network/network.js';
import { DEFAULT_TIMEOUT_MS } from '../network/requester.js';
import { discard, refusing } from '../network/streams/body.js';
import type { BodyLimits } from '../network/streams/limits.js';
import { BODY_VERBS } from '../network/streams/wire.js';
import type { NetworkFactory } from '../network/wiring.js';
import { Administration } from './administration.js';
import { type Audit, LogAudit } from './audit.js';
import { Balancer } from './balancer.js';
import { Desk } from './desk.js';
import { Evictions } from './evictions.js';
import { Guard } from './guard.js';
import { Relay } from './relay.js';
import {
  type AnyDefinition,
  draftOf,
  type EmitOptions,
  type InputOf,
  type OutputOf,
  type RequestOptions,
} from './request.js';
import { type MemberEvent, Roster } from './roster.js';
import type { SecurityOperations } from './security-operations.js';
import { takeSnapshot } from './snapshot.js';
import type { ClusterStatus, LeaderStatus } from './status.js';

export interface LeaderOptions {
  readonly name: NodeId;
  readonly cluster: string;
  readonly network: NetworkFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly log?: Log | undefined;
  readonly handlers?: readonly Handler[] | undefined;
  /** Bounds of byte streams. */
  readonly bodies?: Partial<BodyLimits> | undefined;
  /** This process. @default 0 */
  readonly pid?: number | undefined;
  /** What collaborators dial, for `status`. */
  readonly address?: (() => string) | undefined;
  /** The same from this very host, for tokens. @default the same */
  readonly localAddress?: (() => string) | undefined;
  /** Tokens, keys and certificates; it stops with the leader. @default none: there are none in plaintext */
  readonly security?: SecurityOperations | undefined;
}

/** What is left at least for goodbyes: whoever does not hear one takes us for lost. */
const FAREWELL_MS = 200;

interface LeaderEvents {
  member: MemberEvent;
}

/** The node that the others join: knows who is there, relays, balances, and answers operators. */
export class Leader implements AsyncDisposable {
  readonly #options: LeaderOptions;
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #manager: NetworkManager;
  readonly #roster: Roster;
  readonly #relay: Relay;
  readonly #desk: Desk;
  readonly #evictions: Evictions;
  readonly #audit: Audit;
  readonly #events: Emitter<LeaderEvents>;
  readonly #startedAt: number;
  #state: LeaderStatus['state'] = 'serving';
  #stopping: Promise<void> | undefined;
  /** Offers a handler of the leader's own, or replaces the one of the same type. */
  readonly handle: HandleMethod = handleMethod((handler) => this.#manager.registerHandler(handler));

  constructor(options: LeaderOptions) {
    const { clock, random, cluster, version } = options;
    const log = options.log ?? silentLog;
    this.#options = options;
    this.#clock = clock;
    this.#startedAt = clock.wallNow();
    this.#events = new Emitter((error) => log.error({ err: messageOf(error) }, 'a listener failed'));
    const stamp = new Stamp(options.name, clock, random);
    const balancer = new Balancer(random.fork('balancer'));
    this.#roster = this.#makeRoster(balancer, log);
    this.#relay = this.#makeRelay(balancer);
    this.#audit = options.security?.audit ?? new LogAudit(log);
    const guard = new Guard({ self: options.name, network: () => this.#network, audit: this.#audit });
    const { security } = options;
    this.#evictions = new Evictions({ network: () => this.#network, roster: this.#roster, security });
    this.#network = options.network({
      self: options.name,
      role: 'leader',
      cluster,
      version,
      clock,
      random,
      log,
      stamp,
      admit: (candidate) => this.#evictions.admit(candidate) ?? this.#roster.admit(candidate),
    });
    this.#manager = new NetworkManager({
      network: this.#network,
      stamp,
      clock,
      log,
      bodies: options.bodies,
      authorise: (message, peer) => guard.check(message, peer),
      relay: (message, peer) => this.#relay.route(message, peer),
      arrived: (peer) => this.#roster.arrived(peer),
    });
    this.#desk = new Desk({
      clock,
      manager: this.#manager,
      roster: this.#roster,
      balancer,
      status: () => this.status(),
    });
    new Administration({
      manager: this.#manager,
      evictions: this.#evictions,
      audit: this.#audit,
      security,
      addresses: () => ({ address: this.address, localAddress: options.localAddress?.() ?? this.address }),
    }).listen();
    this.#listen(options.handlers ?? []);
  }

  get name(): NodeId {
    return this.#network.self;
  }

  /** What collaborators dial. */
  get address(): string {
    return this.#options.address?.() ?? '';
  }

  /** Tokens, keys and certificates; undefined in plaintext. */
  get security(): SecurityOperations | undefined {
    return this.#options.security;
  }

  /** @throws NetworkError ADDRESS_IN_USE or another, if it cannot listen */
  async start(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#network.start(options.signal ? { signal: options.signal } : {});
    this.#roster.start();
  }

  on(type: 'member', listener: (event: MemberEvent) => void): Disposable {
    return this.#events.on(type, listener);
  }

  /** The names of those who are connected, in the order of their joining. */
  members(): readonly NodeId[] {
    const present: NodeId[] = [];
    for (const member of this.#roster.table.members()) {
      if (isPresent(member.status)) present.push(member.node);
    }
    return present;
  }

  status(): ClusterStatus {
    const { cluster, security } = this.#options;
    const { table } = this.#roster;
    return takeSnapshot({
      cluster,
      table,
      leader: this.#leaderStatus(),
      network: this.#network,
      clock: this.#clock,
      device: (node) => security?.devices.byName(node)?.id,
    });
  }

  /** @returns whether there was one */
  unhandle(type: string): boolean {
    return this.#manager.removeHandler(type);
  }

  /**
   * Asks a node, or, by default (`?`), whichever that is alive, has the handler and is least busy.
   * @returns the payload of the answer
   * @throws NetworkError what the handler or the way said
   */
  request<D extends AnyDefinition = AnyDefinition>(
    type: D | D['type'],
    payload?: InputOf<D>,
    options: RequestOptions = {},
  ): Promise<OutputOf<D>> {
    const { to = ANYONE, timeoutMs = DEFAULT_TIMEOUT_MS, signal, onProgress } = options;
    const draft = draftOf(type, payload, options);
    if (to === ANYONE) {
      const wrong = draftError(draft) ?? timeoutError(timeoutMs);
      if (wrong) return refusing(draft.body, wrong);
      const answer = this.#relay.ask({ ...draft, to, ttl: timeoutMs }, { signal, onProgress });
      if (draft.body !== undefined) answer.catch(() => discard(draft.body));
      return answer.then(payloadOf) as Promise<OutputOf<D>>;
    }
    const idle = this.#relay.idle(to);
    if (idle) return refusing(draft.body, idle);
    return this.#manager.ask(draft, { timeoutMs, signal, onProgress }) as Promise<OutputOf<D>>;
  }

  /** One way, to a node or, by default, to whichever is best. */
  emit(type: string, payload?: unknown, options: EmitOptions = {}): SendOutcome {
    const { to = ANYONE, priority, component } = options;
    if (this.#relay.idle(to)) return 'UNREACHABLE';
    return this.#desk.emit({ type, payload, priority, component, to });
  }

  /** One way, to every collaborator; serialised once. @returns how many it was queued for */
  broadcast(type: string, payload?: unknown, options: Omit<EmitOptions, 'to'> = {}): number {
    const wrong = draftError({ type, ...options });
    if (wrong) throw wrong;
    const message = this.#manager.stamp.make({ kind: 'event', type, to: '*', payload, ...options });
    return this.#network.sendMany(message, this.members()).filter((outcome) => outcome === 'queued').length;
  }

  /**
   * Shuts out a node, or the operator or observer whose key has this name: its connections end, and its key is refused
   * from then on (one without a key: its process).
   * @returns whether there was such a node or key, once that is stored
   * @throws NetworkError IO if it cannot be stored: it is shut out until the leader's next start only
   */
  evict(node: NodeId): Promise<boolean> {
    return this.#evictions.evict(node);
  }

  /** Waits `graceMs` (default 1,000) for handlers that run, says goodbye to everybody, closes. Idempotent. */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop({ graceMs = 1000 }: StopOptions): Promise<void> {
    const until = this.#clock.now() + graceMs;
    const left = () => Math.max(0, until - this.#clock.now());
    this.#state = 'draining';
    this.#desk.close();
    this.#evictions.stop();
    await this.#relay.drain(left());
    await this.#manager.close(left());
    this.#roster.stop();
    await this.#network.stop({ graceMs: Math.max(FAREWELL_MS, left()) });
    await this.#options.security?.stop();
    this.#events.clear();
  }

  #makeRoster(balancer: Balancer, log: Log): Roster {
    return new Roster({
      clock: this.#clock,
      log,
      cluster: this.#options.cluster,
      balancer,
      manager: () => this.#manager,
      onMember: (event) => this.#events.emit('member', event),
      onChange: () => this.#desk.changed(),
    });
  }

  #makeRelay(balancer: Balancer): Relay {
    return new Relay({
      self: this.#options.name,
      clock: this.#clock,
      balancer,
      manager: () => this.#manager,
      members: () => this.members(),
      absence: (node) => this.#roster.absence(node),
    });
  }

  #listen(handlers: readonly Handler[]): void {
    for (const handler of handlers) this.#manager.registerHandler(handler);
    this.#roster.listen(this.#manager);
    this.#manager.onControl('cancel', (message, peer) => {
      if (message.re === undefined || this.#relay.cancel(message.re, peer.node)) return;
      this.#manager.dispatcher.cancel(message.re, peer.node);
    });
    for (const verb of BODY_VERBS) {
      this.#manager.onControl(verb, (message, peer) => {
        if (!this.#relay.body(message, peer)) this.#manager.bodies.control(message, peer);
      });
    }
    this.#network.onPeer((event) => {
      this.#roster.peerEvent(event);
      this.#relay.peerEvent(event);
    });
  }

  #leaderStatus(): LeaderStatus {
    const { version, pid } = this.#options;
    return {
      node: this.name,
      address: this.address,
      version,
      pid: pid ?? 0,
      state: this.#state,
      startedAt: this.#startedAt,
      uptimeMs: Math.max(0, this.#clock.wallNow() - this.#startedAt),
      counters: this.#counters(),
    };
  }

  #counters(): Readonly<Record<string, number>> {
    return {
      ...this.#manager.counters,
      ...this.#roster.table.counters,
      ...this.#relay.counters,
      ...this.#audit.counters,
      ...this.#options.security?.counters,
    };
  }
}
