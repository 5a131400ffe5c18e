import type { AddressInfo } from 'node:net';
import { connect, createServer, type SecureVersion, type Server, type TLSSocket } from 'node:tls';

export interface Served {
  readonly key: string;
  readonly chain: string;
}

/** A TLS 1.3 server on a free port of the loopback; says "ready" to whoever gets through and hears nothing. */
export class TlsServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  /** What came in as application data, from everybody. */
  received = 0;

  private constructor(served: Served) {
    this.#server = createServer({ key: served.key, cert: served.chain, minVersion: 'TLSv1.3' }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        this.received += bytes.length;
      });
      socket.on('close', () => this.#sockets.delete(socket));
      socket.write('ready');
    });
    this.#server.on('tlsClientError', () => {});
  }

  static async open(served: Served): Promise<TlsServer> {
    const opened = new TlsServer(served);
    await new Promise<void>((resolve) => opened.#server.listen(0, '127.0.0.1', resolve));
    return opened;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** 'ok', or the code of the error by which the handshake failed. */
  shakeHands(client: { readonly ca: readonly string[]; readonly maxVersion?: SecureVersion }): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect({
        host: '127.0.0.1',
        port: this.port,
        checkServerIdentity: () => undefined,
        ...client,
        ca: [...client.ca],
      });
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.once('data', () => {
        resolve('ok');
        socket.destroy();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
