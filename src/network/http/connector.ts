import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import type { DeadlineWheel } from '../../base/deadline-wheel.js';
import { NetworkError } from '../../base/errors.js';
import type { BaseUrl } from './base-url.js';
import { Connection, type ConnectionOwner, type Exchange, type Outgoing } from './connection.js';

export interface ConnectorParts {
  readonly wheel: DeadlineWheel;
  readonly url: BaseUrl;
  readonly maxFreeSockets: number;
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
  /** Bytes of the body of a response. */
  readonly maxBytes: number;
  /** With them connections are TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** The node has ended a socket that was kept. */
  ended(): void;
}

/** After so long without a byte TCP itself asks whether the other end is still there. */
const KEEP_ALIVE_PROBE_MS = 10_000;

/** The connections to one node: kept between requests, each made within its time. */
export class Connector implements ConnectionOwner {
  readonly #parts: ConnectorParts;
  readonly #connections = new Set<Connection>();
  /** Those that idle, the one that was used last at the end. */
  readonly #free: Connection[] = [];

  constructor(parts: ConnectorParts) {
    this.#parts = parts;
  }

  /** @param fresh on a connection of its own, which ends with it */
  ask(outgoing: Outgoing, exchange: Exchange, fresh: boolean): Connection {
    // The last one used first, so that those that a burst has made fall idle and go.
    const free = fresh ? undefined : this.#free.pop();
    if (free) {
      this.#parts.wheel.remove(free);
      free.hold(true);
    }
    const connection = free ?? this.#dial(!fresh);
    connection.ask(outgoing, exchange);
    return connection;
  }

  /** Ends every connection. */
  destroy(): void {
    for (const connection of this.#connections) connection.abandon();
  }

  made(connection: Connection): void {
    this.#parts.wheel.remove(connection);
  }

  idle(connection: Connection): void {
    const { wheel, maxFreeSockets, idleMs } = this.#parts;
    if (this.#free.length >= maxFreeSockets) {
      connection.destroy();
      return;
    }
    connection.hold(false);
    this.#free.push(connection);
    wheel.add(connection, idleMs);
  }

  expired(connection: Connection): void {
    const { url, connectTimeoutMs } = this.#parts;
    if (connection.ready) {
      connection.destroy();
      return;
    }
    const { text: address } = url;
    const text = `${address} cannot be reached: no connection within ${connectTimeoutMs} ms`;
    connection.destroy(new NetworkError('CONNECTION_FAILED', text, { address }));
  }

  unusable(connection: Connection): void {
    this.#parts.wheel.remove(connection);
    const at = this.#free.lastIndexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
  }

  closed(connection: Connection, byPeer: boolean): void {
    this.#connections.delete(connection);
    if (byPeer && connection.kept && connection.ready) this.#parts.ended();
  }

  #dial(kept: boolean): Connection {
    const { wheel, url, tls, connectTimeoutMs, maxBytes } = this.#parts;
    const { host, port } = url;
    const socket = tls
      ? // Each handshake looks at the certificate anew: no session is kept.
        connectSecure({ ...tls, host, port, ALPNProtocols: ['http/1.1'] })
      : connect({ host, port });
    socket.once('connect', () => socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_PROBE_MS));
    const ready = tls ? 'secureConnect' : 'connect';
    const connection = new Connection({ owner: this, socket, ready, kept, maxBytes });
    this.#connections.add(connection);
    wheel.add(connection, connectTimeoutMs);
    return connection;
  }
}
