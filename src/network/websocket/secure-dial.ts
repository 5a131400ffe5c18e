import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { NetworkError } from '../../base/errors.js';
import { type Address, formatAddress, formatHostPort } from '../address.js';
import type { Credentials } from '../credentials.js';
import { dialError } from '../framed/dial-error.js';
import { trustIn } from './trust.js';

export interface SecureDial {
  readonly address: Address & { readonly kind: 'tcp' };
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

export interface SecureChannel {
  readonly socket: TLSSocket;
  /** RFC 5929 `tls-server-end-point` of the certificate that this connection has shown. */
  readonly binding: Uint8Array;
}

/** The certificate is what it should be but for the time: `checkPeer` tells both times. */
const NOT_NOW: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/**
 * Connects with TLS 1.3 and makes sure of the peer before a byte of ours is written over it.
 * @throws NetworkError, the signal's reason when it aborts
 */
export async function dialSecurely({ address, credentials, signal }: SecureDial): Promise<SecureChannel> {
  const { host, port } = address;
  const roots = await credentials.roots({ host, port }, signal);
  signal.throwIfAborted();
  const socket = await handshake(address, roots, signal);
  try {
    return { socket, binding: checked(socket, address, credentials) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function handshake(
  { host, port }: SecureDial['address'],
  roots: readonly string[],
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      // A server name must not be an address.
      servername: isIP(host) === 0 ? host : '',
      secureContext: trustIn(roots),
      ALPNProtocols: ['http/1.1'],
      // Who the peer is stands in its certificate's URI, not in the name that it was dialled by.
      checkServerIdentity: () => undefined,
      // The chain is verified all the same; `checked` looks at the verdict, with the certificate at hand.
      rejectUnauthorized: false,
    });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    // Stays for good: whoever is given the socket may let go of it before it has failed.
    socket.on('error', (error) => reject(dialError(`wss://${formatHostPort(host, port)}`, error)));
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(socket);
    });
  });
}

function checked(socket: TLSSocket, address: Address, credentials: Credentials): Uint8Array {
  const certificate = socket.getPeerX509Certificate();
  const shown = formatAddress(address);
  if (certificate === undefined) {
    throw new NetworkError('CONNECTION_FAILED', `${shown} showed no certificate`, { address: shown });
  }
  if (!socket.authorized) {
    const reason = String(
      (socket.authorizationError as { readonly code?: string } | null)?.code ?? socket.authorizationError,
    );
    if (NOT_NOW.has(reason)) credentials.checkPeer(certificate);
    throw unverified(shown, reason);
  }
  credentials.checkPeer(certificate);
  return createHash('sha256').update(certificate.raw).digest();
}

function unverified(shown: string, reason: string): NetworkError {
  if (NOT_NOW.has(reason)) {
    return new NetworkError('NOT_ALLOWED', `the certificate of ${shown} is not valid at this time (${reason})`, {
      hint: 'Compare the clocks of both hosts.',
    });
  }
  return new NetworkError(
    'CLUSTER_MISMATCH',
    `${shown} does not prove that it is the leader of this cluster (${reason})`,
    {
      hint: 'Check the address. If the cluster was set up anew, join it again with a new token.',
    },
  );
}
