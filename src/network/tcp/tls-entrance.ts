import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Arrival } from '../framed/arrival.js';
import { clientHelloBytes } from '../framed/client-hello.js';
import { readFirstBytes } from '../framed/first-bytes.js';
import type { Security } from '../framed/listen.js';
import { type MutualTls, provedNames } from '../mutual-tls.js';
import type { TcpCounters } from './counters.js';

export interface TlsEntranceParts {
  readonly tls: MutualTls;
  readonly counters: TcpCounters;
}

interface Visitor {
  readonly arrival: Arrival;
  readonly secured: () => void;
}

/** What is spoken over TLS (ALPN). */
export const TLS_PROTOCOL = 'netmgr.v1';

/** Puts mutual TLS 1.3 over accepted sockets: who has no certificate of the authority does not come in. */
export class TlsEntrance implements Security {
  readonly #parts: TlsEntranceParts;
  /** It never listens: it is given sockets. */
  readonly #server: Server;
  /** Those whose handshake goes on, by where they are, which only they are at a time. */
  readonly #visitors = new Map<string, Visitor>();

  constructor(parts: TlsEntranceParts) {
    this.#parts = parts;
    this.#server = createServer({ ...parts.tls.server(), ALPNProtocols: [TLS_PROTOCOL] });
    this.#server.on('secureConnection', (stream) => this.#secured(stream));
    this.#server.on('tlsClientError', (_error, stream) => stream.destroy());
  }

  open(): void {}

  close(): void {}

  enter(arrival: Arrival, secured: () => void): void {
    const { tcp } = arrival;
    readFirstBytes(tcp, {
      measure: clientHelloBytes,
      read: (clientHello) => {
        tcp.unshift(clientHello);
        this.#secure({ arrival, secured });
      },
      refused: () => {
        this.#parts.counters.plaintextRefused += 1;
        arrival.drop();
      },
    });
  }

  #secure(visitor: Visitor): void {
    const { tcp } = visitor.arrival;
    const where = whereOf(tcp);
    this.#visitors.set(where, visitor);
    tcp.once('close', () => {
      if (this.#visitors.get(where) !== visitor) return;
      this.#visitors.delete(where);
      if (!visitor.arrival.dropped) this.#parts.counters.tlsFailures += 1;
    });
    this.#server.emit('connection', tcp);
  }

  #secured(stream: TLSSocket): void {
    const where = whereOf(stream);
    const visitor = this.#visitors.get(where);
    this.#visitors.delete(where);
    // For as long as it lives: an error that nobody listens for would end the process.
    stream.on('error', ignore);
    if (visitor === undefined || visitor.arrival.dropped) {
      stream.destroy();
      return;
    }
    const { arrival, secured } = visitor;
    arrival.stream = stream;
    arrival.certified = provedNames(stream);
    secured();
  }
}

const whereOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

function ignore(): void {}
