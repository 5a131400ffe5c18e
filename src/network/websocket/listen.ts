import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { formatHostPort, isNamedPipe, plainHost } from '../address.js';
import type { WebSocketCounters } from './counters.js';
import type { Gate } from './gate.js';
import type { BoundAddress, ListenOptions } from './options.js';
import { SUBPROTOCOLS } from './subprotocols.js';
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

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly raw: Socket;
  readonly head: Buffer;
}

interface Refusal {
  readonly status: string;
  /** Told in the header `netmgr-error`, which a dialling node understands. */
  readonly code: ErrorCode;
  readonly text: string;
}

const REFUSALS = {
  origin: { status: '403 Forbidden', code: 'NOT_ALLOWED', text: 'netmgr does not serve web pages.' },
  path: { status: '404 Not Found', code: 'CONNECTION_FAILED', text: 'netmgr serves the path / only.' },
  subprotocol: {
    status: '426 Upgrade Required',
    code: 'VERSION_MISMATCH',
    text: `This node speaks ${[...SUBPROTOCOLS.keys()].join(', ')}.`,
  },
} as const satisfies Record<string, Refusal>;

/** One port or UNIX socket: hands on what became a WebSocket, and refuses the rest before it costs anything. */
export class Listener {
  readonly options: ListenOptions;
  readonly #parts: ListenerParts;
  #server: Server | undefined;
  #bound: BoundAddress | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.options = parts.options;
  }

  /** Where it listens, once it does. */
  get bound(): BoundAddress | undefined {
    return this.#bound;
  }

  get unix(): boolean {
    return 'path' in this.options;
  }

  /** @throws NetworkError ADDRESS_IN_USE, INVALID_OPTION, CONNECTION_FAILED, IO */
  async start(): Promise<void> {
    const { options } = this;
    const isFile = 'path' in options && !isNamedPipe(options.path);
    if (isFile) await prepareSocketPath(options.path);
    // The headers count among the bytes before authentication.
    const server = createServer({ maxHeaderSize: this.#parts.maxHeaderBytes });
    server.on('connection', (socket: Socket) => this.#enter(socket));
    server.on('request', (_request, response) => this.#refuseRequest(response));
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    server.on('clientError', (_error, socket) => {
      this.#parts.counters.httpRefused += 1;
      socket.destroy();
    });
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
    this.#parts.gate.enter(socket, this.unix ? undefined : plainHost(socket.remoteAddress ?? ''), this.#parts.now());
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { gate } = this.#parts;
    if (!gate.has(socket)) return;
    const offered = request.headers['sec-websocket-protocol'];
    if (request.headers.origin !== undefined) {
      this.#refuseUpgrade(socket, REFUSALS.origin);
    } else if (request.url !== '/') {
      this.#refuseUpgrade(socket, REFUSALS.path);
    } else if (offered !== undefined && !offered.split(',').some((name) => SUBPROTOCOLS.has(name.trim()))) {
      this.#refuseUpgrade(socket, REFUSALS.subprotocol);
    } else {
      gate.watch(socket);
      this.#parts.upgrade({ request, raw: socket, head }, this);
    }
  }

  #refuseUpgrade(socket: Socket, { status, code, text }: Refusal): void {
    this.#parts.counters.httpRefused += 1;
    const headers = `connection: close\r\ncontent-type: text/plain\r\ncontent-length: ${text.length + 1}\r\nnetmgr-error: ${code}`;
    socket.on('error', () => socket.destroy());
    socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${text}\n`, () => socket.destroy());
  }

  #refuseRequest(response: ServerResponse): void {
    this.#parts.counters.httpRefused += 1;
    response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-type': 'text/plain' });
    response.end('netmgr speaks WebSocket here, not HTTP; try: netmgr status\n', () => response.socket?.destroySoon());
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
