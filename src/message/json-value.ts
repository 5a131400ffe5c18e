import { isUtf8 } from 'node:buffer';
import { NetworkError } from '../base/errors.js';
import type { DecodeLimits } from './codec.js';
import { parsePayload } from './json-payload.js';
import { skipSpace, unexpected } from './json-token.js';
import { BYTES_FORM, inspectPayload, wireForm } from './payload-form.js';
import { jsonScan, scanValue } from './scan.js';

/**
 * A JSON value that is no message: what a payload looks like by itself, bytes as `{"$b64":"…"}`.
 * @throws NetworkError DESERIALIZATION, TOO_LARGE: nested too deep, an object with too many keys
 */
export function readJsonValue(bytes: Buffer, limits: DecodeLimits): unknown {
  const scan = jsonScan(bytes, limits);
  const end = scanValue(scan, skipSpace(bytes, 0));
  const rest = skipSpace(bytes, end);
  if (rest < bytes.length) throw unexpected(bytes, rest, 'the end of the value');
  if (scan.seen.nonAscii && !isUtf8(bytes)) throw new NetworkError('DESERIALIZATION', 'not UTF-8');
  return parsePayload(bytes.toString(scan.seen.nonAscii ? 'utf8' : 'latin1'), scan.seen.marked);
}

/** The same the other way round. @throws NetworkError SERIALIZATION */
export function writeJsonValue(value: unknown): string {
  const form = inspectPayload(value) & BYTES_FORM ? wireForm(value, 'json') : value;
  const text = JSON.stringify(form) as string | undefined;
  if (text === undefined) throw new NetworkError('SERIALIZATION', 'its toJSON gives no value');
  return text;
}
