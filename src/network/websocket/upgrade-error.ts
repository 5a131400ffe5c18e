import type { IncomingMessage } from 'node:http';
import { isErrorCode, NetworkError } from '../../base/errors.js';

/** Something answered the upgrade with an HTTP response of its own. */
export function upgradeError(address: string, response: IncomingMessage): NetworkError {
  const code = response.headers['netmgr-error'];
  if (response.headers.upgrade?.startsWith('TLS/')) {
    return new NetworkError('INVALID_OPTION', `${address} speaks TLS only`, {
      hint: 'Dial it as wss://HOST:PORT, with a join token.',
    });
  }
  return isErrorCode(code)
    ? new NetworkError(code, `${address} refused the connection: HTTP ${response.statusCode}`)
    : new NetworkError('CONNECTION_FAILED', `${address} is no netmgr node: HTTP ${response.statusCode}`, { address });
}
