import type { Clock } from '../base/clock.js';
import { type Log, silentLog } from '../base/log.js';
import { EVERYONE, type NodeId } from '../base/names.js';
import type { Random } from '../base/random.js';
import { type HandleMethod, type Handler, handleMethod } from '../manager/handler.js';
import { NetworkManager } from '../manager/manager.js';
import { Stamp } from '../message/stamp.js';
import type { Network, SendOutcome, StopOptions } from '../network/network.js';
import { refusing } from '../network/streams/body.js';
import type { BodyLimits } from '../network/streams/limits.js';
import type { NetworkFactory } from '../network/wiring.js';
import { LogAudit } from './audit.js';
import { Guard } from './guard.js';
import { type LeaderEvent, LeaderLink } from './leader-link.js';
import { LoopLag } from './loop-lag.js';
import { STATUS } from './operations.js';
import {
  type AnyDefinition,
  draftOf,
  type EmitOptions,
  type InputOf,
  type OutputOf,
  type RequestOptions,
} from './request.js';
import type { CollaboratorStatus } from './status.js';
import { readTags } from './wire.js';

export type { LeaderEvent } from './leader-link.js';

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
  /** Bounds of byte streams. */
  readonly bodies?: Partial<BodyLimits> | undefined;
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

/** A node that joins a leader, offers handlers, and comes back by itself when the leader does. */
export class Collaborator implements AsyncDisposable {
  readonly #options: CollaboratorOptions;
  readonly #tags: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #manager: NetworkManager;
  readonly #link: LeaderLink;
  readonly #loopLag: LoopLag;
  readonly #audit: LogAudit;
  readonly #startedAt: number;
  #draining = false;
  #stopping: Promise<void> | undefined;
  /** Offers a handler, or replaces the one of the same type; the leader is told. */
  readonly handle: HandleMethod = handleMethod((handler) => this.#manager.registerHandler(handler));

  constructor(options: CollaboratorOptions) {
    const { clock, random, version, cluster } = options;
    const log = options.log ?? silentLog;
    this.#options = options;
    this.#tags = readTags(options.tags);
    this.#clock = clock;
    this.#startedAt = clock.wallNow();
    this.#audit = new LogAudit(log);
    const stamp = new Stamp(options.name, clock, random);
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
    const guard = new Guard({ self: options.name, network: () => this.#network, audit: this.#audit });
    this.#manager = new NetworkManager({
      network: this.#network,
      stamp,
      clock,
      log,
      bodies: options.bodies,
      authorise: (message, peer) => guard.check(message, peer),
      arrived: (peer) => {
        if (peer.role === 'leader') this.#link.arrived();
      },
    });
    this.#loopLag = new LoopLag(clock);
    this.#link = new LeaderLink({
      manager: this.#manager,
      clock,
      random,
      log,
      cluster,
      offer: () => ({ handlers: this.#types(), tags: this.#tags, slots: this.#slots(), draining: this.#draining }),
      load: () => ({ busy: this.#busy(), loopLagMs: this.#loopLag.ms }),
    });
    for (const handler of options.handlers ?? []) this.#manager.registerHandler(handler);
    this.#manager.dispatcher.register(ownStatus(() => this.status()));
  }

  get name(): NodeId {
    return this.#network.self;
  }

  /** The leader's name, while connected. */
  get leader(): NodeId | undefined {
    return this.#network.upstream;
  }

  get connected(): boolean {
    return this.#link.state.connected;
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
    return this.#link.joined;
  }

  on(type: 'leader', listener: (event: LeaderEvent) => void): Disposable {
    return this.#link.on(type, listener);
  }

  /** Takes a handler back; the leader is told. @returns whether there was one */
  unhandle(type: string): boolean {
    return this.#manager.removeHandler(type);
  }

  /**
   * Asks the leader (default), a node, or `?`: whichever node is best.
   * @throws NetworkError what the handler or the way said; NOT_ALLOWED if this node joined with a token that does not
   *   let it ask others
   */
  request<D extends AnyDefinition = AnyDefinition>(
    type: D | D['type'],
    payload?: InputOf<D>,
    options: RequestOptions = {},
  ): Promise<OutputOf<D>> {
    const { timeoutMs, signal, onProgress } = options;
    const draft = draftOf(type, payload, options);
    const refusal = this.#link.refusal({ kind: 'request', type: draft.type, to: draft.to });
    if (refusal) return refusing(draft.body, refusal);
    return this.#manager.ask(draft, { timeoutMs, signal, onProgress }) as Promise<OutputOf<D>>;
  }

  /**
   * One way, to the leader (default), a node, `?` or `*`.
   * @throws NetworkError INVALID_OPTION naming the field; NOT_ALLOWED as `request`
   */
  emit(type: string, payload?: unknown, options: EmitOptions = {}): SendOutcome {
    const refusal = this.#link.refusal({ kind: 'event', type, to: options.to });
    if (refusal) throw refusal;
    return this.#manager.emit({ type, payload, ...options });
  }

  /** One way, to every other collaborator, and to the leader if it has a handler. */
  broadcast(type: string, payload?: unknown, options: Omit<EmitOptions, 'to'> = {}): SendOutcome {
    return this.emit(type, payload, { ...options, to: EVERYONE });
  }

  status(): CollaboratorStatus {
    const { name, version, pid = 0, address = '', counters } = this.#options;
    const { connected, since, error, cluster } = this.#link.state;
    const now = this.#clock.wallNow();
    return {
      schema: 1,
      view: 'collaborator',
      cluster: cluster ?? null,
      node: name,
      version,
      pid,
      leader: {
        node: this.#network.upstream ?? null,
        address,
        connected,
        since,
        rttMs: this.#link.rttMs,
        lastError: error ? error.toWire() : null,
      },
      tags: this.#tags,
      handlers: this.#types(),
      slots: { busy: this.#busy(), total: this.#slots() },
      counters: { ...this.#manager.counters, ...this.#audit.counters, ...counters?.() },
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
    this.#link.register();
    await this.#manager.close(graceMs);
    this.#link.stop();
    this.#loopLag.stop();
    await this.#network.stop({ graceMs });
    this.#link.close();
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
}

/** Answers `netmgr status` on this node's own socket. */
function ownStatus(status: () => CollaboratorStatus): Handler {
  return { type: STATUS, options: {}, run: status };
}
