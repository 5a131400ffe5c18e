/**
 * A process of its own with many collaborators. Told over IPC by a `ManyOrder`: enrols them all, says so, and from then
 * on tells each time when all of them are connected again.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import { WebSocket } from 'ws';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { helloPayload } from '../network/websocket-nodes.js';
import { answerOf } from './fake-device.js';

export interface ManyOrder {
  readonly port: number;
  readonly roots: readonly string[];
  readonly token: string;
  readonly count: number;
}

export interface ManyReport {
  /** All of them are in; how long it took since the first dial, or since the loss of the last. */
  readonly connectedMs: number;
  /** Dials that failed on the way. */
  readonly failures: number;
}

/** So many wait to authenticate at a time: the leader takes 16 of each address. */
const PER_ADDRESS = 8;
/** As a collaborator does after a loss. */
const RETRY_MS = 250;

const sockets = new Set<WebSocket>();
let over = false;
let failures = 0;
let connected = 0;
let startedAt = 0;
let order: ManyOrder;

class Client {
  readonly #name: string;
  readonly #localAddress: string;
  readonly #key = DeviceKey.generate();
  #enrolled = false;

  constructor(index: number) {
    this.#name = `c${index}`;
    this.#localAddress = `127.0.${4 + Math.floor(index / PER_ADDRESS / 250)}.${1 + (Math.floor(index / PER_ADDRESS) % 250)}`;
  }

  async run(): Promise<void> {
    while (!over) {
      const socket = await this.#dial().catch(() => undefined);
      if (socket) {
        connected += 1;
        if (connected === order.count) {
          process.send?.({ connectedMs: performance.now() - startedAt, failures } satisfies ManyReport);
        }
        if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
        connected -= 1;
        startedAt = performance.now();
      } else {
        failures += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())));
    }
  }

  async #dial(): Promise<WebSocket> {
    const { port, roots, token } = order;
    let tls: TLSSocket | undefined;
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, ['netmgr.v1.json'], {
      perMessageDeflate: false,
      createConnection: () => {
        tls = connect({
          ...{ host: '127.0.0.1', port, localAddress: this.#localAddress, ca: [...roots], minVersion: 'TLSv1.3' },
          checkServerIdentity: () => undefined,
        });
        return tls;
      },
    });
    socket.on('error', () => {});
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return new Promise((resolve, reject) => {
      const say = (type: string, payload: unknown): void =>
        socket.send(JSON.stringify({ v: 1, id: 'c-1', kind: 'control', type, from: this.#name, ts: 1, payload }));
      socket.once('close', () => reject(new Error('closed')));
      socket.once('open', () => say('hello', helloPayload({ instance: this.#name })));
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as { type: string; payload: { nonce: string } };
        if (message.type === 'challenge') {
          const binding = createHash('sha256')
            .update(tls?.getPeerX509Certificate()?.raw ?? '')
            .digest();
          const nonce = Buffer.from(message.payload.nonce, 'base64url');
          const device = { node: this.#name, role: 'collaborator', key: this.#key, signs: { binding } } as const;
          const answer = answerOf(nonce, this.#enrolled ? device : { ...device, token });
          say(String(answer.type), answer.payload);
        } else if (message.type === 'welcome') {
          this.#enrolled = true;
          say('register', { sequence: 1, handlers: ['echo'], tags: {}, slots: 1, draining: false });
          resolve(socket);
        }
      });
    });
  }
}

process.on('message', (given: ManyOrder) => {
  order = given;
  startedAt = performance.now();
  for (let index = 0; index < given.count; index += 1) void new Client(index).run();
});
process.on('disconnect', () => {
  over = true;
  for (const socket of sockets) socket.terminate();
});
