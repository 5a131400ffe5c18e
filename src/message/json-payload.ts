import { messageOf, NetworkError } from '../base/errors.js';
import { shownValue } from './guard.js';
import { isBytesKey } from './payload-form.js';
import { RawPayload } from './raw-payload.js';

/** A payload that is still JSON text, known to be well-formed. */
export class JsonPayload extends RawPayload {
  readonly encoding = 'json';
  readonly encoded: string;
  readonly deflated: string | undefined;
  readonly #marked: boolean;
  #decoded = false;
  #value: unknown = undefined;

  /**
   * @param marked whether the text may hold bytes, `{"$b64":"…"}`
   * @param deflated base64 of the compressed form in which it came; undefined if it came as it is
   */
  constructor(encoded: string, marked: boolean, deflated: string | undefined) {
    super();
    this.encoded = encoded;
    this.deflated = deflated;
    this.#marked = marked;
  }

  value(): unknown {
    if (!this.#decoded) {
      this.#value = parsePayload(this.encoded, this.#marked);
      this.#decoded = true;
    }
    return this.#value;
  }
}

/** @throws NetworkError DESERIALIZATION if the text is not JSON, or bytes in it are not base64 */
export function parsePayload(text: string, marked: boolean): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return marked ? revived(value) : value;
  } catch (error) {
    throw error instanceof NetworkError ? error : new NetworkError('DESERIALIZATION', `payload: ${messageOf(error)}`);
  }
}

/** Whether a value of JSON has no more than so many containers inside one another. */
export const isNestedWithin = (value: unknown, depth: number): boolean =>
  typeof value !== 'object' || value === null || holdsWithin(value, depth);

/** A call for each scalar would cost more than to look at it. */
function holdsWithin(container: object, depth: number): boolean {
  if (depth === 0) return false;
  if (Array.isArray(container)) {
    for (let i = 0; i < container.length; i += 1) {
      const item: unknown = container[i];
      if (typeof item === 'object' && item !== null && !holdsWithin(item, depth - 1)) return false;
    }
    return true;
  }
  for (const key in container) {
    const field = (container as Record<string, unknown>)[key];
    if (typeof field === 'object' && field !== null && !holdsWithin(field, depth - 1)) return false;
  }
  return true;
}

/**
 * Puts bytes in the place of `{"$b64":"…"}`, in the value itself, and takes the extra `$` off what only looked so.
 * The depth of the value is bounded by the decoder.
 */
export function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) value[i] = revived(value[i]);
    return value;
  }
  const fields = value as Record<string, unknown>;
  const keys = Object.keys(fields);
  const [only] = keys;
  if (only !== undefined && keys.length === 1 && isBytesKey(only)) {
    return only === '$b64' ? bytesOf(fields[only]) : { [only.slice(1)]: revived(fields[only]) };
  }
  for (const key of keys) fields[key] = revived(fields[key]);
  return fields;
}

function bytesOf(text: unknown): Uint8Array {
  if (typeof text === 'string' && text.length % 4 === 0) {
    const bytes = Buffer.from(text, 'base64');
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    // Buffer leaves out what is not base64.
    if (bytes.length === (text.length / 4) * 3 - padding) return new Uint8Array(bytes);
  }
  throw new NetworkError('DESERIALIZATION', `payload: the $b64 value ${shownValue(text)} is not padded base64`);
}
