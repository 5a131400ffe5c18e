import { AbortWatch } from '../../base/abort-watch.js';
import type { Clock } from '../../base/clock.js';
import { type ErrorCode, isNetworkError, NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { letters, type Random, systemRandom } from '../../base/random.js';
import type { NetworkMessage } from '../../message/message.js';
import { Endpoint, type RequestingNetwork } from '../endpoint.js';
import { check } from '../framed/limits.js';
import type { NetworkMetrics, RequestMetrics } from '../metrics.js';
import type { StopOptions } from '../network.js';
import { DEFAULT_TIMEOUT_MS, type RequestDraft, type RequestLimits } from '../requester.js';
import { discard, isRereadable } from '../streams/body.js';
import { type NetworkIdentity, wiringOf } from '../wiring.js';
import { LeaderSearch } from './leader-search.js';
import { TcpNetwork } from './network.js';
import type { TcpNetworkOptions } from './options.js';
import type { PingOptions, Pong } from './pings.js';
import { Trail } from './trail.js';

export interface NetworkClientOptions
  extends Omit<TcpNetworkOptions, 'listen' | 'addresses' | 'leader' | 'plaintext'>,
    Omit<Partial<NetworkIdentity>, 'self' | 'stamp'> {
  /** HOST:PORT of each server, by its name. It may change while the client runs. */
  readonly servers: ReadonlyMap<NodeId, string>;
  /** @default `client-` and eight random characters */
  readonly node?: NodeId | undefined;
  /**
   * How often a request is sent to a server, or one that leads is looked for in vain, before it fails; its own time may
   * be over sooner. @default 32
   */
  readonly maxHops?: number | undefined;
}

/** After these another server is asked: the request was not begun where it was sent to. */
const MOVES_ON: ReadonlySet<ErrorCode> = new Set([
  'NOT_LEADER',
  'CONNECTION_FAILED',
  'HANDSHAKE_TIMEOUT',
  'UNREACHABLE',
  'NO_ADDRESS',
]);
/** After these nobody knows whether the leader is still there, nor whether it has done what it was asked. */
const DOUBTFUL: ReadonlySet<ErrorCode> = new Set(['CLOSED', 'TIMEOUT']);
const DEFAULT_MAX_HOPS = 32;
const MAX_HOPS = 1_000;
const PING_TIMEOUT_MS = 1_000;

/**
 * Sends requests to whichever of some servers leads: follows the hint of one that does not (`NOT_LEADER`), asks the
 * others if there is none, remembers who it was, and connects again when it has to.
 *
 * A request is sent to another server only if it was not begun where it was sent first. If that cannot be known (its
 * connection ended, its time is over) it fails, and whether to try again is the caller's to decide.
 *
 * @example
 * const client = new NetworkClient({ servers: new Map([['a', '127.0.0.1:7701'], ['b', '127.0.0.1:7702']]) });
 * await client.start();
 * const answer = await client.request({ type: 'put', payload: { key: 'k', value: 1 } }, { timeoutMs: 2000 });
 */
export class NetworkClient implements AsyncDisposable {
  readonly #tcp: TcpNetwork;
  readonly #endpoint: Endpoint;
  readonly #search: LeaderSearch;
  readonly #servers: ReadonlyMap<NodeId, string>;
  readonly #maxHops: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stopped = new AbortController();
  readonly #watch = new AbortWatch<AbortController>((wait, signal) => wait.abort(signal.reason));
  #leader: NodeId | undefined;
  /** Where the last request has found nobody: it is not the first to be asked again. */
  #shunned: NodeId | undefined;

  /** @throws NetworkError INVALID_OPTION naming the field */
  constructor(options: NetworkClientOptions) {
    const { servers, maxHops = DEFAULT_MAX_HOPS, random = systemRandom } = options;
    const { node = `client-${letters(random, 8)}` } = options;
    check(servers.size > 0, 'servers must have one or more addresses', servers.size);
    check(
      Number.isInteger(maxHops) && maxHops >= 1 && maxHops <= MAX_HOPS,
      `maxHops must be 1 to ${MAX_HOPS}`,
      maxHops,
    );
    const wiring = wiringOf({ ...options, self: node, random });
    const { clock, log } = wiring;
    this.#servers = servers;
    this.#maxHops = maxHops;
    this.#clock = clock;
    this.#random = random;
    this.#tcp = new TcpNetwork(wiring, { ...options, addresses: servers });
    this.#endpoint = new Endpoint({ network: this.#tcp, clock, random, log });
    this.#search = new LeaderSearch({ servers, ping: (server) => this.ping(server, { timeoutMs: PING_TIMEOUT_MS }) });
  }

  get node(): NodeId {
    return this.#tcp.self;
  }

  /** The server that has answered a request last, unless it has refused one or fallen silent since. */
  get leader(): NodeId | undefined {
    return this.#leader;
  }

  /** For events of the connections, and for requests to a certain server. */
  get network(): RequestingNetwork {
    return this.#endpoint;
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#endpoint.counters;
  }

  metrics(): NetworkMetrics & { readonly requests: RequestMetrics } {
    return this.#endpoint.metrics();
  }

  /** Connects to nobody yet: that comes with the first request. @throws NetworkError CANCELLED, STOPPED */
  start(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#endpoint.start(options);
  }

  /**
   * Ends exactly once: with the answer of the server that leads (its payload: `payloadOf`), or with an error.
   * @throws NetworkError what the server's handler said; NOT_LEADER if nobody led, CONNECTION_FAILED or UNREACHABLE if
   *   nobody was there, as long as there was time; and what a request over any network fails with
   */
  request(draft: Omit<RequestDraft, 'to'>, limits: RequestLimits = {}): Promise<NetworkMessage> {
    const answer = this.#request(draft, limits);
    if (draft.body !== undefined) answer.catch(() => discard(draft.body));
    return answer;
  }

  /** @throws NetworkError see `TcpNetwork.ping` */
  ping(server: NodeId, options?: PingOptions): Promise<Pong> {
    return this.#tcp.ping(server, options);
  }

  /** Ends every request that waits (STOPPED), and closes. Idempotent. */
  stop(options?: StopOptions): Promise<void> {
    this.#stopped.abort();
    return this.#endpoint.stop(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #request(draft: Omit<RequestDraft, 'to'>, limits: RequestLimits): Promise<NetworkMessage> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = limits;
    const stopped = this.#stopped.signal;
    const trail = new Trail({
      clock: this.#clock,
      random: this.#random,
      timeoutMs,
      signal,
      stopped,
      watch: this.#watch,
    });
    let target = this.#leader ?? this.#anyServer();
    let why = new NetworkError('UNREACHABLE', 'there is no server');
    for (let hop = 0; hop < this.#maxHops; hop += 1) {
      if (hop > 0 && trail.leftMs === 0) break;
      if (target === undefined) {
        await trail.pause();
      } else {
        const outcome = await this.#ask({ ...draft, to: target }, { ...limits, timeoutMs: trail.leftMs });
        if (!isNetworkError(outcome)) return outcome;
        why = outcome;
        // Its source is closed, and nobody else could read it.
        if (draft.body !== undefined && !isRereadable(draft.body)) break;
        trail.add(target);
      }
      target = await this.#next(trail, why);
    }
    throw why;
  }

  /**
   * @returns the answer, or why another server has to be asked
   * @throws what is for the caller to know
   */
  async #ask(
    draft: RequestDraft & { readonly to: NodeId },
    limits: RequestLimits,
  ): Promise<NetworkMessage | NetworkError> {
    const { to } = draft;
    try {
      const answer = await this.#endpoint.request(draft, limits);
      this.#leader = to;
      return answer;
    } catch (thrown) {
      const error = toNetworkError(thrown);
      const moves = MOVES_ON.has(error.code);
      if (moves || DOUBTFUL.has(error.code)) this.#forget(to);
      if (moves) return error;
      throw error;
    }
  }

  #forget(server: NodeId): void {
    if (this.#leader === server) this.#leader = undefined;
    this.#shunned = server;
  }

  /** @returns whom to ask now; undefined: nobody that was not asked a moment ago */
  async #next(trail: Trail, why: NetworkError): Promise<NodeId | undefined> {
    const fresh = (server: NodeId | undefined): server is NodeId =>
      server !== undefined && this.#servers.has(server) && !trail.tried(server);
    if (fresh(why.leader)) return why.leader;
    const { leader, present } = await trail.until(this.#search.run(), why);
    return fresh(leader) ? leader : present.find(fresh);
  }

  #anyServer(): NodeId | undefined {
    const servers = [...this.#servers.keys()];
    return servers.find((server) => server !== this.#shunned) ?? servers[0];
  }
}
