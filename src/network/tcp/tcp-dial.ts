import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isNetworkError, NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { jsonCodec } from '../../message/json-codec.js';
import { formatHostPort } from '../address.js';
import type { Connecting } from '../framed/attempt.js';
import { Connection, type ConnectionHost } from '../framed/connection.js';
import { dialError } from '../framed/dial-error.js';
import type { MutualTls } from '../mutual-tls.js';
import type { Destination } from './dials.js';
import type { Location } from './options.js';
import { type LinkBounds, TcpLink } from './tcp-link.js';
import { TLS_PROTOCOL } from './tls-entrance.js';

export interface TcpDialParts {
  readonly host: ConnectionHost;
  readonly bounds: LinkBounds;
  /** @default plaintext */
  readonly tls: MutualTls | undefined;
}

/** Opens connections to nodes: the socket, and TLS over it. */
export class TcpDial {
  readonly #parts: TcpDialParts;

  constructor(parts: TcpDialParts) {
    this.#parts = parts;
  }

  connect({ node, location }: Destination, attempt: Connecting, signal: AbortSignal): void {
    const { host, bounds, tls } = this.#parts;
    const address = formatHostPort(location.host, location.port);
    const socket = tls ? secure(tls, node, location) : connect({ ...location, noDelay: true });
    const link = new TcpLink(socket, bounds);
    signal.addEventListener('abort', () => link.terminate(), { once: true });
    socket.on('error', (error) => attempt.failed(failure(address, error)));
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      if (signal.aborted) return;
      attempt.connected(new Connection({ host, link, codec: jsonCodec, address, listener: 'dial', lazy: false }));
    });
  }
}

function secure(tls: MutualTls, node: NodeId, { host, port }: Location): Socket {
  const socket = connectTls({ ...tls.client(node, host), host, port, ALPNProtocols: [TLS_PROTOCOL] });
  socket.setNoDelay(true);
  return socket;
}

/** What OpenSSL says of a certificate that no authority of ours has signed. */
const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function failure(address: string, error: NodeJS.ErrnoException): NetworkError {
  if (isNetworkError(error)) return toNetworkError(error);
  if (!UNKNOWN_AUTHORITY.has(error.code ?? '')) return dialError(address, error);
  const text = `no authority that this node trusts has signed the certificate of ${address}`;
  return new NetworkError('CLUSTER_MISMATCH', text, { cause: error });
}
