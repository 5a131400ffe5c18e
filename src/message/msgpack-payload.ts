import { Unpackr } from 'msgpackr';
import { toNetworkError } from '../base/errors.js';
import { setField } from './payload-form.js';
import { RawPayload } from './raw-payload.js';

/** Integers beyond 2^53 become the nearest double, as in JSON: a bigint would not be a JSON value. */
const OPTIONS = { useRecords: false, int64AsType: 'number', copyBuffers: true } as const;
const objects: Unpackr = new Unpackr({ ...OPTIONS, mapsAsObjects: true });
/** For what holds a key `__proto__`, which the other one would rename. */
const maps: Unpackr = new Unpackr({ ...OPTIONS, mapsAsObjects: false });

/** Cuts bytes out as views of what they are cut out of, without a copy. */
const views: Unpackr = new Unpackr({ ...OPTIONS, mapsAsObjects: true, copyBuffers: false });

/** What the scanner found in a value. */
export interface Findings {
  readonly hasProto: boolean;
  readonly hasBytes: boolean;
}

/** A payload that is still MessagePack, known to be well-formed and within the limits. */
export class MsgpackPayload extends RawPayload {
  readonly encoding = 'msgpack';
  readonly encoded: Uint8Array;
  readonly deflated: Uint8Array | undefined;
  readonly #hasProto: boolean;
  readonly #hasBytes: boolean;
  #decoded = false;
  #value: unknown = undefined;

  /** @param deflated the compressed form in which it came; undefined if it came as it is */
  constructor(encoded: Uint8Array, { hasProto, hasBytes }: Findings, deflated?: Uint8Array) {
    super();
    this.encoded = encoded;
    this.deflated = deflated;
    this.#hasProto = hasProto;
    this.#hasBytes = hasBytes;
  }

  value(): unknown {
    if (!this.#decoded) {
      this.#value = unpacked(this.encoded, { hasProto: this.#hasProto, hasBytes: this.#hasBytes });
      this.#decoded = true;
    }
    return this.#value;
  }
}

/**
 * The same, but bytes in it are views: for what netmgr itself reads, and does not change or keep for long.
 *
 * @throws NetworkError DESERIALIZATION
 */
export function viewed(bytes: Uint8Array, findings: Findings): unknown {
  if (findings.hasProto) return unpacked(bytes, findings);
  try {
    return views.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw toNetworkError(error, 'DESERIALIZATION');
  }
}

/**
 * The value of bytes that the scanner has accepted.
 *
 * @throws NetworkError DESERIALIZATION
 */
export function unpacked(bytes: Uint8Array, { hasProto, hasBytes }: Findings): unknown {
  // Bytes are cut out as what they are cut out of: users get plain Uint8Arrays, never a Buffer.
  const source = hasBytes ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes;
  try {
    return hasProto ? withObjects(maps.unpack(source)) : objects.unpack(source);
  } catch (error) {
    throw toNetworkError(error, 'DESERIALIZATION');
  }
}

function withObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withObjects);
  if (!(value instanceof Map)) return value;
  const fields: Record<string, unknown> = {};
  for (const [key, item] of value as Map<string, unknown>) setField(fields, key, withObjects(item));
  return fields;
}
