import { NetworkError } from '../../base/errors.js';
import { shownValue } from '../../message/guard.js';
import type { NetworkMessage } from '../../message/message.js';

/**
 * The control messages of a body: `re` of each is the id of the request or event that announced it. The announcing side
 * sends `body-chunk` and `body-end`, the other one `body-credit` and `body-taken`, either one `body-cancel`.
 */
export const CHUNK = 'body-chunk';
export const CREDIT = 'body-credit';
export const END = 'body-end';
export const TAKEN = 'body-taken';
export const CANCEL = 'body-cancel';

export type BodyVerb = typeof CHUNK | typeof CREDIT | typeof END | typeof TAKEN | typeof CANCEL;

export const BODY_VERBS: ReadonlySet<string> = new Set<BodyVerb>([CHUNK, CREDIT, END, TAKEN, CANCEL]);

/** `crc` is the CRC-32 of `data`. */
export interface Chunk {
  readonly offset: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

/** Everything before `offset` has arrived; `window` bytes from there may be sent. */
export interface Credit {
  readonly offset: number;
  readonly window: number;
  /** The sender's repeat that this answers: whatever it has sent before and is not in `offset` is lost. */
  readonly resend?: number | undefined;
}

/** There is no more. */
export interface End {
  readonly size: number;
  /** Of all bytes, in hexadecimal digits. */
  readonly sha256: string;
}

type Fields = Readonly<Record<string, unknown>>;

const SHA256 = /^[0-9a-f]{64}$/;

/** @throws NetworkError INVALID_MESSAGE naming the field, as all of these */
export function readChunk(message: NetworkMessage): Chunk {
  const { offset, crc, data } = fieldsOf(message);
  if (!(data instanceof Uint8Array) || data.length === 0) {
    throw new NetworkError('INVALID_MESSAGE', `${CHUNK}.data: ${shownValue(data)} is not at least one byte`);
  }
  if (!isCount(crc) || crc > 0xffffffff) throw refuse(message, 'crc', crc);
  return { offset: countOf(message, 'offset', offset), crc, data };
}

export function readCredit(message: NetworkMessage): Credit {
  const { offset, window, resend } = fieldsOf(message);
  const read = { offset: countOf(message, 'offset', offset), window: countOf(message, 'window', window) };
  if (!Number.isSafeInteger(read.offset + read.window)) throw refuse(message, 'window', window);
  return { ...read, resend: resend === undefined ? undefined : countOf(message, 'resend', resend) };
}

/** @returns the size */
export function readTaken(message: NetworkMessage): number {
  return countOf(message, 'size', fieldsOf(message)['size']);
}

export function readEnd(message: NetworkMessage): End {
  const { size, sha256 } = fieldsOf(message);
  if (typeof sha256 === 'string' && SHA256.test(sha256)) return { size: countOf(message, 'size', size), sha256 };
  throw new NetworkError('INVALID_MESSAGE', `${END}.sha256: ${shownValue(sha256)} is not 64 hexadecimal digits`);
}

function fieldsOf({ type, payload }: NetworkMessage): Fields {
  if (typeof payload === 'object' && payload !== null) return payload as Fields;
  throw new NetworkError('INVALID_MESSAGE', `${type}: its payload, ${shownValue(payload)}, is not an object`);
}

function countOf(message: NetworkMessage, field: string, value: unknown): number {
  if (isCount(value)) return value;
  throw refuse(message, field, value);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const refuse = ({ type }: NetworkMessage, field: string, value: unknown): NetworkError =>
  new NetworkError('INVALID_MESSAGE', `${type}.${field}: ${shownValue(value)} is not a number that it may be`);
