import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../base/errors.js';
import type { Arrival } from '../framed/arrival.js';
import { isTls } from '../framed/client-hello.js';
import type { Gate } from '../framed/gate.js';
import type { WebSocketCounters } from './counters.js';

export interface HttpEntranceParts {
  readonly gate: Gate;
  readonly counters: WebSocketCounters;
  readonly maxHeaderBytes: number;
  /** Those that are spoken here. */
  readonly subprotocols: ReadonlySet<string>;
  /** Makes a WebSocket of a request that may become one. */
  upgrade(upgrade: Upgrade): void;
}

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly head: Buffer;
  readonly arrival: Arrival;
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
} as const satisfies Record<string, Refusal>;

const subprotocolRefusal = (spoken: ReadonlySet<string>): Refusal => ({
  status: '426 Upgrade Required',
  code: 'VERSION_MISMATCH',
  text: `This node speaks ${[...spoken].join(', ')}.`,
});

/** For a dialler that speaks TLS where there is none: what is no TLS tells it. */
const NO_TLS = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/** Reads the HTTP request with which a WebSocket begins, and refuses every other before it costs anything. */
export class HttpEntrance {
  readonly #parts: HttpEntranceParts;
  readonly #server: Server;
  readonly #arrivals = new WeakMap<object, Arrival>();

  constructor(parts: HttpEntranceParts) {
    this.#parts = parts;
    // It never listens: it is given sockets. The headers count among the bytes before authentication.
    this.#server = createServer({ maxHeaderSize: parts.maxHeaderBytes });
    this.#server.on('request', (_request, response) => this.#refuseRequest(response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    this.#server.on('clientError', (error: Error & { readonly rawPacket?: Buffer }, socket) => {
      parts.counters.httpRefused += 1;
      if (isTls(error.rawPacket)) socket.end(NO_TLS, () => socket.destroy());
      else socket.destroy();
    });
  }

  enter(arrival: Arrival): void {
    this.#arrivals.set(arrival.stream, arrival);
    this.#server.emit('connection', arrival.stream);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { gate, subprotocols, upgrade } = this.#parts;
    const arrival = this.#arrivals.get(socket);
    this.#arrivals.delete(socket);
    if (arrival === undefined || !gate.has(arrival)) return;
    const offered = request.headers['sec-websocket-protocol'];
    // Browsers send an origin with every WebSocket, and no page has any business here, whatever host it came from.
    if (request.headers.origin !== undefined) {
      this.#refuseUpgrade(socket, REFUSALS.origin);
    } else if (request.url !== '/') {
      this.#refuseUpgrade(socket, REFUSALS.path);
    } else if (offered !== undefined && !offered.split(',').some((name) => subprotocols.has(name.trim()))) {
      this.#refuseUpgrade(socket, subprotocolRefusal(subprotocols));
    } else {
      gate.watch(arrival);
      upgrade({ request, head, arrival });
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
