import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { SystemClock } from '../../src/base/clock.js';
import { seededRandom } from '../../src/base/random.js';
import type { MessageDraft, NetworkMessage } from '../../src/message/message.js';
import { Stamp } from '../../src/message/stamp.js';
import type { Peer, PeerEvent, SendOutcome } from '../../src/network/network.js';
import type { TcpCounters } from '../../src/network/tcp/counters.js';
import { FrameReader } from '../../src/network/tcp/frame-reader.js';
import { TcpNetwork } from '../../src/network/tcp/network.js';
import type { TcpNetworkOptions } from '../../src/network/tcp/options.js';
import type { NetworkIdentity } from '../../src/network/wiring.js';
import { until } from './websocket-nodes.js';

export { closed, until } from './websocket-nodes.js';

const LISTEN = [{ host: '127.0.0.1', port: 0 }];

/** A network with what it has received and seen. */
export class TcpNode {
  readonly network: TcpNetwork;
  readonly clock: SystemClock = new SystemClock();
  readonly stamp: Stamp;
  readonly received: NetworkMessage[] = [];
  readonly events: PeerEvent[] = [];
  onMessage: (message: NetworkMessage, peer: Peer) => void = () => {};
  #sweeps = 0;

  constructor(self: string, options: TcpNetworkOptions, identity: Partial<NetworkIdentity> = {}) {
    const random = seededRandom(self);
    this.#countSweeps(options.limits?.sweepMs);
    this.stamp = new Stamp(self, this.clock, random.fork('test'));
    this.network = new TcpNetwork({ self, clock: this.clock, ...identity }, options);
    this.network.onMessage((message, peer) => {
      this.received.push(message);
      this.onMessage(message, peer);
    });
    this.network.onPeer((event) => this.events.push(event));
  }

  send(to: string, draft: Partial<MessageDraft> = {}): SendOutcome {
    return this.network.send(this.stamp.make({ kind: 'event', type: 'test', to, ...draft }));
  }

  /** Events of a type, in the order in which they came. */
  seen<T extends PeerEvent['type']>(type: T): Extract<PeerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PeerEvent, { type: T }> => event.type === type);
  }

  /** Waits until the network has looked at its deadlines so many times more; its options must say how often it does. */
  async swept(times: number): Promise<void> {
    const enough = this.#sweeps + times;
    await until(() => this.#sweeps >= enough, 'the sweeps');
  }

  get port(): number {
    const bound = this.network.boundAddresses.get('tcp');
    if (bound === undefined || !('port' in bound)) throw new Error('not bound');
    return bound.port;
  }

  counters(): TcpCounters {
    return this.network.counters;
  }

  get payloads(): unknown[] {
    return this.received.map(({ payload }) => payload);
  }

  /** At each sweep, and at the start, the timer for the next one is set. */
  #countSweeps(sweepMs: number | undefined): void {
    const { clock } = this;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (delayMs, callback) => {
      if (delayMs === sweepMs) this.#sweeps += 1;
      return setTimer(delayMs, callback);
    };
  }
}

/** Nodes that know one another by one address book, and hand-made peers; gone at the end of the test. */
export class TcpNodes implements AsyncDisposable {
  /** Of all nodes that listen; it changes while they run. */
  readonly addresses: Map<string, string> = new Map();
  readonly #nodes: TcpNode[] = [];
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];

  /** Started; it listens, and is in the book, unless the options say otherwise. */
  async node(self: string, options: TcpNetworkOptions = {}, identity: Partial<NetworkIdentity> = {}): Promise<TcpNode> {
    const node = new TcpNode(self, { listen: LISTEN, addresses: this.addresses, ...options }, identity);
    this.#nodes.push(node);
    await node.network.start();
    if (options.listen === undefined) this.addresses.set(self, `127.0.0.1:${node.port}`);
    return node;
  }

  async socket(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    socket.on('error', () => {});
    this.#sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** A hand-made node that dials; it has said nothing yet. */
  async stranger(self: string, port: number, localAddress?: string): Promise<TcpStranger> {
    return new TcpStranger(self, await this.socket(port, localAddress));
  }

  /** A hand-made node that has said hello and was welcomed. */
  async member(self: string, port: number, hello: Record<string, unknown> = {}): Promise<TcpStranger> {
    const stranger = await this.stranger(self, port);
    stranger.hello(hello);
    await until(() => stranger.messages.some(({ type }) => type === 'welcome'), 'the welcome');
    return stranger;
  }

  /** A hand-made node at a socket that was accepted. */
  adopt(self: string, socket: Socket): TcpStranger {
    return new TcpStranger(self, socket);
  }

  /** Something that listens and does what the test wants with each socket. */
  async server(onSocket: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      this.#sockets.push(socket);
      onSocket(socket);
    });
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not bound');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    await Promise.all(this.#nodes.map(({ network }) => network.stop({ graceMs: 50 })));
    const pending = this.#nodes.map(({ clock }) => clock.pending);
    if (pending.some((count) => count > 0)) throw new Error(`timers left after stop: ${pending}`);
  }
}

/** Its length, big-endian, and then the text or the bytes. */
export function frameOf(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** A peer made of a bare socket that speaks JSON. */
export class TcpStranger {
  readonly socket: Socket;
  readonly messages: (NetworkMessage & { payload: Record<string, unknown> })[] = [];
  ended = false;
  readonly #self: string;
  #counter = 0;

  constructor(self: string, socket: Socket) {
    this.#self = self;
    this.socket = socket;
    const reader = new FrameReader(16 * 1024 * 1024);
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let frame = reader.next(); frame; frame = reader.next()) {
        const value = JSON.parse(String(frame));
        this.messages.push(...(Array.isArray(value) ? value : [value]));
      }
    });
    socket.on('end', () => {
      this.ended = true;
    });
  }

  frame(fields: Record<string, unknown>): Buffer {
    this.#counter += 1;
    const id = `stranger-${this.#counter}`;
    return frameOf(JSON.stringify({ v: 1, id, kind: 'event', type: 'test', from: this.#self, ts: 1, ...fields }));
  }

  say(fields: Record<string, unknown>): void {
    this.socket.write(this.frame(fields));
  }

  hello(fields: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): void {
    const payload = { role: 'collaborator', instance: 'abcdef', version: '9.9.9', codecs: ['json'], ...fields };
    this.say({ kind: 'control', type: 'hello', ...envelope, payload });
  }

  /** Answers the hello of who has dialled it. */
  welcome(instance: string): void {
    const payload = { node: this.#self, role: 'collaborator', instance, version: '9.9.9', codec: 'json' };
    this.say({ kind: 'control', type: 'welcome', payload });
  }

  /** The code and text of the error message of a type; undefined until there is one. */
  error(type: string): { code: string; message: string } | undefined {
    const message = this.messages.find((candidate) => candidate.kind === 'error' && candidate.type === type);
    return message && { code: String(message.payload['code']), message: String(message.payload['message']) };
  }
}
