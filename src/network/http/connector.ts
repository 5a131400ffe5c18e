import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { Deadline, type DeadlineWheel } from '../../base/deadline-wheel.js';
import { NetworkError } from '../../base/errors.js';

export interface ConnectorParts {
  readonly wheel: DeadlineWheel;
  /** For people. */
  readonly address: string;
  readonly maxSockets: number;
  readonly maxFreeSockets: number;
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
  /** With them connections are TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** The node has ended a socket that was kept. */
  ended(): void;
}

type Callback = (error: Error | null, stream: Duplex) => void;

/** The sockets to one node: kept between requests, each made within its time. */
export class Connector {
  /** Keeps sockets. */
  readonly agent: Agent;
  /** Makes a new socket for each request. */
  readonly fresh: Agent;
  readonly #parts: ConnectorParts;
  readonly #sockets = new Set<Duplex>();
  readonly #ready = new WeakSet<object>();

  constructor(parts: ConnectorParts) {
    const { maxSockets, maxFreeSockets, idleMs, tls } = parts;
    this.#parts = parts;
    const watched = (socket: Duplex): Duplex => this.#watch(socket);
    const kept = (socket: Duplex): Duplex => this.#watchKept(socket);
    // The last one used first, so that those that a burst has made fall idle and go.
    const keeping = { keepAlive: true, maxSockets, maxFreeSockets, timeout: idleMs, scheduling: 'lifo' } as const;
    this.agent = tls ? new WatchedSecureAgent({ ...keeping, ...tls }, kept) : new WatchedAgent(keeping, kept);
    this.fresh = tls ? new WatchedSecureAgent(tls, watched) : new WatchedAgent({}, watched);
  }

  /** Whether a connection had been made; only then can anything have been sent. */
  wasReady(socket: object | null): boolean {
    return socket !== null && this.#ready.has(socket);
  }

  get open(): boolean {
    return this.#sockets.size > 0;
  }

  /** Ends every socket. */
  destroy(): void {
    this.agent.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #watchKept(socket: Duplex): Duplex {
    let byPeer = false;
    const ending = (): void => {
      byPeer = true;
    };
    socket.once('end', ending);
    socket.on('error', ending);
    socket.once('close', () => {
      if (byPeer && this.#ready.has(socket)) this.#parts.ended();
    });
    return this.#watch(socket);
  }

  #watch(socket: Duplex): Duplex {
    const { wheel, connectTimeoutMs, tls } = this.#parts;
    const deadline = new ConnectDeadline(socket, this.#parts);
    this.#sockets.add(socket);
    wheel.add(deadline, connectTimeoutMs);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      wheel.remove(deadline);
      this.#ready.add(socket);
    });
    socket.once('close', () => {
      wheel.remove(deadline);
      this.#sockets.delete(socket);
    });
    return socket;
  }
}

class ConnectDeadline extends Deadline {
  readonly #socket: Duplex;
  readonly #parts: ConnectorParts;

  constructor(socket: Duplex, parts: ConnectorParts) {
    super();
    this.#socket = socket;
    this.#parts = parts;
  }

  expire(): void {
    const { address, connectTimeoutMs } = this.#parts;
    const text = `${address} cannot be reached: no connection within ${connectTimeoutMs} ms`;
    this.#socket.destroy(new NetworkError('CONNECTION_FAILED', text, { address }));
  }
}

class WatchedAgent extends Agent {
  readonly #watched: (socket: Duplex) => Duplex;

  constructor(options: AgentOptions, watched: (socket: Duplex) => Duplex) {
    super(options);
    this.#watched = watched;
  }

  override createConnection(options: ClientRequestArgs, callback?: Callback): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    return socket ? this.#watched(socket) : socket;
  }
}

class WatchedSecureAgent extends SecureAgent {
  readonly #watched: (socket: Duplex) => Duplex;

  constructor(options: AgentOptions & ConnectionOptions, watched: (socket: Duplex) => Duplex) {
    // Each handshake looks at the certificate anew.
    super({ ...options, maxCachedSessions: 0 });
    this.#watched = watched;
  }

  override createConnection(options: ClientRequestArgs, callback?: Callback): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    return socket ? this.#watched(socket) : socket;
  }
}
