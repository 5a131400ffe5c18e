import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { NetworkError } from '../../base/errors.js';
import { formatHostPort, plainHost } from '../address.js';
import type { MutualTls } from '../mutual-tls.js';
import type { Entrance } from './entrance.js';
import type { Hub } from './hub.js';
import type { ResolvedListen } from './options.js';

export interface HttpServerParts {
  readonly hub: Hub;
  readonly listen: ResolvedListen;
  readonly tls: MutualTls | undefined;
  readonly entrance: Entrance;
}

/** How often Node looks at requests that take too long. */
const LOOK_MS = 500;
const MAX_HEADERS = 100;
/** After so long without a byte TCP itself asks whether the other end is still there. */
const KEEP_ALIVE_PROBE_MS = 10_000;

/** The HTTP server of a network, with a bound for everything that a client may do. */
export class HttpServer {
  readonly #parts: HttpServerParts;
  readonly #server: Server;
  readonly #perAddress = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  #closed: Promise<void> = Promise.resolve();
  #bound: AddressInfo | undefined;
  #stopped = false;

  constructor(parts: HttpServerParts) {
    this.#parts = parts;
    this.#server = this.#create();
    this.#listen();
  }

  /** Where it listens, once it does. */
  get bound(): { readonly host: string; readonly port: number } | undefined {
    return this.#bound && { host: this.#bound.address, port: this.#bound.port };
  }

  /** Resolves when it listens, or was stopped before it did. @throws NetworkError ADDRESS_IN_USE, CONNECTION_FAILED */
  start(): Promise<void> {
    const { host, port } = this.#parts.listen;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(formatHostPort(host, port), error)));
      server.once('close', resolve);
      server.listen({ host, port }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#parts.hub.log.error({ error }, 'the listener failed'));
        this.#bound = server.address() as AddressInfo;
        this.#closed = new Promise((closed) => server.once('close', () => closed()));
        // The name of the host may have taken longer to look up than somebody wanted to wait.
        if (this.#stopped) server.close();
        resolve();
      });
    });
  }

  /** Accepts nobody any more, and ends the sockets that idle, on which nothing may have been said yet. */
  stop(): void {
    this.#stopped = true;
    this.#server.close();
    this.#server.closeIdleConnections();
    // Of these only newer versions of Node say that they idle.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Ends every socket. @returns how many there were */
  destroy(): number {
    const open = this.#sockets.size;
    for (const socket of this.#sockets) socket.destroy();
    return open;
  }

  /** Resolves when it has stopped and the last of its sockets is gone. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  #create(): Server {
    const { hub, tls, listen } = this.#parts;
    const { limits } = hub;
    const options: ServerOptions = {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: Math.max(limits.bodyTimeoutMs, limits.headersTimeoutMs),
      connectionsCheckingInterval: LOOK_MS,
      keepAliveTimeout: limits.keepAliveMs,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    };
    if (tls === undefined) return createServer(options);
    const secure = { ...tls.server(listen.authenticate !== undefined), handshakeTimeout: limits.tlsTimeoutMs };
    return createSecureServer({ ...options, ...secure });
  }

  #listen(): void {
    const { hub, entrance, tls } = this.#parts;
    const { counters, limits } = hub;
    const server = this.#server;
    server.maxConnections = limits.maxConnections;
    server.maxHeadersCount = MAX_HEADERS;
    server.on('connection', (socket: Socket) => this.#accepted(socket));
    server.on('drop', () => {
      counters.connectionsFull += 1;
    });
    server.on('request', (request, response) => entrance.enter(request, response));
    server.on('checkContinue', (request, response) => entrance.enter(request, response, true));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#clientError(error, socket));
    if (tls) this.#countHandshakes();
  }

  /** Also those of clients whose certificate is not believed, of whom Node tells nobody. */
  #countHandshakes(): void {
    const { counters } = this.#parts.hub;
    const waiting = new Set<string>();
    this.#server.on('secureConnection', (socket: Socket) => waiting.delete(endOf(socket)));
    this.#server.on('connection', (socket: Socket) => {
      const end = endOf(socket);
      waiting.add(end);
      socket.once('close', () => {
        if (waiting.delete(end)) counters.tlsFailures += 1;
      });
    });
  }

  #accepted(socket: Socket): void {
    const { limits, counters } = this.#parts.hub;
    // A socket may fail before anything listens to it, and after everything has let go of it.
    socket.on('error', ignore);
    const ip = plainHost(socket.remoteAddress ?? '');
    const count = this.#perAddress.get(ip) ?? 0;
    if (count >= limits.maxConnectionsPerAddress) {
      counters.addressFull += 1;
      socket.destroy();
      return;
    }
    this.#perAddress.set(ip, count + 1);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perAddress.get(ip) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(ip);
      else this.#perAddress.set(ip, left);
    });
  }

  #clientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const { counters } = this.#parts.hub;
    const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    // Whatever else fails, TLS before all, leaves nothing that could be written to.
    if (!socket.writable || !(slow || error.code?.startsWith('HPE_'))) {
      socket.destroy();
      return;
    }
    const status = slow ? '408 Request Timeout' : error.code === 'HPE_HEADER_OVERFLOW' ? TOO_MANY : '400 Bad Request';
    counters[slow ? 'slowRequests' : 'malformed'] += 1;
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
  }
}

const TOO_MANY = '431 Request Header Fields Too Large';

function listenError(where: string, cause: NodeJS.ErrnoException): NetworkError {
  if (cause.code === 'EADDRINUSE') {
    const hint = 'Stop it, or choose another port.';
    return new NetworkError('ADDRESS_IN_USE', `another program listens on ${where}`, { cause, hint });
  }
  return new NetworkError('CONNECTION_FAILED', `cannot listen on ${where}: ${cause.message}`, { cause });
}

/** Of the client, which is the same for TLS and for what it runs on. */
const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

function ignore(): void {}
