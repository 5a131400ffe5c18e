import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import { SystemClock } from '../../src/base/clock.js';
import { silentLog } from '../../src/base/log.js';
import { seededRandom } from '../../src/base/random.js';
import type { MessageDraft, NetworkMessage } from '../../src/message/message.js';
import { Stamp } from '../../src/message/stamp.js';
import { AwakeTime } from '../../src/network/framed/awake-time.js';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import type { Peer, PeerEvent, SendOutcome } from '../../src/network/network.js';
import { WebSocketNetwork } from '../../src/network/websocket/network.js';
import type { DialOptions, WebSocketNetworkOptions } from '../../src/network/websocket/options.js';
import type { NetworkWiring } from '../../src/network/wiring.js';

const GIVE_UP_MS = 30_000;

/** Waits until it is so; what the wait is for is in the error. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Resolves when the socket is closed, whether by an error or not. */
export const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });

/** A network with what it has received and seen. */
export class Node {
  readonly network: WebSocketNetwork;
  readonly clock: SystemClock = new SystemClock();
  readonly stamp: Stamp;
  readonly received: NetworkMessage[] = [];
  readonly events: PeerEvent[] = [];
  onMessage: (message: NetworkMessage, peer: Peer) => void = () => {};

  constructor(self: string, options: WebSocketNetworkOptions, wiring: Partial<NetworkWiring> = {}) {
    const random = seededRandom(self);
    this.stamp = new Stamp(self, this.clock, random);
    this.network = new WebSocketNetwork(
      {
        self,
        role: 'collaborator',
        cluster: undefined,
        version: '1.2.3',
        clock: this.clock,
        random,
        log: silentLog,
        stamp: this.stamp,
        ...wiring,
      },
      options,
    );
    this.network.onMessage((message, peer) => {
      this.received.push(message);
      this.onMessage(message, peer);
    });
    this.network.onPeer((event) => this.events.push(event));
  }

  send(draft: Partial<MessageDraft>): SendOutcome {
    return this.network.send(this.stamp.make({ kind: 'event', type: 'test', ...draft }));
  }

  /** Events of a type, in the order in which they came. */
  seen<T extends PeerEvent['type']>(type: T): Extract<PeerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PeerEvent, { type: T }> => event.type === type);
  }

  /** Waits until a network that looks at its deadlines each `sweepMs` has been awake for so long. */
  awake(ms: number, sweepMs: number): Promise<void> {
    return new Promise((resolve) => {
      const time = new AwakeTime(this.clock, sweepMs, (now) => {
        if (now < ms) return;
        time.stop();
        resolve();
      });
      time.start();
    });
  }

  get port(): number {
    const bound = this.network.boundAddresses.get('tcp');
    if (bound === undefined || !('port' in bound)) throw new Error('not bound');
    return bound.port;
  }
}

export type StrangerOptions = ClientOptions & { readonly subprotocol?: string };

/** A cluster of one test, gone at its end. */
export class Nodes implements AsyncDisposable {
  readonly #nodes: Node[] = [];
  readonly #sockets: WebSocket[] = [];
  readonly #raw: Socket[] = [];

  node(self: string, options: WebSocketNetworkOptions, wiring?: Partial<NetworkWiring>): Node {
    const node = new Node(self, options, wiring);
    this.#nodes.push(node);
    return node;
  }

  async leader(options: Partial<WebSocketNetworkOptions> = {}, wiring: Partial<NetworkWiring> = {}): Promise<Node> {
    const listen = [{ name: 'tcp', host: '127.0.0.1', port: 0, authenticator: new LoopbackAuthenticator() }];
    const leader = this.node('leader', { listen, ...options }, { role: 'leader', cluster: 'default', ...wiring });
    await leader.network.start();
    return leader;
  }

  /** A node that dials; not yet connected. */
  async dialler(
    self: string,
    address: string | number,
    options: Partial<WebSocketNetworkOptions> & {
      wiring?: Partial<NetworkWiring>;
    } & Pick<DialOptions, 'codec' | 'compression' | 'credentials'> = {},
  ): Promise<Node> {
    const { wiring, codec, compression, credentials, ...rest } = options;
    const text = typeof address === 'number' ? `127.0.0.1:${address}` : address;
    const node = this.node(self, { dial: { address: text, codec, compression, credentials }, ...rest }, wiring);
    await node.network.start();
    return node;
  }

  async member(self: string, leader: Node, options: Parameters<Nodes['dialler']>[2] = {}): Promise<Node> {
    const node = await this.dialler(self, leader.port, options);
    await until(() => node.network.upstream !== undefined && leader.network.peers.has(self), `${self} to be connected`);
    return node;
  }

  webSocket(port: number, { subprotocol = 'netmgr.v1.json', ...options }: StrangerOptions = {}): WebSocket {
    const scheme = options.ca === undefined ? 'ws' : 'wss';
    const socket = new WebSocket(`${scheme}://127.0.0.1:${port}/`, [subprotocol], {
      perMessageDeflate: false,
      ...options,
    });
    socket.on('error', () => {});
    this.#sockets.push(socket);
    return socket;
  }

  /** A hand-made peer that has said hello and was welcomed. */
  async stranger(self: string, port: number, options: StrangerOptions = {}): Promise<Stranger> {
    const stranger = await this.guest(self, port, options);
    await until(() => stranger.messages.some(({ type }) => type === 'welcome'), 'the welcome');
    return stranger;
  }

  /** A hand-made peer that has said hello. */
  async guest(self: string, port: number, options: StrangerOptions = {}): Promise<Stranger> {
    const stranger = new Stranger(this.webSocket(port, options), self);
    await once(stranger.socket, 'open');
    stranger.say({ kind: 'control', type: 'hello', payload: helloPayload() });
    return stranger;
  }

  /** @param localAddress one of 127.0.0.0/8, which count as addresses of their own */
  async tcp(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    socket.on('error', () => {});
    this.#raw.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    for (const socket of this.#raw) socket.destroy();
    await Promise.all(this.#nodes.map(({ network }) => network.stop({ graceMs: 50 })));
    const pending = this.#nodes.map(({ clock }) => clock.pending);
    if (pending.some((count) => count > 0)) throw new Error(`timers left after stop: ${pending}`);
  }
}

export const helloPayload = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  role: 'collaborator',
  instance: 'abcdef',
  version: '9.9.9',
  ...fields,
});

/** A peer made of a bare WebSocket, that does whatever the test wants. */
export class Stranger {
  readonly socket: WebSocket;
  readonly messages: (NetworkMessage & { payload: Record<string, unknown> })[] = [];
  closeCode: number | undefined;
  /** Every frame that it has sent. */
  readonly said: string[] = [];
  readonly #self: string;
  #counter = 0;

  constructor(socket: WebSocket, self: string) {
    this.socket = socket;
    this.#self = self;
    socket.on('message', (data) => {
      const value = JSON.parse(String(data));
      this.messages.push(...(Array.isArray(value) ? value : [value]));
    });
    socket.on('close', (code) => {
      this.closeCode = code;
    });
  }

  say(fields: Record<string, unknown>): string {
    this.#counter += 1;
    const id = `stranger-${this.#counter}`;
    const frame = JSON.stringify({ v: 1, id, kind: 'event', type: 'test', from: this.#self, ts: 1, ...fields });
    this.said.push(frame);
    this.socket.send(frame);
    return id;
  }

  /** The error message about a hello, a message or the connection; undefined until there is one. */
  error(type: string): { code: string; message: string; re: string | undefined } | undefined {
    const message = this.messages.find((candidate) => candidate.kind === 'error' && candidate.type === type);
    if (message === undefined) return undefined;
    return { code: String(message.payload['code']), message: String(message.payload['message']), re: message.re };
  }
}
