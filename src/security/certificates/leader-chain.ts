import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { messageOf, NetworkError } from '../../base/errors.js';

export interface LeaderChain {
  /** The certificate that this very connection was served. */
  readonly leaf: X509Certificate;
  /** All that came, as it came, the leaf first. None of it has been verified. */
  readonly chain: readonly X509Certificate[];
}

let trusting: SecureContext | undefined;

function trustInNobody(): SecureContext {
  // The system's roots say nothing about a leader, and reading them takes longer than the handshake.
  trusting ??= createSecureContext({ ca: [], minVersion: 'TLSv1.3' });
  return trusting;
}

/** A leader serves at most five. */
const MAX_CERTIFICATES = 16;

/**
 * Looks at the certificates of whoever listens there, trusting nobody and writing nothing beyond the TLS handshake.
 * @param signal gives up; there is no other deadline
 * @throws NetworkError CONNECTION_FAILED; the signal's reason
 */
export function readLeaderChain(
  peer: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<LeaderChain> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const where = isIP(peer.host) === 6 ? `[${peer.host}]:${peer.port}` : `${peer.host}:${peer.port}`;
    const socket = connect({
      host: peer.host,
      port: peer.port,
      // An address cannot be a server name.
      ...(isIP(peer.host) === 0 ? { servername: peer.host } : {}),
      secureContext: trustInNobody(),
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    const onAbort = () => end(() => reject(signal.reason));
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      settle();
      // What TLS itself has still to say goes out first, so that the leader does not see a handshake that failed.
      socket.destroySoon();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', () => {
      const chain = readChain(socket);
      const [leaf] = chain;
      end(() => (leaf ? resolve({ leaf, chain }) : reject(failed(where, 'it showed no certificate'))));
    });
    // Also after the end: a reset that comes late must not end the process.
    socket.on('error', (error) => end(() => reject(failed(where, explain(error), error))));
    socket.once('close', () => end(() => reject(failed(where, 'it closed the connection'))));
  });
}

/**
 * In the order in which they were served. `getPeerCertificate` would not do: it follows the first certificate that
 * fits, and never gets from a cross certificate to the root behind it. May be called once per socket: before Node 26
 * the second call finds nothing.
 */
function readChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < MAX_CERTIFICATES) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'ERR_SSL_WRONG_VERSION_NUMBER' || error.code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'it does not speak TLS';
  if (error.code === 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' || error.code === 'ERR_SSL_UNSUPPORTED_PROTOCOL')
    return 'it does not speak TLS 1.3';
  return messageOf(error);
}

const failed = (where: string, why: string, cause?: unknown): NetworkError =>
  new NetworkError('CONNECTION_FAILED', `no TLS connection to ${where}: ${why}`, {
    cause,
    hint: 'Check the address and the port, and that the leader runs.',
  });
