import { NetworkError } from '../../base/errors.js';
import { plainHost } from '../address.js';

/** Who a proxy says that it speaks for; undefined: for itself, in a check of its own. */
export type ProxySource = { readonly host: string; readonly port: number } | undefined;

const SIGNATURE: Buffer = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** The specification's own measure: what surely fits in one segment. Extensions beyond it are refused. */
const MAX_HEADER_BYTES = 536;
const VERSION = 0x20;
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;
/** Source and destination address, then source and destination port. */
const TCP4_BYTES = 12;
const TCP6_BYTES = 36;

/**
 * How long the PROXY protocol header (version 2) is that begins with these bytes; more than have come if it is not
 * known yet.
 * @throws NetworkError INVALID_MESSAGE for what is no such header, at the first byte that shows it
 */
export function proxyHeaderBytes(bytes: Buffer): number {
  const seen = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, seen).equals(SIGNATURE.subarray(0, seen))) throw invalid('it is missing');
  if (bytes.length < FIXED_BYTES) return FIXED_BYTES;
  const command = bytes.readUInt8(12);
  if ((command & 0xf0) !== VERSION) throw invalid('its version is not 2');
  if (command !== LOCAL && command !== PROXY) throw invalid('its command is neither LOCAL nor PROXY');
  const total = FIXED_BYTES + bytes.readUInt16BE(14);
  if (total > MAX_HEADER_BYTES) throw invalid(`it has ${total} bytes, more than ${MAX_HEADER_BYTES}`);
  return total;
}

/**
 * @param header whole, as measured by `proxyHeaderBytes`
 * @throws NetworkError INVALID_MESSAGE if it names no TCP address
 */
export function readProxyHeader(header: Buffer): ProxySource {
  if (header.readUInt8(12) === LOCAL) return undefined;
  const family = header.readUInt8(13);
  const addressBytes = header.length - FIXED_BYTES;
  if (family === TCP4 && addressBytes >= TCP4_BYTES) {
    return { host: [...header.subarray(16, 20)].join('.'), port: header.readUInt16BE(24) };
  }
  if (family === TCP6 && addressBytes >= TCP6_BYTES) {
    return { host: ipv6(header.subarray(16, 32)), port: header.readUInt16BE(48) };
  }
  throw invalid('it names no TCP address');
}

/** In the one form that the operating system would give, so that a peer counts as the same one however it comes. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  const text = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  return mapped ? plainHost(`::ffff:${[...bytes.subarray(12)].join('.')}`) : text;
}

const invalid = (what: string): NetworkError =>
  new NetworkError('INVALID_MESSAGE', `the PROXY protocol header: ${what}`);
