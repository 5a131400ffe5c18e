import { NetworkError } from '../base/errors.js';

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const FOUR = 0x34;
const SIX = 0x36;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LETTER_B = 0x62;
const LETTER_E = 0x65;
const LETTER_F = 0x66;
const LETTER_T = 0x74;
const LETTER_U = 0x75;

const literal = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A table with 1 for each of these characters. */
function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of literal(characters)) table[byte] = 1;
  return table;
}

/** What stands for itself inside a string: ASCII without controls, quote and backslash. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x80);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

/** What may follow a backslash, `u` apart. */
const ESCAPED = tableOf('"\\/bfnrt');
const HEXADECIMAL = tableOf('0123456789abcdefABCDEF');
const TRUE = literal('true');
const FALSE = literal('false');
const NULL = literal('null');

/** What was seen in the strings of a value. */
export interface Seen {
  /** A byte above 0x7f: whether it is UTF-8 remains to be checked. */
  nonAscii: boolean;
  /** A string that ends in `b64`, or one with an escape: it may be the key of bytes. */
  marked: boolean;
}

/** A DESERIALIZATION that says where, and what was expected there. */
export function unexpected(bytes: Uint8Array, at: number, expected: string): NetworkError {
  const byte = bytes[at];
  const isShown = byte !== undefined && byte > SPACE && byte < 0x7f;
  const shown = isShown ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte?.toString(16).padStart(2, '0')}`;
  const found = byte === undefined ? 'the end' : shown;
  return new NetworkError('DESERIALIZATION', `not JSON: expected ${expected} at byte ${at}, found ${found}`);
}

/** The first byte at or after `at` that is not white space, of which there mostly is none; the length at the end. */
export const skipSpace = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) > SPACE ? at : spaceEnd(bytes, at);

function spaceEnd(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length && isSpace(bytes[i] as number)) i += 1;
  return i;
}

const isSpace = (byte: number): boolean =>
  byte <= SPACE && (byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB);

/** Whether exactly these bytes stand at `at`. */
export function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** The end of the string, number or word that begins at `at`. */
export function scalarEnd(bytes: Uint8Array, at: number, seen: Seen): number {
  if (bytes[at] !== QUOTE) return numberOrWordEnd(bytes, at);
  const end = bytes.length;
  let i = at + 1;
  while (i < end && PLAIN[bytes[i] as number] === 1) i += 1;
  return bytes[i] === QUOTE && bytes[i - 1] !== FOUR ? i + 1 : unusualEnd(bytes, i, seen);
}

/**
 * The end of the key that begins at `at` and of its colon: where the value begins. Like `scalarEnd`, it does the usual
 * by itself and leaves the rest to others: a call for each token costs more than the token.
 */
export function keyEnd(bytes: Uint8Array, at: number, seen: Seen): number {
  if (bytes[at] !== QUOTE) throw unexpected(bytes, at, 'a key');
  const end = bytes.length;
  let i = at + 1;
  while (i < end && PLAIN[bytes[i] as number] === 1) i += 1;
  if (bytes[i + 1] === COLON && (bytes[i + 2] as number) > SPACE && bytes[i] === QUOTE && bytes[i - 1] !== FOUR) {
    return i + 2;
  }
  const colon = skipSpace(bytes, unusualEnd(bytes, i, seen));
  if (bytes[colon] !== COLON) throw unexpected(bytes, colon, "':'");
  return skipSpace(bytes, colon + 1);
}

function numberOrWordEnd(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return numberEnd(bytes, at);
  const word = byte === LETTER_T ? TRUE : byte === LETTER_F ? FALSE : NULL;
  if (startsWith(bytes, at, word)) return at + word.length;
  throw unexpected(bytes, at, 'a value');
}

/** The rest of a string, from where it may be more than plain ASCII. */
function unusualEnd(bytes: Uint8Array, at: number, seen: Seen): number {
  const end = bytes.length;
  let i = at;
  for (;;) {
    while (i < end && PLAIN[bytes[i] as number] === 1) i += 1;
    if (bytes[i] === QUOTE) {
      if (bytes[i - 1] === FOUR && bytes[i - 2] === SIX && bytes[i - 3] === LETTER_B) seen.marked = true;
      return i + 1;
    }
    i = specialEnd(bytes, i, seen);
  }
}

/** The end of what does not stand for itself inside a string. */
function specialEnd(bytes: Uint8Array, at: number, seen: Seen): number {
  const byte = bytes[at] as number;
  if (byte >= 0x80) {
    seen.nonAscii = true;
    return at + 1;
  }
  if (byte !== BACKSLASH) throw unexpected(bytes, at, byte < SPACE ? 'no bare control character' : 'a closing quote');
  seen.marked = true;
  const letter = bytes[at + 1] as number;
  if (ESCAPED[letter] === 1) return at + 2;
  if (letter !== LETTER_U) throw unexpected(bytes, at + 1, 'an escape');
  for (let i = at + 2; i < at + 6; i += 1) {
    if (HEXADECIMAL[bytes[i] as number] !== 1) throw unexpected(bytes, i, 'a hexadecimal digit');
  }
  return at + 6;
}

function numberEnd(bytes: Uint8Array, at: number): number {
  let i = bytes[at] === MINUS ? at + 1 : at;
  i = bytes[i] === ZERO ? i + 1 : digitsEnd(bytes, i);
  if (bytes[i] === DOT) i = digitsEnd(bytes, i + 1);
  if (((bytes[i] as number) | 0x20) !== LETTER_E) return i;
  const sign = bytes[i + 1];
  return digitsEnd(bytes, sign === MINUS || sign === PLUS ? i + 2 : i + 1);
}

/** At least one digit. */
function digitsEnd(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length && (bytes[i] as number) >= ZERO && (bytes[i] as number) <= NINE) i += 1;
  if (i === at) throw unexpected(bytes, at, 'a digit');
  return i;
}
