import { BYTES_FORM, inspectPayload, isBytesKey, setField, wireForm } from '../../message/payload-form.js';

/**
 * A payload as JSON for a script, with bytes as in a JSON frame: `{"$b64":"…"}`.
 * @throws NetworkError SERIALIZATION if it has no JSON form
 */
export function toJson(payload: unknown): string {
  const plain = (inspectPayload(payload) & BYTES_FORM) === 0;
  return JSON.stringify(plain ? payload : wireForm(payload, 'json')) ?? 'null';
}

/** Whether JSON text may hold bytes, or something escaped so that it is not taken for bytes. */
export const mayHoldBytes = (text: string): boolean => text.includes('b64"');

/**
 * Makes bytes of `{"$b64":"…"}` anywhere in a parsed value, and takes one `$` off the single key of what was escaped.
 * @throws TypeError if the base64 text is none
 */
export function withBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withBytes);
  const entries = Object.entries(value);
  const [key, held] = entries[0] ?? ['', undefined];
  if (entries.length === 1 && isBytesKey(key)) {
    return key === '$b64' ? bytesOf(held) : { [key.slice(1)]: withBytes(held) };
  }
  const fields: Record<string, unknown> = {};
  for (const [name, field] of entries) setField(fields, name, withBytes(field));
  return fields;
}

function bytesOf(base64: unknown): Uint8Array {
  const bytes = Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64');
  if (bytes.toString('base64') !== base64) throw new TypeError('$b64: not base64 text');
  return new Uint8Array(bytes);
}
