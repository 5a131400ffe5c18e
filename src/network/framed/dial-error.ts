import { messageOf, NetworkError } from '../../base/errors.js';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'the socket does not exist',
  ENOTFOUND: 'the host name is not known',
  ECONNRESET: 'the connection was reset',
  EACCES: 'permission denied',
  EHOSTUNREACH: 'no way leads to the host',
  ENETUNREACH: 'no way leads to its network',
};

/** What a TLS client finds in an answer that is no TLS. */
const NO_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
  'ERR_SSL_HTTP_REQUEST',
]);
const OLD_TLS: ReadonlySet<string> = new Set(['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_SSL_UNSUPPORTED_PROTOCOL']);

/** What a failure to connect means, said of the address. */
export function dialError(address: string, cause: NodeJS.ErrnoException): NetworkError {
  const { code = '' } = cause;
  if (NO_TLS.has(code)) {
    return new NetworkError('INVALID_OPTION', `${address} speaks no TLS`, {
      cause,
      hint: 'A leader without TLS is for its own host only: dial it as ws://HOST:PORT, without a token.',
    });
  }
  if (OLD_TLS.has(code)) return new NetworkError('VERSION_MISMATCH', `${address} speaks no TLS 1.3`, { cause });
  const reason = REASONS[code] ?? messageOf(cause);
  return new NetworkError('CONNECTION_FAILED', `cannot connect to ${address}: ${reason}`, { cause, address });
}
