import { type ErrorCode, fromWire, NetworkError } from '../../base/errors.js';
import { visible } from '../../message/escape.js';
import { revived } from '../../message/json-payload.js';
import { mayHoldBytes, toJson } from './json.js';

const ERROR_CHARACTERS = 1_000;
/** What a co-process may say of a message; any other code becomes HANDLER_FAILED. */
const ALLOWED: ReadonlySet<ErrorCode> = new Set([
  'HANDLER_FAILED',
  'HANDLER_RETRY',
  'INVALID_PAYLOAD',
  'NOT_ALLOWED',
  'NO_TARGET',
  'OVERLOADED',
]);

/** What a line of a co-process says. */
export type StreamAnswer =
  | { readonly id: string; readonly payload: unknown }
  | { readonly id: string; readonly error: NetworkError };

/** One message, as a line. @throws NetworkError SERIALIZATION */
export const messageLine = (id: string, type: string, payload: unknown): string =>
  payload === undefined
    ? `{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)}}\n`
    : `{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)},"payload":${toJson(payload)}}\n`;

/** The caller gave up; a co-process may ignore it. */
export const cancelLine = (id: string): string => `{"id":${JSON.stringify(id)},"cancel":true}\n`;

/** @returns the answer, or in words why the line is none */
export function parseAnswer(line: string): StreamAnswer | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not a JSON object';
  const { id, payload, error } = value as { id?: unknown; payload?: unknown; error?: unknown };
  if (typeof id !== 'string') return "no 'id' that is a string";
  if (error === undefined || error === null) {
    try {
      return { id, payload: mayHoldBytes(line) ? revived(payload) : payload };
    } catch (cause) {
      return { id, error: new NetworkError('HANDLER_FAILED', "the answer's payload cannot be read", { cause }) };
    }
  }
  return { id, error: errorOf(error) };
}

function errorOf(error: unknown): NetworkError {
  const wire = fromWire(typeof error === 'string' ? { message: error } : error);
  const code = ALLOWED.has(wire.code) ? wire.code : 'HANDLER_FAILED';
  return new NetworkError(code, visible(wire.message, ERROR_CHARACTERS));
}

/** The id of a line of which only the beginning is known, if it comes first, as it usually does. */
export const idOfHead = (head: Buffer): string | undefined =>
  /^\s*\{\s*"id"\s*:\s*"([A-Za-z0-9._:~-]{1,80})"/.exec(head.toString('latin1', 0, 256))?.[1];
