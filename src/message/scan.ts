import { NetworkError } from '../base/errors.js';
import type { DecodeLimits } from './codec.js';
import { keyEnd, type Seen, scalarEnd, skipSpace, startsWith, unexpected } from './json-token.js';

const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const PAYLOAD = new TextEncoder().encode('"payload"');

/** In the place of a count of keys. */
const LIST = -1;

/** Where one member of a frame lies, in bytes. */
export interface ScannedMessage {
  readonly start: number;
  end: number;
  /** Where the value of the last key begins, if that key is `payload`; -1 otherwise. */
  payloadStart: number;
  /** Where that value ends. */
  payloadEnd: number;
}

/** What a scan of a frame works with. Free functions over plain fields are half again as fast as private methods. */
export interface JsonScan {
  readonly bytes: Uint8Array;
  readonly maxDepth: number;
  readonly maxKeys: number;
  /** Reset by whoever looks at it. */
  readonly seen: Seen;
  /** Per open container: its keys so far, or LIST. */
  readonly open: Int32Array;
  depth: number;
}

export const jsonScan = (bytes: Uint8Array, { maxDepth, maxKeys }: DecodeLimits): JsonScan => ({
  bytes,
  maxDepth,
  maxKeys,
  seen: { nonAscii: false, marked: false },
  open: openTo(maxDepth),
  depth: 0,
});

/** Scans never overlap, so one list serves them all: typed arrays are dear to make. */
let shared: Int32Array = new Int32Array(64);

function openTo(maxDepth: number): Int32Array {
  if (shared.length < maxDepth) shared = new Int32Array(maxDepth);
  return shared;
}

/** Scans one member of a frame that begins at `at`; anything but an object is scanned as a value. */
export function scanMessage(scan: JsonScan, at: number): ScannedMessage {
  const { bytes } = scan;
  const found: ScannedMessage = { start: at, end: at, payloadStart: -1, payloadEnd: -1 };
  if (bytes[at] !== OPEN_OBJECT) {
    found.end = scanValue(scan, at);
    return found;
  }
  let i = skipSpace(bytes, at + 1);
  for (let keys = 1; keys > 1 || bytes[i] !== CLOSE_OBJECT; keys += 1) {
    if (keys > scan.maxKeys) throw tooMany(scan);
    const isPayload = startsWith(bytes, i, PAYLOAD);
    const valueAt = keyEnd(bytes, i, scan.seen);
    const valueEnd = scanValue(scan, valueAt);
    found.payloadStart = isPayload ? valueAt : -1;
    found.payloadEnd = isPayload ? valueEnd : -1;
    i = skipSpace(bytes, valueEnd);
    if (bytes[i] === CLOSE_OBJECT) break;
    if (bytes[i] !== COMMA) throw unexpected(bytes, i, "',' or '}'");
    i = skipSpace(bytes, i + 1);
  }
  found.end = i + 1;
  return found;
}

/**
 * Walks JSON text (as UTF-8 bytes) before anything is built from it: checks the whole grammar of RFC 8259 and the
 * limits, without recursion. What passes is parsed by `JSON.parse` without error, and a payload that passes can be
 * handed on unparsed without harm to whoever reads it. UTF-8 itself is not checked: `seen.nonAscii` says when to.
 *
 * Depth is counted per field of an envelope: a scalar has depth 0, `{}` and `[]` have 1, each nesting adds 1.
 *
 * @returns where the value that begins at `at` ends
 * @throws NetworkError DESERIALIZATION, TOO_LARGE
 */
export function scanValue(scan: JsonScan, at: number): number {
  const { bytes, seen } = scan;
  scan.depth = 0;
  let i = at;
  for (;;) {
    const byte = bytes[i];
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      const inside = enter(scan, i, byte);
      if (inside > 0) {
        i = inside;
        continue;
      }
      i = -inside;
    } else i = scalarEnd(bytes, i, seen);
    i = leave(scan, i);
    if (scan.depth === 0) return i;
  }
}

/** Opens a container; returns where its first value begins, or minus its end if it is empty. */
function enter(scan: JsonScan, at: number, byte: number): number {
  const { bytes } = scan;
  if (scan.depth === scan.maxDepth) throw tooDeep(scan);
  const inside = skipSpace(bytes, at + 1);
  const isObject = byte === OPEN_OBJECT;
  if (bytes[inside] === (isObject ? CLOSE_OBJECT : CLOSE_LIST)) return -(inside + 1);
  scan.open[scan.depth] = isObject ? 1 : LIST;
  scan.depth += 1;
  return isObject ? keyEnd(bytes, inside, scan.seen) : inside;
}

/** After a value: closes every container that ends here; returns where the next value begins, or the end of all. */
function leave(scan: JsonScan, at: number): number {
  const { bytes } = scan;
  let i = at;
  while (scan.depth > 0) {
    i = skipSpace(bytes, i);
    if (bytes[i] === COMMA) return another(scan, i);
    const close = scan.open[scan.depth - 1] === LIST ? CLOSE_LIST : CLOSE_OBJECT;
    if (bytes[i] !== close) throw unexpected(bytes, i, `',' or '${String.fromCharCode(close)}'`);
    scan.depth -= 1;
    i += 1;
  }
  return i;
}

/** After a comma: returns where the next value begins. */
function another(scan: JsonScan, comma: number): number {
  const { bytes, open } = scan;
  const i = skipSpace(bytes, comma + 1);
  const keys = open[scan.depth - 1] as number;
  if (keys === LIST) return i;
  if (keys >= scan.maxKeys) throw tooMany(scan);
  open[scan.depth - 1] = keys + 1;
  return keyEnd(bytes, i, scan.seen);
}

const tooDeep = ({ maxDepth }: JsonScan): NetworkError =>
  new NetworkError('TOO_LARGE', `a value nested more than ${maxDepth} deep`);

const tooMany = ({ maxKeys }: JsonScan): NetworkError =>
  new NetworkError('TOO_LARGE', `an object with more than ${maxKeys} keys`);
