import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, SystemClock } from '../base/clock.js';
import { NetworkError, toNetworkError } from '../base/errors.js';
import { type Random, systemRandom } from '../base/random.js';
import { around, type BarrierOptions, Barriers, between } from '../network/memory/barriers.js';
import { Climate } from '../network/memory/climate.js';
import type { Fault, ScheduledFault } from '../network/memory/fault.js';
import { type Injection, Injections } from '../network/memory/injections.js';
import { Link } from '../network/memory/link.js';
import type { LinkFaults } from '../network/memory/options.js';
import { ProxiedStream, type StreamWeather } from './proxied-stream.js';

/** What TCP can suffer from. It repeats what is lost and puts in order what is not: of that a program sees delays. */
export type StreamFaults = Pick<LinkFaults, 'baseDelayMs' | 'jitter' | 'latency' | 'corruptRate' | 'bytesPerSecond'>;

export interface ChaosProxyOptions {
  /** Where connections go. */
  readonly target: { readonly host: string; readonly port: number };
  /** Where the proxy listens. @default a free port of 127.0.0.1 */
  readonly listen?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /** Of both directions. */
  readonly faults?: Partial<StreamFaults> | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** @default the machine's */
  readonly random?: Random | undefined;
}

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

interface Pair {
  readonly client: Socket;
  server: Socket | undefined;
  readonly up: ProxiedStream;
  down: ProxiedStream | undefined;
}

/**
 * A TCP proxy with the faults of the chaos network, for tests with real sockets: TCP, TLS, WebSocket, HTTP. Its two
 * ends are called `client` and `server`.
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
  readonly #pairs = new Set<Pair>();
  readonly #links: { readonly up: Link; readonly down: Link };
  readonly #climate: Climate;
  readonly #barriers = new Barriers();
  readonly #injections: Injections;
  readonly #weather: StreamWeather;
  #stopping: Promise<void> | undefined;

  /** @throws NetworkError INVALID_OPTION naming the field and its range */
  constructor(options: ChaosProxyOptions) {
    const { clock = new SystemClock(), random = systemRandom, faults = {} } = options;
    checkStreamFaults(faults);
    this.#options = options;
    this.#links = { up: new Link(CLIENT, SERVER, random), down: new Link(SERVER, CLIENT, random) };
    this.#climate = new Climate({ baseDelayMs: 0, ...faults });
    this.#weather = {
      clock,
      blocked: (link) => this.#barriers.blocks(link),
      faultsOf: (link) => this.#climate.of(link),
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

  /** @throws NetworkError ADDRESS_IN_USE or CONNECTION_FAILED if it cannot listen */
  async start(): Promise<void> {
    const { host = '127.0.0.1', port = 0 } = this.#options.listen ?? {};
    this.#server.listen(port, host);
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      throw toNetworkError(error, inUse ? 'ADDRESS_IN_USE' : 'CONNECTION_FAILED');
    }
  }

  get host(): string {
    return this.#address.address;
  }

  get port(): number {
    return this.#address.port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size;
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
    const count = this.#pairs.size;
    this.counters.cut += count;
    for (const pair of [...this.#pairs]) this.#drop(pair);
    return count;
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

  async #close(): Promise<void> {
    this.#injections.clear();
    for (const pair of [...this.#pairs]) this.#drop(pair);
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', ignore);
    if (this.#pairs.size >= MAX_CONNECTIONS) {
      this.counters.refused += 1;
      client.resetAndDestroy();
      return;
    }
    this.counters.connections += 1;
    const pair: Pair = { client, server: undefined, up: this.#stream(this.#links.up, client), down: undefined };
    this.#pairs.add(pair);
    client.on('close', () => this.#closed(pair));
    client.resume();
    this.#enforce();
    this.#dial(pair);
  }

  /** Only when both ways are open: what would dial hears nothing while one is not. */
  #dial(pair: Pair): void {
    const { up, down } = this.#links;
    if (pair.server || !this.#pairs.has(pair) || this.#barriers.blocks(up) || this.#barriers.blocks(down)) return;
    const server = connect({ ...this.#options.target, allowHalfOpen: true });
    pair.server = server;
    server.on('error', ignore);
    server.on('connect', () => {
      pair.up.deliverTo(server);
      pair.down = this.#stream(down, server);
      pair.down.deliverTo(pair.client);
    });
    server.on('close', () => {
      if (!pair.down && this.#pairs.has(pair)) {
        this.counters.targetFailed += 1;
        this.#drop(pair);
      }
      this.#closed(pair);
    });
  }

  #stream(link: Link, source: Socket): ProxiedStream {
    const onPaused = (): void => {
      this.counters.paused += 1;
    };
    return new ProxiedStream(link, source, { weather: this.#weather, onPaused });
  }

  /** Gone when both ends are; one that is left learns of it as soon as the link lets it. */
  #closed(pair: Pair): void {
    if (pair.client.destroyed && (pair.server?.destroyed ?? true)) this.#drop(pair);
  }

  #drop(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.up.close();
    pair.down?.close();
    pair.client.resetAndDestroy();
    pair.server?.resetAndDestroy();
  }

  #resume(): void {
    for (const pair of this.#pairs) {
      this.#dial(pair);
      pair.up.resume();
      pair.down?.resume();
    }
  }

  /** A barrier that rejects leaves no connection open. */
  #enforce(): void {
    const { up, down } = this.#links;
    if (this.#barriers.refusal(up) !== undefined || this.#barriers.refusal(down) !== undefined) this.cut();
  }
}

/** A broken socket is closed, which is heard of. */
const ignore = (): void => {};

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
