import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { SystemClock } from '../../src/base/clock.js';
import { isNetworkError, type NetworkError } from '../../src/base/errors.js';
import { systemRandom } from '../../src/base/random.js';
import type { MessageDraft, NetworkMessage } from '../../src/message/message.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { Stamp } from '../../src/message/stamp.js';
import { Endpoint } from '../../src/network/endpoint.js';
import { HttpNetwork } from '../../src/network/http/network.js';
import type { HttpNetworkOptions } from '../../src/network/http/options.js';
import type { MessageContext } from '../../src/network/message-handler.js';
import type { PeerEvent, SendOutcome } from '../../src/network/network.js';
import type { RequestLimits } from '../../src/network/requester.js';
import type { NetworkIdentity } from '../../src/network/wiring.js';
import { until } from './websocket-nodes.js';

export { until } from './websocket-nodes.js';

type Handle = (message: NetworkMessage, context: MessageContext) => unknown;

/** A network with requests, and with what it has received and seen. */
export class HttpNode {
  readonly self: string;
  readonly network: HttpNetwork;
  readonly endpoint: Endpoint;
  readonly clock: SystemClock = new SystemClock();
  readonly stamp: Stamp;
  /** What is neither request nor answer. */
  readonly received: NetworkMessage[] = [];
  readonly events: PeerEvent[] = [];
  #handle: Handle = (_, { payload }) => payload ?? null;

  constructor(self: string, options: HttpNetworkOptions, identity: Partial<NetworkIdentity> = {}) {
    this.self = self;
    this.stamp = new Stamp(self, this.clock, systemRandom);
    this.network = new HttpNetwork({ self, clock: this.clock, version: '1.2.3', ...identity }, options);
    this.endpoint = new Endpoint({ network: this.network, clock: this.clock });
    this.endpoint.onMessage((message) => this.received.push(message));
    this.endpoint.onPeer((event) => this.events.push(event));
    this.endpoint.handle({
      handle: (message, context) => {
        if (message.kind !== 'event') return this.#handle(message, context);
        this.received.push(message);
        return undefined;
      },
    });
  }

  /** Answers requests; without it they are answered with what they bring. */
  answers(handle: Handle): void {
    this.#handle = handle;
  }

  /** The payload of the answer. */
  async ask(to: string, payload?: unknown, limits?: RequestLimits & { readonly type?: string }): Promise<unknown> {
    return payloadOf(await this.endpoint.request({ type: limits?.type ?? 'ask', to, payload }, limits));
  }

  /** The error with which a request fails. */
  async error(to: string, payload?: unknown, limits?: RequestLimits): Promise<NetworkError> {
    const answer = await this.ask(to, payload, limits).catch((error) => error);
    if (isNetworkError(answer)) return answer;
    throw new Error(`it was answered: ${String(answer)}`);
  }

  /** The code with which a request fails. */
  async failure(to: string, payload?: unknown, limits?: RequestLimits): Promise<string> {
    const answer = await this.ask(to, payload, limits).catch((error) => error);
    return answer instanceof Error && 'code' in answer ? String(answer.code) : `answered ${String(answer)}`;
  }

  tell(to: string, payload?: unknown, draft: Partial<MessageDraft> = {}): SendOutcome {
    return this.network.send(this.stamp.make({ kind: 'event', type: 'test', to, payload, ...draft }));
  }

  seen<T extends PeerEvent['type']>(type: T): Extract<PeerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PeerEvent, { type: T }> => event.type === type);
  }

  get payloads(): unknown[] {
    return this.received.map(payloadOf);
  }

  get url(): string {
    const { baseUrl } = this.network;
    if (baseUrl === undefined) throw new Error('it does not listen');
    return baseUrl;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }
}

/** What the card of a hand-made node says. */
export const cardOf = (node: string, to: string, more: Record<string, string> = {}): string =>
  Object.entries({ node, to, role: 'collaborator', instance: `${node}-1`, version: '1', ...more })
    .map(([key, value]) => `${key}=${value}`)
    .join('; ');

/** A message as a hand-made node writes it. */
export const messageOf = (from: string, fields: Record<string, unknown> = {}): string =>
  JSON.stringify({ v: 1, id: `${from}-${++counter}`, kind: 'event', type: 'test', from, ts: 1, ...fields });
let counter = 0;

/** The end of a raw exchange: all that came until the socket was closed, or until it was enough. */
export interface Raw {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

/** Nodes that know one another by one address book, and whatever else a test needs; gone at its end. */
export class HttpNodes implements AsyncDisposable {
  /** Of all nodes that listen; it changes while they run. */
  readonly addresses: Map<string, string> = new Map();
  readonly #nodes: HttpNode[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #servers: (Server | TcpServer)[] = [];

  /** Started; it listens, and is in the book, unless the options say otherwise. */
  async node(self: string, options: HttpNetworkOptions = {}, identity?: Partial<NetworkIdentity>): Promise<HttpNode> {
    const node = this.made(self, { listen: { port: 0 }, ...options }, identity);
    await node.network.start();
    if (node.network.baseUrl) this.addresses.set(self, node.url);
    return node;
  }

  /** Not started. */
  made(self: string, options: HttpNetworkOptions = {}, identity?: Partial<NetworkIdentity>): HttpNode {
    const node = new HttpNode(self, { addresses: this.addresses, ...options }, identity);
    this.#nodes.push(node);
    return node;
  }

  async pair(options: HttpNetworkOptions = {}): Promise<[HttpNode, HttpNode]> {
    return [await this.node('a', options), await this.node('b', options)];
  }

  /** Writes bytes to a port, and collects what comes back. */
  async raw(port: number, text: string | Uint8Array = ''): Promise<Raw> {
    const socket = connect({ host: '127.0.0.1', port });
    const raw: Raw = { socket, text: '', closed: false };
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      raw.text += String(chunk);
    });
    socket.on('close', () => {
      raw.closed = true;
    });
    await once(socket, 'connect');
    socket.write(text);
    return raw;
  }

  /** Something that answers HTTP as the test wants. */
  async server(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer({ keepAliveTimeout: 60_000 }, handle);
    return `http://127.0.0.1:${await this.#listening(server)}`;
  }

  /** Something that does what the test wants with each socket. */
  async tcp(onSocket: (socket: Socket) => void): Promise<string> {
    return `http://127.0.0.1:${await this.#listening(createTcpServer(onSocket))}`;
  }

  async #listening(server: Server | TcpServer): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {});
      this.#sockets.add(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    await Promise.all(this.#nodes.map(({ endpoint }) => endpoint.stop({ graceMs: 20 })));
    const pending = this.#nodes.map(({ clock }) => clock.pending);
    if (pending.some((count) => count > 0)) throw new Error(`timers left after stop: ${pending}`);
  }
}

/** A POST of messages in JSON, as a hand-made node makes it. */
export function postOf(body: string, headers: Record<string, string>, path = '/v1/messages'): string {
  const all = { host: '127.0.0.1', 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}` };
  const lines = Object.entries({ ...all, ...headers }).map(([key, value]) => `${key}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The status and the JSON of the last answer in it. */
export function answerIn({ text }: Raw): { readonly status: number; readonly code: string | undefined } {
  const last = text.slice(text.lastIndexOf('HTTP/1.1 '));
  const body = last.slice(last.indexOf('\r\n\r\n') + 4);
  const status = Number(last.slice(9, 12));
  try {
    return { status, code: (JSON.parse(body) as { code?: string }).code };
  } catch {
    return { status, code: undefined };
  }
}

/** Waits until an answer is there in full. */
export async function answered(raw: Raw): Promise<ReturnType<typeof answerIn>> {
  await until(() => raw.text.includes('\r\n\r\n') && (raw.closed || isWhole(raw.text)), 'the answer');
  return answerIn(raw);
}

function isWhole(text: string): boolean {
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return text.length - text.indexOf('\r\n\r\n') - 4 >= Number(length ?? 0);
}
