import { createServer, type Server, type TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { Listening } from './listening.js';

/** Poses as a leader: shows what certificates it has, plays the protocol as far as it gets, and keeps every byte that it can read. */
export class Impostor implements AsyncDisposable {
  readonly #server: Server;
  readonly #heard: Buffer[] = [];
  #listening: Listening | undefined;

  private constructor(served: { readonly key: string; readonly chain: string }) {
    const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'netmgr.v1.json' });
    this.#server = createServer({ key: served.key, cert: served.chain, minVersion: 'TLSv1.3' });
    this.#server.on('tlsClientError', () => {});
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => this.#heard.push(bytes));
      socket.once('data', (bytes: Buffer) => this.#upgrade(webSockets, socket, bytes));
    });
  }

  static async open(served: { readonly key: string; readonly chain: string }): Promise<Impostor> {
    const impostor = new Impostor(served);
    impostor.#listening = await Listening.open(impostor.#server);
    return impostor;
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  get connections(): number {
    return this.#listening?.connections ?? 0;
  }

  /** Everything that came to it inside TLS. */
  get heard(): Buffer {
    return Buffer.concat(this.#heard);
  }

  /** Whoever gets as far as a hello is asked for a proof. */
  #upgrade(webSockets: WebSocketServer, socket: TLSSocket, head: Buffer): void {
    const headers = Object.fromEntries(
      head
        .toString('latin1')
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': '))
        .filter((pair) => pair.length === 2)
        .map(([name = '', value]) => [name.toLowerCase(), value]),
    );
    if (headers['upgrade'] !== 'websocket') return;
    webSockets.handleUpgrade({ method: 'GET', headers, socket } as never, socket, Buffer.alloc(0), (webSocket) => {
      webSocket.on('error', () => {});
      webSocket.once('message', () => {
        const payload = { nonce: Buffer.alloc(32, 7).toString('base64url') };
        webSocket.send(
          JSON.stringify({ v: 1, id: 'i-1', kind: 'control', type: 'challenge', from: 'leader', ts: 1, payload }),
        );
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listening?.[Symbol.asyncDispose]();
  }
}
