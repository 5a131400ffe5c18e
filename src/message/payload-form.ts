import { messageOf, NetworkError } from '../base/errors.js';
import { DEFAULT_DECODE_LIMITS } from './codec.js';
import { visible } from './escape.js';
import { RawPayload } from './raw-payload.js';

/** What a walk through a payload found: nothing that any codec would have to change. */
const PLAIN_FORM = 0;
/** `JSON.stringify` writes it as meant; a codec that walks objects itself must ask for `wireForm` first. */
export const EXOTIC_FORM = 1;
/** Bytes, or objects that look like bytes in JSON: JSON needs `wireForm` first. */
export const BYTES_FORM = 2;

/** What the peer's decoder accepts by default: writing more would cost us the connection. */
const { maxDepth: MAX_DEPTH, maxKeys: MAX_KEYS } = DEFAULT_DECODE_LIMITS;

const TOO_DEEP = `nested more than ${MAX_DEPTH} deep, or circular`;

const DOLLAR = 0x24;
/** The single key of bytes in JSON, and of objects that must not be taken for bytes. */
const BYTES_KEY = /^\$+b64$/;

/** Whether an object with this key and no other must be told from bytes. */
export const isBytesKey = (key: string): boolean => key.charCodeAt(0) === DOLLAR && BYTES_KEY.test(key);

type Fields = Record<string, unknown>;

/** A value without a wire form; collects its path on the way out. */
class Unwritable {
  readonly reason: string;
  path = '';

  constructor(reason: string) {
    this.reason = reason;
  }
}

/**
 * Walks a payload before it is written. What `JSON.stringify` drops (functions, undefined, symbols inside objects)
 * is dropped; what it would lose silently, or what a peer would refuse, is an error.
 *
 * @returns a set of EXOTIC_FORM and BYTES_FORM
 * @throws NetworkError SERIALIZATION naming the path: deeper than 64 (bytes count as a level) or circular, more than
 *   10,000 keys, a bigint, a Map, Set or buffer, a function as the payload, whatever throws when it is read
 */
export function inspectPayload(payload: unknown): number {
  try {
    if (typeof payload === 'function' || typeof payload === 'symbol') throw new Unwritable('it has no JSON form');
    return inspect(payload, MAX_DEPTH);
  } catch (error) {
    throw explained(error);
  }
}

/**
 * The payload rebuilt of plain objects, lists, scalars and bytes, which in JSON are `{"$b64":"…"}`.
 *
 * @throws NetworkError SERIALIZATION as `inspectPayload` does
 */
export function wireForm(payload: unknown, codec: 'json' | 'msgpack'): unknown {
  try {
    const form = rebuild(payload, codec, MAX_DEPTH);
    if (isDropped(form)) throw new Unwritable('its toJSON gives no value');
    return form;
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): NetworkError {
  if (!(error instanceof Unwritable)) {
    return new NetworkError('SERIALIZATION', `payload: ${visible(messageOf(error), 200)}`, { cause: error });
  }
  return new NetworkError('SERIALIZATION', `${visible(`payload${error.path}`, 120)}: ${error.reason}`);
}

function within(key: string | number, error: unknown): unknown {
  if (error instanceof Unwritable && error.path.length < 200) {
    error.path = typeof key === 'number' ? `[${key}]${error.path}` : `.${key}${error.path}`;
  }
  return error;
}

/** What `JSON.stringify` leaves out of objects and writes as null in lists. */
const isDropped = (value: unknown): boolean =>
  value === undefined || typeof value === 'function' || typeof value === 'symbol';

function inspect(value: unknown, room: number): number {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return PLAIN_FORM;
    case 'number':
      return Number.isFinite(value) ? PLAIN_FORM : EXOTIC_FORM;
    case 'object':
      return value === null ? PLAIN_FORM : inspectObject(value, room);
    case 'bigint':
      throw new Unwritable('a bigint has no JSON form; send it as a string');
    default:
      return EXOTIC_FORM;
  }
}

function inspectObject(value: object, room: number): number {
  if (room === 0) throw new Unwritable(TOO_DEEP);
  if (isUsual(value)) return Array.isArray(value) ? inspectList(value, room) : inspectFields(value as Fields, room);
  const form = formOf(value);
  if (form === value) return inspectParts(value, room);
  const isObject = typeof form === 'object' && form !== null;
  const found = isObject ? inspectParts(form, room) : inspect(form, room);
  // JSON.stringify would see neither the bytes in what `toJSON` gives, nor into a RawPayload.
  return isObject || value instanceof RawPayload ? found | EXOTIC_FORM | BYTES_FORM : found | EXOTIC_FORM;
}

function inspectParts(value: object, room: number): number {
  if (Array.isArray(value)) return inspectList(value, room);
  return value instanceof Uint8Array ? BYTES_FORM : inspectFields(value as Fields, room);
}

function inspectList(list: readonly unknown[], room: number): number {
  let found = PLAIN_FORM;
  let i = 0;
  try {
    for (; i < list.length; i += 1) found |= inspect(list[i], room - 1);
  } catch (error) {
    throw within(i, error);
  }
  return found;
}

function inspectFields(fields: Fields, room: number): number {
  let found = PLAIN_FORM;
  let keys = 0;
  let kept = 0;
  let at = '';
  try {
    for (at in fields) {
      keys += 1;
      const form = inspect(fields[at], room - 1);
      if ((form & EXOTIC_FORM) === 0) kept += 1;
      found |= form;
    }
  } catch (error) {
    throw within(at, error);
  }
  if (keys > MAX_KEYS) throw new Unwritable(`an object with more than ${MAX_KEYS} keys`);
  // With two keys that are surely written it cannot look like bytes: so few have to be read that it is worth the count.
  return kept > 1 ? found : found | inspectKeys(fields);
}

function inspectKeys(fields: Fields): number {
  for (const key in fields) if (isBytesKey(key)) return BYTES_FORM;
  return PLAIN_FORM;
}

/** A list or a plain object, which is written as it is: told apart from all others by as few looks as can be. */
const isUsual = (value: object): boolean =>
  (value as { readonly toJSON?: unknown }).toJSON === undefined &&
  (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);

/** What is written for an object: mostly itself. */
function formOf(value: object): unknown {
  if (isUsual(value) || value instanceof Uint8Array) return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (value instanceof RawPayload) return value.value();
  if (typeof toJSON === 'function') return toJSON.call(value, '');
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf();
  if (value instanceof Map || value instanceof Set)
    throw new Unwritable('a Map or Set has no JSON form; send its entries');
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    throw new Unwritable('of all buffers and views only a Uint8Array is sent as bytes; wrap it in one');
  }
  return value;
}

function rebuild(value: unknown, codec: 'json' | 'msgpack', room: number): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'bigint') throw new Unwritable('a bigint has no JSON form; send it as a string');
  if (typeof value !== 'object' || value === null) return value;
  if (room === 0) throw new Unwritable(TOO_DEEP);
  const form = formOf(value);
  if (typeof form !== 'object' || form === null) return rebuild(form, codec, room);
  if (form instanceof Uint8Array) return codec === 'json' ? { $b64: base64Of(form) } : form;
  if (Array.isArray(form)) {
    return Array.from(form, (item) => (isDropped(item) ? null : (rebuild(item, codec, room - 1) ?? null)));
  }
  return rebuildFields(form as Fields, codec, room);
}

function rebuildFields(fields: Fields, codec: 'json' | 'msgpack', room: number): Fields {
  const rebuilt: Fields = {};
  for (const key of Object.keys(fields)) {
    const value = rebuild(fields[key], codec, room - 1);
    if (!isDropped(value)) setField(rebuilt, key, value);
  }
  const [only, ...others] = Object.keys(rebuilt);
  if (codec === 'msgpack' || only === undefined || others.length > 0 || !isBytesKey(only)) return rebuilt;
  return { [`$${only}`]: rebuilt[only] };
}

/** Sets an own field whatever its name: a plain assignment to `__proto__` would change the prototype instead. */
export function setField(fields: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') fields[key] = value;
  else Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
}

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
