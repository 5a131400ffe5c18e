import { chmod } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { formatHostPort, isNamedPipe } from '../address.js';
import { Arrival } from './arrival.js';
import type { FramedCounters } from './counters.js';
import { readFirstBytes } from './first-bytes.js';
import type { Gate } from './gate.js';
import type { BoundAddress, ListenOptions } from './listen-options.js';
import { proxyHeaderBytes, readProxyHeader } from './proxy-header.js';
import { prepareSocketPath } from './unix-socket.js';

export interface ListenerParts {
  readonly options: ListenOptions;
  readonly gate: Gate;
  readonly counters: FramedCounters;
  readonly log: Log;
  /** Puts TLS over what comes. @default plaintext */
  readonly secure: Security | undefined;
  now(): number;
  /** Takes over a socket that has come through everything. */
  enter(arrival: Arrival): void;
}

/** What makes accepted sockets private. */
export interface Security {
  /** @throws NetworkError INVALID_OPTION if key and certificate cannot be used */
  open(): void;
  close(): void;
  /** Calls back once it is agreed; a peer with which it is not is counted and gone. */
  enter(arrival: Arrival, secured: () => void): void;
}

/** One port or UNIX socket: takes what comes through gate, proxy header and TLS. */
export class Listener {
  readonly name: string;
  readonly #parts: ListenerParts;
  #server: Server | undefined;
  #bound: BoundAddress | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.name = parts.options.name;
  }

  /** Where it listens, once it does. */
  get bound(): BoundAddress | undefined {
    return this.#bound;
  }

  /** @throws NetworkError ADDRESS_IN_USE, INVALID_OPTION, CONNECTION_FAILED, IO */
  async start(): Promise<void> {
    const { options, secure, log } = this.#parts;
    const isFile = 'path' in options && !isNamedPipe(options.path);
    if (isFile) await prepareSocketPath(options.path);
    secure?.open();
    // Plain TCP may be half open, so that last words are read, and as `ws` expects of it; TLS knows no such thing.
    const server = createServer({ allowHalfOpen: secure === undefined, noDelay: true });
    server.on('connection', (socket) => this.#enter(socket));
    await this.#bind(server);
    server.on('error', (error) => log.error({ listener: options.name, error }, 'the listener failed'));
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
    this.#parts.secure?.close();
    this.#server?.close();
    this.#server = undefined;
  }

  /** Resolves when it has stopped and the last of its sockets is gone. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  #bind(server: Server): Promise<void> {
    const { options } = this.#parts;
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
    const { options, secure, gate, now } = this.#parts;
    const isUnix = 'path' in options;
    const arrival = new Arrival(socket, isUnix ? 'unix' : secure ? 'tls' : 'tcp');
    // A socket may fail before anything listens to it, and after everything has let go of it.
    socket.on('error', ignore);
    const behindProxy = !isUnix && options.proxyProtocol === true;
    if (!isUnix && !behindProxy) arrival.locate(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    if (!gate.enter(arrival, now())) return;
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
    const { secure, enter } = this.#parts;
    if (secure) secure.enter(arrival, () => enter(arrival));
    else enter(arrival);
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
  return new NetworkError(code, `cannot listen on ${where}: ${cause.message}`, { cause, address: where });
}

function ignore(): void {}
