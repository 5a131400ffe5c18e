import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { formatHostPort } from '../address.js';
import type { Authenticator } from '../authenticator.js';
import { Endpoint, type RequestingNetwork } from '../endpoint.js';
import type { MessageHandler } from '../message-handler.js';
import type { NetworkMetrics, RequestMetrics } from '../metrics.js';
import type { StopOptions } from '../network.js';
import { type NetworkIdentity, wiringOf } from '../wiring.js';
import { TcpNetwork } from './network.js';
import type { TcpNetworkOptions } from './options.js';

export interface NetworkServerOptions
  extends Omit<TcpNetworkOptions, 'listen'>,
    Omit<Partial<NetworkIdentity>, 'self' | 'stamp'> {
  /** The name of this node, unique in its cluster. */
  readonly node: NodeId;
  /** Where to listen: an IP address, or a name of this host. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** @default 0: one that is free; see `address` */
  readonly port?: number | undefined;
  /** Decides who comes in. @default see `TcpListen` */
  readonly authenticator?: Authenticator | undefined;
  /**
   * Takes what arrives. A value is the answer to a request, undefined is none; who does not lead throws
   * `new NetworkError('NOT_LEADER', text, { leader })`, which a `NetworkClient` follows.
   */
  readonly handler: MessageHandler;
}

const LISTENER = 'tcp';

/**
 * A node that listens on a TCP port and answers requests.
 *
 * @example
 * const server = new NetworkServer({
 *   node: 'a',
 *   port: 7701,
 *   handler: { handle: (message, { payload }) => (message.type === 'echo' ? payload : undefined) },
 * });
 * await server.start();
 * console.log(server.address); // 127.0.0.1:7701
 */
export class NetworkServer implements AsyncDisposable {
  readonly #tcp: TcpNetwork;
  readonly #endpoint: Endpoint;

  /** @throws NetworkError INVALID_OPTION naming the field */
  constructor(options: NetworkServerOptions) {
    const { node, host = '127.0.0.1', port = 0, authenticator, handler } = options;
    const wiring = wiringOf({ ...options, self: node });
    const { clock, random, log } = wiring;
    this.#tcp = new TcpNetwork(wiring, { ...options, listen: [{ name: LISTENER, host, port, authenticator }] });
    this.#endpoint = new Endpoint({ network: this.#tcp, clock, random, log });
    this.#endpoint.handle(handler);
  }

  get node(): NodeId {
    return this.#tcp.self;
  }

  /**
   * Where it listens: HOST:PORT.
   * @throws NetworkError STOPPED before the start
   */
  get address(): string {
    const bound = this.#tcp.boundAddresses.get(LISTENER);
    if (bound && 'port' in bound) return formatHostPort(bound.host, bound.port);
    throw new NetworkError('STOPPED', `the server ${this.node} has not been started`);
  }

  /** For what a server does beside answering: requests of its own, events, peers. */
  get network(): RequestingNetwork {
    return this.#endpoint;
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#endpoint.counters;
  }

  metrics(): NetworkMetrics & { readonly requests: RequestMetrics } {
    return this.#endpoint.metrics();
  }

  /** @throws NetworkError ADDRESS_IN_USE, CONNECTION_FAILED, CANCELLED, STOPPED */
  start(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#endpoint.start(options);
  }

  /** Takes no more requests, waits for those in hand for at most `graceMs` (default 1,000), and closes. Idempotent. */
  stop(options?: StopOptions): Promise<void> {
    return this.#endpoint.stop(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
