import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Clock, SystemClock } from '../base/clock.js';
import { NetworkError, toNetworkError } from '../base/errors.js';
import { type Random, systemRandom } from '../base/random.js';
import { around, type BarrierOptions, Barriers, between } from '../network/memory/barriers.js';
import { Climate } from '../network/memory/climate.js';
import type { Fault, ScheduledFault } from '../network/memory/fault.js';
import { type Injection, Injections } from '../network/memory/injections.js';
import { Link } from '../network/memory/link.js';
import type { LinkFaults } from '../network/memory/options.js';
import { ProxiedConnection, type ProxiedHost, type ProxyTarget } from './proxied-connection.js';
import { reset } from './proxied-stream.js';

/** What TCP can suffer from. It repeats what is lost and puts in order what is not: of that a program sees delays. */
export type StreamFaults = Pick<LinkFaults, 'baseDelayMs' | 'jitter' | 'latency' | 'corruptRate' | 'bytesPerSecond'>;

export interface ChaosProxyOptions {
  /** Where connections go: a port, or a UNIX socket. Read anew for each; undefined: nobody listens there at the moment. */
  readonly target: ProxyTarget | undefined;
  /** Where the proxy listens. @default a free port of 127.0.0.1 */
  readonly listen?: ProxyListen | undefined;
  /** Of both directions. */
  readonly faults?: Partial<StreamFaults> | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** @default the machine's */
  readonly random?: Random | undefined;
}

export type ProxyListen =
  | { readonly host?: string | undefined; readonly port?: number | undefined }
  | { readonly path: string };

/** What a proxy has seen since it was made. */
export interface ChaosProxyCounters {
  connections: number;
  /** Connections that were ended by a cut, a crash, or a barrier that rejects. */
  cut: number;
  /** Connections that were refused: too many at once. */
  refused: number;
  /** Connections whose target could not be reached. */
  targetFailed: number;
  /** How often a side was not read because too much was under way. */
  paused: number;
}

/** The two ends, in the words of faults. */
const CLIENT = 'client';
const SERVER = 'server';
const MAX_CONNECTIONS = 1000;
/** What a stream of bytes cannot suffer from. */
const NOT_OF_STREAMS = ['dropRate', 'requestDropRate', 'responseDropRate', 'duplicateRate', 'reorderRate'] as const;

/**
 * A proxy with the faults of the chaos network, for tests with real sockets: TCP, TLS, WebSocket, HTTP, UNIX sockets. Its
 * two ends are called `client` and `server`.
 *
 * @example
 * await using proxy = new ChaosProxy({ target: { host: '127.0.0.1', port: 7700 }, faults: { baseDelayMs: 50 } });
 * await proxy.start();
 * // dial proxy.host and proxy.port, then:
 * proxy.partition({ oneWay: 'up' });
 * proxy.inject({ kind: 'crash', node: 'server' }, { forMs: 500 });
 */
export class ChaosProxy implements AsyncDisposable {
  readonly counters: ChaosProxyCounters = { connections: 0, cut: 0, refused: 0, targetFailed: 0, paused: 0 };
  readonly #options: ChaosProxyOptions;
  readonly #server: Server;
  readonly #open = new Set<ProxiedConnection>();
  readonly #links: { readonly up: Link; readonly down: Link };
  readonly #climate: Climate;
  readonly #barriers = new Barriers();
  readonly #injections: Injections;
  readonly #host: ProxiedHost;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws NetworkError INVALID_OPTION naming the field and its range */
  constructor(options: ChaosProxyOptions) {
    const { clock = new SystemClock(), random = systemRandom, faults = {} } = options;
    checkStreamFaults(faults);
    this.#options = options;
    this.#links = { up: new Link(CLIENT, SERVER, random), down: new Link(SERVER, CLIENT, random) };
    this.#climate = new Climate({ baseDelayMs: 0, ...faults });
    this.#host = {
      links: this.#links,
      counters: this.counters,
      target: () => this.#options.target,
      weather: {
        clock,
        blocked: (link) => this.#barriers.blocks(link),
        faultsOf: (link) => this.#climate.of(link),
      },
      gone: (connection) => void this.#open.delete(connection),
    };
    this.#injections = new Injections({
      clock,
      climate: this.#climate,
      barriers: this.#barriers,
      passable: () => this.#resume(),
      kill: (node) => {
        this.#barriers.raise(`crash ${node}`, around(node, { reject: true }));
      },
      revive: (node) => this.#barriers.lower(`crash ${node}`),
      shift: () => {},
      note: () => this.#enforce(),
    });
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client));
  }

  /** @throws NetworkError ADDRESS_IN_USE or CONNECTION_FAILED if it cannot listen, STOPPED if it was stopped */
  async start(): Promise<void> {
    if (this.#stopping === undefined) {
      this.#starting ??= this.#listen();
      await this.#starting;
    }
    if (this.#stopping !== undefined) throw new NetworkError('STOPPED', 'the proxy was stopped');
  }

  get host(): string {
    return this.#address.address;
  }

  get port(): number {
    return this.#address.port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#open.size;
  }

  /** What is left out stays. @throws NetworkError INVALID_OPTION naming the field, also for what streams cannot have */
  setFaults(faults: Partial<StreamFaults>): void {
    checkStreamFaults(faults);
    this.#climate.set(faults);
  }

  /**
   * Nothing passes, neither bytes nor ends nor resets, and nobody is told. `up` is from the client to the server. With
   * `reject` connections are reset, those that are open and those to come.
   */
  partition(
    options: { readonly oneWay?: 'up' | 'down' | undefined; readonly reject?: boolean | undefined } = {},
  ): void {
    const { oneWay } = options;
    const how: BarrierOptions = { reject: options.reject };
    if (oneWay !== 'down') this.#barriers.raise('up', between(CLIENT, SERVER, how));
    if (oneWay !== 'up') this.#barriers.raise('down', between(SERVER, CLIENT, how));
    this.#enforce();
  }

  /** What waited sets out. */
  healPartition(): void {
    this.#barriers.lower('up');
    this.#barriers.lower('down');
    this.#resume();
  }

  /** Resets every connection; new ones are let in. @returns how many there were */
  cut(): number {
    const count = this.#open.size;
    this.counters.cut += count;
    for (const connection of [...this.#open]) connection.drop();
    return count;
  }

  /**
   * Ends one direction of every open connection, as if its sender had shut down its half: what it sends from now on is
   * dropped, what it receives goes on. `up` is from the client to the server.
   */
  halfClose(direction: 'up' | 'down'): void {
    for (const connection of this.#open) connection.halfClose(direction);
  }

  /**
   * The connections that are open now fall silent for good, as if the host at one end had lost its power: bytes, ends and
   * resets of either side are lost. New ones are as ever.
   */
  abandon(): void {
    for (const connection of this.#open) connection.abandon();
  }

  /**
   * Begins a fault whose nodes are `client` and `server`, for `forMs` milliseconds or until its end. A crash resets every
   * connection, and those that come while it lasts.
   * @throws NetworkError INVALID_OPTION naming the field
   */
  inject(fault: Fault, options: { readonly forMs?: number | undefined } = {}): Injection {
    checkStreamFault(fault);
    return this.#injections.inject(fault, options.forMs);
  }

  /** Faults, each at its time from now on. @throws as `inject` does; nothing is scheduled then */
  schedule(faults: readonly ScheduledFault[]): Disposable {
    for (const { fault } of faults) checkStreamFault(fault);
    return this.#injections.schedule(faults);
  }

  /** Ends every partition, and every injected and scheduled fault. */
  calm(): void {
    this.#injections.clear();
    this.#barriers.clear();
    this.#resume();
  }

  /** Resets every connection and closes. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #address(): AddressInfo {
    const address = this.#server.address();
    if (typeof address !== 'object' || !address) throw new NetworkError('STOPPED', 'the proxy does not listen');
    return address;
  }

  async #listen(): Promise<void> {
    const { listen = {} } = this.#options;
    if ('path' in listen) this.#server.listen(listen.path);
    else this.#server.listen(listen.port ?? 0, listen.host ?? '127.0.0.1');
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      throw toNetworkError(error, inUse ? 'ADDRESS_IN_USE' : 'CONNECTION_FAILED');
    }
  }

  async #close(): Promise<void> {
    this.#injections.clear();
    // What it waits for to listen cannot be called off.
    await this.#starting?.catch(() => {});
    for (const connection of [...this.#open]) connection.drop();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#open.size >= MAX_CONNECTIONS) {
      this.counters.refused += 1;
      client.on('error', () => {});
      reset(client);
      return;
    }
    this.counters.connections += 1;
    const connection = new ProxiedConnection(this.#host, client);
    this.#open.add(connection);
    client.resume();
    this.#enforce();
    connection.dial();
  }

  #resume(): void {
    for (const connection of this.#open) connection.resume();
  }

  /** A barrier that rejects leaves no connection open. */
  #enforce(): void {
    const { up, down } = this.#links;
    if (this.#barriers.refusal(up) !== undefined || this.#barriers.refusal(down) !== undefined) this.cut();
  }
}

function checkStreamFault(fault: Fault): void {
  if (fault.kind === 'faults') checkStreamFaults(fault.faults);
  if (fault.kind === 'clock') throw new NetworkError('INVALID_OPTION', 'fault.kind: a proxy has no clock to change');
}

function checkStreamFaults(faults: Partial<LinkFaults>): void {
  for (const field of NOT_OF_STREAMS) {
    if ((faults[field] ?? 0) === 0) continue;
    throw new NetworkError('INVALID_OPTION', `${field}: TCP sends again what is lost and keeps the order`, {
      hint: 'use a latency, a partition or a crash',
    });
  }
}
