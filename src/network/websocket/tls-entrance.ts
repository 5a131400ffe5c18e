import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { ListenTls } from '../credentials.js';
import type { Arrival } from '../framed/arrival.js';
import { clientHelloBytes } from '../framed/client-hello.js';
import type { FramedCounters } from '../framed/counters.js';
import { readFirstBytes } from '../framed/first-bytes.js';
import type { Security } from '../framed/listen.js';

export interface TlsEntranceParts {
  readonly tls: ListenTls;
  readonly log: Log;
  readonly counters: FramedCounters;
}

/** What a dialler that speaks plaintext HTTP understands; nobody else is answered. */
const USE_TLS = 'HTTP/1.1 426 Upgrade Required\r\nupgrade: TLS/1.3\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/** Puts TLS 1.3 over accepted sockets, each with the certificate that is current when it comes. */
export class TlsEntrance implements Security {
  readonly #parts: TlsEntranceParts;
  #context: SecureContext | undefined;
  #changes: Disposable | undefined;

  constructor(parts: TlsEntranceParts) {
    this.#parts = parts;
  }

  open(): void {
    const { tls, log } = this.#parts;
    this.#context = contextOf(tls);
    this.#changes = tls.onChange(() => {
      try {
        this.#context = contextOf(tls);
      } catch (error) {
        log.error({ error }, 'the new certificate cannot be used; the listener goes on with the one it has');
      }
    });
  }

  close(): void {
    this.#changes?.[Symbol.dispose]();
    this.#changes = undefined;
  }

  enter(arrival: Arrival, secured: () => void): void {
    const { tcp } = arrival;
    readFirstBytes(tcp, {
      measure: clientHelloBytes,
      read: (clientHello) => {
        tcp.unshift(clientHello);
        this.#secure(arrival, secured);
      },
      refused: (_error, bytes) => this.#refuse(arrival, bytes),
    });
  }

  #secure(arrival: Arrival, secured: () => void): void {
    const { counters } = this.#parts;
    const stream = new TLSSocket(arrival.tcp, {
      isServer: true,
      secureContext: this.#context,
      ALPNProtocols: ['http/1.1'],
    });
    arrival.stream = stream;
    // For as long as it lives: an error that nobody listens for would end the process.
    stream.on('error', ignore);
    const onClose = (): void => {
      if (!arrival.dropped) counters.tlsFailures += 1;
    };
    stream.once('close', onClose);
    stream.once('secure', () => {
      stream.off('close', onClose);
      if (!arrival.dropped) secured();
    });
  }

  #refuse(arrival: Arrival, bytes: Buffer): void {
    this.#parts.counters.plaintextRefused += 1;
    if (isHttp(bytes)) arrival.tcp.end(USE_TLS, () => arrival.drop());
    else arrival.drop();
  }
}

function contextOf(tls: ListenTls): SecureContext {
  try {
    const { key, chain } = tls.current();
    return createSecureContext({ key, cert: chain, minVersion: 'TLSv1.3' });
  } catch (cause) {
    throw new NetworkError('INVALID_OPTION', `the certificate cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** Whether these bytes, which are no TLS, may be the beginning of an HTTP request. */
const isHttp = (bytes: Buffer): boolean => /^[A-Z]{1,7}( |$)/.test(bytes.toString('latin1', 0, 8));

function ignore(): void {}
