import { isUtf8 } from 'node:buffer';
import { NetworkError } from '../base/errors.js';
import type { DecodeLimits } from './codec.js';
import { type Seen, skipSpace, unexpected } from './json-token.js';
import { jsonScan, scanValue } from './scan.js';

/** The bytes of base64 as netmgr writes it, padded and without anything else; undefined if it is not that. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  // Buffer takes other alphabets, too, and leaves out what is not base64.
  return bytes.toString('base64') === text ? bytes : undefined;
}

/**
 * The payload that was compressed, by the same checks as if it had stood in the frame.
 *
 * @param seen `marked` is set to whether it may hold bytes
 * @throws NetworkError DESERIALIZATION, TOO_LARGE
 */
export function inflatedText(inflated: Buffer, limits: DecodeLimits, seen: Seen): string {
  const scan = jsonScan(inflated, limits);
  const end = skipSpace(inflated, scanValue(scan, skipSpace(inflated, 0)));
  if (end < inflated.length) throw unexpected(inflated, end, 'the end of the payload');
  const { nonAscii, marked } = scan.seen;
  seen.marked = marked;
  if (!nonAscii) return inflated.toString('latin1');
  if (isUtf8(inflated)) return inflated.toString('utf8');
  throw new NetworkError('DESERIALIZATION', 'deflate: what it inflates to is not UTF-8');
}
