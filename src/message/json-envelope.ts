import { ANYONE, EVERYONE } from '../base/names.js';
import { KINDS, MAX_TIMESTAMP, MAX_TTL_MS, PRIORITY_NAMES } from './guard.js';
import { startsWith } from './json-token.js';
import { type MessageKind, PROTOCOL_VERSION, type Priority } from './message.js';
import type { ReceivedMessage } from './received.js';

const literal = (text: string): Uint8Array => new TextEncoder().encode(text);
const HEAD = literal(`{"v":${PROTOCOL_VERSION},"id":"`);
const KIND = literal(',"kind":"');
const TYPE = literal(',"type":"');
const FROM = literal(',"from":"');
const TO = literal(',"to":"');
const TS = literal(',"ts":');
const RE = literal(',"re":"');
const TTL = literal(',"ttl":');
const PRIORITY = literal(',"priority":"');
const COMPONENT = literal(',"component":"');
const PAYLOAD = literal(',"payload":');
const DEFLATE = literal(',"deflate":"');

const QUOTE = 0x22;
const STAR = 0x2a;
const ZERO = 0x30;
const QUESTION_MARK = 0x3f;
/** Digits of MAX_TIMESTAMP; up to here every integer is exact. */
const MAX_DIGITS = 16;

/** Which of the rules in base/names.ts a byte may take part in. */
const ID = 1;
const NODE_FIRST = 2;
const NODE_REST = 4;
const TYPE_FIRST = 8;
const TYPE_REST = 16;
const CLASSES = new Uint8Array(256);
const classify = (characters: string, classes: number): void => {
  for (const byte of literal(characters)) CLASSES[byte] = (CLASSES[byte] as number) | classes;
};
classify('abcdefghijklmnopqrstuvwxyz', ID | NODE_FIRST | NODE_REST | TYPE_FIRST | TYPE_REST);
classify('ABCDEFGHIJKLMNOPQRSTUVWXYZ', ID | TYPE_FIRST | TYPE_REST);
classify('0123456789', ID | NODE_FIRST | NODE_REST | TYPE_REST);
classify('._-', ID | NODE_REST | TYPE_REST);
classify(':', ID | TYPE_REST);

interface NameRule {
  readonly first: number;
  readonly rest: number;
  readonly maxLength: number;
}
const NODE: NameRule = { first: NODE_FIRST, rest: NODE_REST, maxLength: 63 };
const TYPE_RULE: NameRule = { first: TYPE_FIRST, rest: TYPE_REST, maxLength: 128 };
const ID_LENGTH = 64;

/** Names seen lately, by hash: the same few types and nodes come again and again, and as one string each. */
const NAMES: string[] = new Array(512).fill('');

/** Where an envelope is being read. */
export interface EnvelopeCursor {
  readonly bytes: Buffer;
  /** The characters of a range of ASCII bytes. */
  readonly textOf: (start: number, end: number) => string;
  /** After `readEnvelope`: the byte after the last field, or the first of the payload's value. */
  at: number;
  hasPayload: boolean;
  /** Everything so far was as expected. */
  isUsual: boolean;
  /** Of the message before: messages of one frame often say the same here. */
  route: Route | undefined;
  routeStart: number;
  routeEnd: number;
}

/** What stands between the id and the time. */
interface Route {
  readonly kind: MessageKind;
  readonly type: string;
  readonly from: string;
  readonly to: string | undefined;
}

export const envelopeCursor = (bytes: Buffer, textOf: (start: number, end: number) => string): EnvelopeCursor => ({
  bytes,
  textOf,
  at: 0,
  hasPayload: false,
  isUsual: true,
  route: undefined,
  routeStart: 0,
  routeEnd: 0,
});

/**
 * Reads an envelope straight from bytes, if it is written exactly as netmgr writes it: no white space, fields in the
 * documented order, every field by its rule. That is nearly always so, and several times faster than parsing and
 * checking. Everything else is left to the scanner, `JSON.parse` and the guard, which also find the words for what
 * is wrong.
 *
 * @returns the message without its payload; undefined if it has to go the long way
 */
export function readEnvelope(cursor: EnvelopeCursor, at: number): ReceivedMessage | undefined {
  cursor.at = at;
  cursor.isUsual = true;
  expect(cursor, HEAD);
  const id = readId(cursor);
  const { kind, type, from, to } = readRoute(cursor);
  const ts = readInteger(cursor, 0, MAX_TIMESTAMP);
  const re = skip(cursor, RE) ? readId(cursor) : undefined;
  const ttl = skip(cursor, TTL) ? readInteger(cursor, 1, MAX_TTL_MS) : undefined;
  const priority = skip(cursor, PRIORITY) ? (readType(cursor) as Priority) : undefined;
  const component = skip(cursor, COMPONENT) ? readType(cursor) : undefined;
  cursor.hasPayload = skip(cursor, PAYLOAD);
  if (!cursor.isUsual || !isConsistent(kind, re, priority)) return undefined;
  const body = undefined; // rare: a message that has one goes the long way
  return { v: PROTOCOL_VERSION, id, kind, type, from, to, ts, re, ttl, priority, component, body, payload: undefined };
}

/** After an envelope without a payload: whether a compressed one follows, at whose first character the cursor then is. */
export const skipDeflate = (cursor: EnvelopeCursor): boolean => skip(cursor, DEFLATE);

const isConsistent = (kind: MessageKind, re: string | undefined, priority: Priority | undefined): boolean =>
  KINDS.has(kind) &&
  (re !== undefined || (kind !== 'response' && kind !== 'error')) &&
  (priority === undefined || PRIORITY_NAMES.has(priority));

function readRoute(cursor: EnvelopeCursor): Route {
  if (cursor.route !== undefined && repeats(cursor)) {
    cursor.at += cursor.routeEnd - cursor.routeStart;
    return cursor.route;
  }
  const start = cursor.at;
  expect(cursor, KIND);
  const kind = readType(cursor) as MessageKind;
  expect(cursor, TYPE);
  const type = readType(cursor);
  expect(cursor, FROM);
  const from = readName(cursor, NODE);
  const to = skip(cursor, TO) ? readAddress(cursor) : undefined;
  expect(cursor, TS);
  const route = { kind, type, from, to };
  cursor.route = cursor.isUsual ? route : undefined;
  cursor.routeStart = start;
  cursor.routeEnd = cursor.at;
  return route;
}

function repeats({ bytes, at, routeStart, routeEnd }: EnvelopeCursor): boolean {
  const ahead = at - routeStart;
  for (let i = routeStart; i < routeEnd; i += 1) if (bytes[i] !== bytes[i + ahead]) return false;
  return true;
}

function skip(cursor: EnvelopeCursor, text: Uint8Array): boolean {
  if (!startsWith(cursor.bytes, cursor.at, text)) return false;
  cursor.at += text.length;
  return true;
}

function expect(cursor: EnvelopeCursor, text: Uint8Array): void {
  if (startsWith(cursor.bytes, cursor.at, text)) cursor.at += text.length;
  else cursor.isUsual = false;
}

function readId(cursor: EnvelopeCursor): string {
  const { bytes, at } = cursor;
  let i = at;
  while (((CLASSES[bytes[i] as number] as number) & ID) !== 0) i += 1;
  if (bytes[i] !== QUOTE || i === at || i - at > ID_LENGTH) return unusual(cursor);
  cursor.at = i + 1;
  return cursor.textOf(at, i);
}

const readType = (cursor: EnvelopeCursor): string => readName(cursor, TYPE_RULE);

function readAddress(cursor: EnvelopeCursor): string {
  const byte = cursor.bytes[cursor.at];
  if (byte !== STAR && byte !== QUESTION_MARK) return readName(cursor, NODE);
  if (cursor.bytes[cursor.at + 1] !== QUOTE) return unusual(cursor);
  cursor.at += 2;
  return byte === STAR ? EVERYONE : ANYONE;
}

function readName(cursor: EnvelopeCursor, rule: NameRule): string {
  const { bytes, at } = cursor;
  if (((CLASSES[bytes[at] as number] as number) & rule.first) === 0) return unusual(cursor);
  let hash = 0;
  let i = at;
  for (let byte = bytes[i] as number; ((CLASSES[byte] as number) & rule.rest) !== 0; byte = bytes[i] as number) {
    hash = (Math.imul(hash, 31) + byte) | 0;
    i += 1;
  }
  if (bytes[i] !== QUOTE || i - at > rule.maxLength) return unusual(cursor);
  cursor.at = i + 1;
  const slot = (hash ^ (hash >>> 9)) & (NAMES.length - 1);
  const known = NAMES[slot] as string;
  if (known.length === i - at && isAt(bytes, at, known)) return known;
  // A copy, because a name may outlive the frame by far.
  const name = bytes.toString('latin1', at, i);
  NAMES[slot] = name;
  return name;
}

function isAt(bytes: Buffer, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i += 1) if (name.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}

function readInteger(cursor: EnvelopeCursor, min: number, max: number): number {
  const { bytes, at } = cursor;
  let value = 0;
  let i = at;
  for (let digit = (bytes[i] as number) - ZERO; digit >= 0 && digit <= 9; digit = (bytes[i] as number) - ZERO) {
    value = value * 10 + digit;
    i += 1;
  }
  const isInteger = i > at && i - at <= MAX_DIGITS && (bytes[at] !== ZERO || i === at + 1);
  if (!isInteger || value < min || value > max) cursor.isUsual = false;
  cursor.at = i;
  return value;
}

function unusual(cursor: EnvelopeCursor): string {
  cursor.isUsual = false;
  return '';
}
