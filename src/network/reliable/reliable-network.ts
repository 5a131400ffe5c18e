import type { Clock } from '../../base/clock.js';
import { Emitter } from '../../base/emitter.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { Stamp } from '../../message/stamp.js';
import type { RequestingNetwork } from '../endpoint.js';
import type { MessageHandler } from '../message-handler.js';
import type { NetworkMetrics, RequestMetrics } from '../metrics.js';
import type { MessageSink, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import type { RequestDraft, RequestLimits } from '../requester.js';
import { discard, isRereadable, type ProgressListener } from '../streams/body.js';
import { grownMs } from './backoff.js';
import { Call } from './call.js';
import { type CircuitState, REFUSED } from './circuit-breaker.js';
import { checkRetries, type ReliableNetworkOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { Pauses } from './pauses.js';
import { outcomeOf } from './policy.js';
import { Retrier } from './retrier.js';
import { RetryBudget } from './retry-budget.js';
import { Targets } from './target.js';
import { Transmitter } from './transmitter.js';

/**
 * `timeoutMs` bounds the whole: all tries and the waits between them; with a body, it bounds how long that stands still.
 * @default no bound but that of the tries
 */
export interface ReliableLimits extends RequestLimits {
  /** For this request; 0 for what must not be done twice. @default as the network's options say */
  readonly maxRetries?: number | undefined;
}

/** News of a ReliableNetwork; `peer` is undefined for the node that this one dialled. */
export interface ReliableEvents {
  circuit: { readonly peer: NodeId | undefined; readonly state: CircuitState };
  /** A try has failed; the next one follows in `waitMs`. */
  retry: {
    readonly peer: NodeId | undefined;
    readonly type: string;
    /** Tries that were made. */
    readonly attempts: number;
    readonly error: NetworkError;
    readonly waitMs: number;
  };
  /** One of the routes to a peer is not taken for a while. */
  ejected: { readonly peer: NodeId; readonly to: NodeId; readonly forMs: number };
}

/** What a ReliableNetwork knows of one peer. */
export interface ReliablePeer {
  /** undefined: the node that this one dialled. */
  readonly peer: NodeId | undefined;
  readonly circuit: CircuitState;
  /** How long until a request may pass an open circuit, in milliseconds. */
  readonly waitMs: number;
  readonly routes: readonly {
    readonly to: NodeId;
    readonly latencyMs: number;
    readonly inFlight: number;
    readonly ejected: boolean;
  }[];
}

const NO_LIMITS: ReliableLimits = {};

/**
 * Any RequestingNetwork with retries: each try has its own timeout, transient failures are tried again after a wait
 * with full jitter, within a budget, and a peer that fails again and again is left alone for a while.
 *
 * A request is carried out **at least once** if it succeeds, and any number of times up to `maxRetries + 1` (twice that
 * with hedging) if it does not. All tries have the same `id`, by which a receiver can tell. With a body that can be read
 * again a try goes on where the one before was; with one that can be read only once there is one try, and no hedge.
 *
 * @example
 * const network = new ReliableNetwork(endpoint, { maxRetries: 3, initialTimeout: 1000, maxTimeout: 10_000 });
 * const answer = await network.request({ type: 'get', to: 'b', payload: 'key' }, { timeoutMs: 5000, signal });
 */
export class ReliableNetwork implements RequestingNetwork {
  readonly #network: RequestingNetwork;
  readonly #options: ResolvedOptions;
  readonly #clock: Clock;
  readonly #stamp: Stamp;
  readonly #budget: RetryBudget | undefined;
  readonly #pauses: Pauses;
  readonly #targets: Targets;
  readonly #transmitter: Transmitter;
  readonly #retrier: Retrier;
  readonly #events = new Emitter<ReliableEvents>();
  readonly #counters = { circuitsOpened: 0, circuitRefused: 0, throttled: 0, routesEjected: 0, hedgesRefused: 0 };

  /** @throws NetworkError INVALID_OPTION naming the field and its range */
  constructor(network: RequestingNetwork, options: ReliableNetworkOptions = {}) {
    const resolved = resolveOptions(options);
    const { clock, random, budget, hedgeAfterMs } = resolved;
    this.#network = network;
    this.#options = resolved;
    this.#clock = clock;
    this.#stamp = new Stamp(network.self, clock, random.fork('reliable'));
    this.#budget = budget && new RetryBudget(budget, clock.now());
    this.#pauses = new Pauses(clock);
    this.#targets = new Targets(resolved, {
      circuit: (peer, state) => this.#circuitChanged(peer, state),
      ejected: (peer, lane, forMs) => {
        this.#counters.routesEjected += 1;
        this.#events.emit('ejected', { peer, to: lane.route.to, forMs });
      },
    });
    this.#transmitter = new Transmitter({ network, clock, hedgeAfterMs, mayHedge: () => this.#mayHedge() });
    this.#retrier = new Retrier({
      options: resolved,
      budget: this.#budget,
      pauses: this.#pauses,
      retrying: ({ draft, tries }, error, waitMs) =>
        this.#events.emit('retry', { peer: draft.to, type: draft.type, attempts: tries, error, waitMs }),
    });
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

  /** Those of the network, and of the tries. */
  get counters(): Readonly<Record<string, number>> {
    const { hedges, hedgesWon } = this.#transmitter;
    return {
      ...this.#network.counters,
      ...this.#retrier.counters,
      ...this.#counters,
      hedges,
      hedgesWon,
      targetsForgotten: this.#targets.forgotten,
    };
  }

  /** Those of the network: every try counts as a request. */
  metrics(): NetworkMetrics & { readonly requests: RequestMetrics } {
    return this.#network.metrics();
  }

  /** Circuits and routes as they are now, for metrics. */
  status(): readonly ReliablePeer[] {
    const now = this.#clock.now();
    return Array.from(this.#targets.values(), ({ node, circuit, balancer }) => ({
      peer: node,
      circuit: circuit?.state ?? 'closed',
      waitMs: circuit?.waitMs(now) ?? 0,
      routes: (balancer?.lanes ?? []).map((lane) => ({
        to: lane.route.to,
        latencyMs: lane.latency.valueMs(now),
        inFlight: lane.inFlight,
        ejected: lane.isEjected(now),
      })),
    }));
  }

  on<K extends keyof ReliableEvents>(type: K, listener: (event: ReliableEvents[K]) => void): Disposable {
    return this.#events.on(type, listener);
  }

  /**
   * @throws NetworkError what the network's `request` throws, where it is not tried again; NetworkRetryExhaustedError
   *   (RETRIES_EXHAUSTED, with `lastError` and `attempts`) where it would be but may not; TIMEOUT when `limits.timeoutMs`
   *   was over during a try; CIRCUIT_OPEN; OVERLOADED from the throttle; CANCELLED
   */
  request(draft: RequestDraft, limits: ReliableLimits = NO_LIMITS): Promise<NetworkMessage> {
    const answer = this.#request(draft, limits);
    if (draft.body !== undefined) answer.catch(() => discard(draft.body));
    return answer;
  }

  handle(handler: MessageHandler): void {
    this.#network.handle(handler);
  }

  start(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#network.start(options);
  }

  /** Once, best effort, as the network itself: only requests are tried again. */
  send(message: NetworkMessage): SendOutcome {
    return this.#network.send(message);
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    return this.#network.sendMany(message, peers);
  }

  onMessage(handler: MessageSink): void {
    this.#network.onMessage(handler);
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#network.onPeer(listener);
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    this.#network.disconnect(peer, reason);
  }

  /** Requests that wait for another try end with STOPPED at once, the others as the network has it. Idempotent. */
  stop(options?: StopOptions): Promise<void> {
    this.#pauses.stop();
    return this.#network.stop(options);
  }

  async #request(draft: RequestDraft, limits: ReliableLimits): Promise<NetworkMessage> {
    let now = this.#clock.now();
    const call = this.#call(draft, limits, now);
    this.#budget?.earn();
    for (;;) {
      const ticket = this.#enter(call, now);
      try {
        const answer = await this.#transmitter.send(call, this.#tryLimits(call, now));
        this.#left(call, ticket, undefined);
        return answer;
      } catch (thrown) {
        call.lastError = toNetworkError(thrown);
      }
      now = this.#left(call, ticket, call.lastError);
      await this.#retrier.next(call, call.lastError, now);
      now = this.#clock.now();
    }
  }

  /** @throws NetworkError INVALID_OPTION */
  #call(draft: RequestDraft, limits: ReliableLimits, startedAt: number): Call {
    const { timeoutMs, maxRetries } = limits;
    const repeatable = draft.id === undefined ? withId(draft, this.#stamp.nextId()) : draft;
    const call = new Call(this.#targets.of(draft.to), repeatable, limits);
    const { body } = draft;
    call.maxRetries = maxRetries === undefined ? this.#options.maxRetries : checkRetries(maxRetries);
    if (body && !isRereadable(body)) call.maxRetries = 0;
    if (timeoutMs !== undefined) call.deadline = startedAt + timeoutMs;
    return call;
  }

  /** A request that may be tried only once has all the time that its caller gives it. */
  #tryLimits(call: Call, now: number): RequestLimits {
    const { maxRetries, tries, timeoutMs, deadline, signal, onProgress, draft } = call;
    if (maxRetries === 0 && timeoutMs !== undefined) return { timeoutMs, signal, onProgress };
    const tryMs = Math.min(grownMs(this.#options.timeout, tries - 1), deadline - now);
    if (!draft.body) return { timeoutMs: tryMs, signal, onProgress };
    const listener: ProgressListener = (progress) => {
      call.bodyIsAt(progress, this.#clock.now());
      return onProgress?.(progress);
    };
    return { timeoutMs: tryMs, signal, onProgress: listener };
  }

  /** @returns the circuit's ticket; @throws NetworkError if the try may not be made */
  #enter(call: Call, now: number): number {
    const { target, lastError, draft } = call;
    if (target.throttle?.refuses(this.#options.random, now)) {
      this.#counters.throttled += 1;
      if (lastError) throw this.#retrier.exhausted(call, lastError, 'it accepts too few');
      throw new NetworkError('OVERLOADED', `${call.to} accepts too few requests: this one was not sent`, {
        node: draft.to,
      });
    }
    const ticket = target.circuit ? target.circuit.enter(now) : 0;
    if (ticket !== REFUSED) {
      call.tries += 1;
      return ticket;
    }
    this.#counters.circuitRefused += 1;
    if (lastError) throw this.#retrier.exhausted(call, lastError, 'its circuit is open');
    const waitMs = Math.ceil(target.circuit?.waitMs(now) ?? 0);
    const when = waitMs > 0 ? `for another ${waitMs} ms` : 'until a probe has been answered';
    throw new NetworkError('CIRCUIT_OPEN', `${call.to} failed too often: it is not asked ${when}`, { node: draft.to });
  }

  #left({ target: { circuit, throttle } }: Call, ticket: number, error: NetworkError | undefined): number {
    const now = this.#clock.now();
    const outcome = error ? outcomeOf(error) : 'success';
    circuit?.leave(ticket, outcome, now);
    if (outcome !== 'nothing') throttle?.ended(outcome === 'success', now);
    return now;
  }

  #mayHedge(): boolean {
    if (!this.#budget || this.#budget.take(this.#clock.now())) return true;
    this.#counters.hedgesRefused += 1;
    return false;
  }

  #circuitChanged(peer: NodeId | undefined, state: CircuitState): void {
    if (state === 'open') this.#counters.circuitsOpened += 1;
    this.#events.emit('circuit', { peer, state });
  }
}

/** Field by field: a spread would cost more than all the rest. */
const withId = (draft: RequestDraft, id: string): RequestDraft => ({
  id,
  type: draft.type,
  from: draft.from,
  to: draft.to,
  re: draft.re,
  ttl: draft.ttl,
  priority: draft.priority,
  component: draft.component,
  body: draft.body,
  payload: draft.payload,
});
