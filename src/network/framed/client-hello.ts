import { NetworkError } from '../../base/errors.js';

const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const RECORD_HEADER_BYTES = 5;
/** Beside what is written in it: the TLS handshake, key shares of 1.2 KiB included, and the framing of records. */
export const MAX_TLS_HANDSHAKE_BYTES = 4096;

/**
 * How long the TLS record is that begins with these bytes, which must be a ClientHello in one piece; more than have
 * come if it is not known yet. What is not is told before TLS has spent anything on it.
 * @throws NetworkError INVALID_MESSAGE
 */
export function clientHelloBytes(bytes: Buffer): number {
  if (bytes[0] !== HANDSHAKE || (bytes[1] ?? 3) !== 3) throw invalid('is no TLS');
  if (bytes.length <= RECORD_HEADER_BYTES) return RECORD_HEADER_BYTES + 1;
  if (bytes[RECORD_HEADER_BYTES] !== CLIENT_HELLO) throw invalid('begins with no ClientHello');
  const total = RECORD_HEADER_BYTES + bytes.readUInt16BE(3);
  if (total > MAX_TLS_HANDSHAKE_BYTES) throw invalid(`has a ClientHello of ${total} bytes`);
  return total;
}

/** Whether these bytes may be the beginning of TLS. */
export const isTls = (bytes: Buffer | undefined): boolean => bytes?.[0] === HANDSHAKE && bytes[1] === 3;

const invalid = (what: string): NetworkError => new NetworkError('INVALID_MESSAGE', `the connection ${what}`);
