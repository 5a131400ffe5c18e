import { chmod } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { formatHostPort, isNamedPipe } from '../address.js';
import { Arrival } from './arrival.js';
import type { WebSocketCounters } from './counters.js';
import { readFirstBytes } from './first-bytes.js';
import type { Gate } from './gate.js';
import { HttpEntrance, type Upgrade } from './http-entrance.js';
import type { BoundAddress, ListenOptions } from './options.js';
import { proxyHeaderBytes, readProxyHeader } from './proxy-header.js';
import { TlsEntrance } from './tls-entrance.js';
import { prepareSocketPath } from './unix-socket.js';

export interface ListenerParts {
  readonly options: ListenOptions;
  readonly gate: Gate;
  readonly counters: WebSocketCounters;
  readonly log: Log;
  readonly maxHeaderBytes: number;
  now(): number;
  /** Makes a WebSocket of a request that may become one. */
  upgrade(upgrade: Upgrade, listener: Listener): void;
}

/** One port or UNIX socket: takes what comes through gate, proxy header and TLS to HTTP, and hands on what became a WebSocket. */
export class Listener {
  readonly options: ListenOptions;
  readonly #parts: ListenerParts;
  readonly #http: HttpEntrance;
  readonly #tls: TlsEntrance | undefined;
  #server: Server | undefined;
  #bound: BoundAddress | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(parts: ListenerParts) {
    const { options, gate, counters, log, maxHeaderBytes } = parts;
    this.#parts = parts;
    this.options = options;
    this.#http = new HttpEntrance({
      gate,
      counters,
      maxHeaderBytes,
      upgrade: (upgrade) => parts.upgrade(upgrade, this),
    });
    const tls = 'path' in options ? undefined : options.tls;
    this.#tls = tls && new TlsEntrance({ tls, log, counters });
  }

  /** Where it listens, once it does. */
  get bound(): BoundAddress | undefined {
    return this.#bound;
  }

  /** @throws NetworkError ADDRESS_IN_USE, INVALID_OPTION, CONNECTION_FAILED, IO */
  async start(): Promise<void> {
    const { options } = this;
    const isFile = 'path' in options && !isNamedPipe(options.path);
    if (isFile) await prepareSocketPath(options.path);
    this.#tls?.open();
    // HTTP over plain TCP may be half open, as `ws` expects of it; TLS knows no such thing.
    const server = createServer({ allowHalfOpen: this.#tls === undefined, noDelay: true });
    server.on('connection', (socket) => this.#enter(socket));
    await this.#bind(server);
    server.on('error', (error) => this.#parts.log.error({ listener: options.name, error }, 'the listener failed'));
    this.#server = server;
    this.#closed = new Promise((resolve) => server.once('close', resolve));
    if ('path' in options) {
      if (isFile) await chmod(options.path, 0o600);
      this.#bound = { path: options.path };
    } else {
      const { address, port } = server.address() as AddressInfo;
      this.#bound = { host: address, port };
    }
  }

  /** Accepts nobody any more; who is in stays. */
  stop(): void {
    this.#tls?.close();
    this.#server?.close();
    this.#server = undefined;
  }

  /** Resolves when it has stopped and the last of its sockets is gone. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  #bind(server: Server): Promise<void> {
    const { options } = this;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(options, error)));
      server.once('listening', () => {
        server.removeAllListeners('error');
        resolve();
      });
      if ('path' in options) listenPrivately(server, options.path);
      else server.listen({ host: options.host, port: options.port });
    });
  }

  #enter(socket: Socket): void {
    const { options } = this;
    const isUnix = 'path' in options;
    const arrival = new Arrival(socket, isUnix ? 'unix' : this.#tls ? 'tls' : 'tcp');
    // A socket may fail before anything listens to it, and after everything has let go of it.
    socket.on('error', ignore);
    const behindProxy = !isUnix && options.proxyProtocol === true;
    if (!isUnix && !behindProxy) arrival.locate(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    if (!this.#parts.gate.enter(arrival, this.#parts.now())) return;
    if (behindProxy) this.#enterThroughProxy(arrival);
    else this.#enterDirectly(arrival);
  }

  #enterThroughProxy(arrival: Arrival): void {
    const { gate, counters } = this.#parts;
    const { tcp } = arrival;
    readFirstBytes(tcp, {
      measure: (bytes) => {
        const wanted = proxyHeaderBytes(bytes);
        const source = bytes.length < wanted ? undefined : readProxyHeader(bytes.subarray(0, wanted));
        if (source) arrival.locate(source.host, source.port);
        return wanted;
      },
      read: () => {
        if (arrival.ip === undefined) arrival.locate(tcp.remoteAddress ?? '', tcp.remotePort ?? 0);
        if (gate.locate(arrival)) this.#enterDirectly(arrival);
      },
      refused: () => {
        counters.proxyHeadersRefused += 1;
        arrival.drop();
      },
    });
  }

  #enterDirectly(arrival: Arrival): void {
    if (this.#tls) this.#tls.enter(arrival, () => this.#http.enter(arrival));
    else this.#http.enter(arrival);
  }
}

/** The file gets its mode with the bind itself, so that there is no moment in which others could connect. */
function listenPrivately(server: Server, path: string): void {
  if (!isMainThread) {
    server.listen({ path });
    return;
  }
  const before = process.umask(0o177);
  try {
    server.listen({ path });
  } finally {
    process.umask(before);
  }
}

function listenError(options: ListenOptions, cause: NodeJS.ErrnoException): NetworkError {
  const where = 'path' in options ? options.path : formatHostPort(options.host, options.port);
  if (cause.code === 'EADDRINUSE') {
    return new NetworkError('ADDRESS_IN_USE', `another program listens on ${where}`, {
      cause,
      hint: 'path' in options ? 'Stop it, or choose another path.' : 'Stop it, or choose another port.',
    });
  }
  const code = 'path' in options ? 'IO' : 'CONNECTION_FAILED';
  return new NetworkError(code, `cannot listen on ${where}: ${cause.message}`, { cause });
}

function ignore(): void {}
