import { Buffer } from 'node:buffer';
import { NetworkError } from '../base/errors.js';
import { MESSAGE_ID } from '../base/names.js';
import { DEFAULT_DECODE_LIMITS, type EncodedMessage, type Frame } from './codec.js';
import type { BodyAnnouncement, NetworkMessage } from './message.js';

/** A message while a decoder makes it. */
export type ReceivedMessage = NetworkMessage & { payload?: unknown };

/**
 * The message of a checked candidate, without fields that we do not know, and with the one object shape that all
 * messages have: the engine's inline caches stay monomorphic.
 */
export const assemble = (checked: NetworkMessage): ReceivedMessage => ({
  v: checked.v,
  id: checked.id,
  kind: checked.kind,
  type: checked.type,
  from: checked.from,
  to: checked.to,
  ts: checked.ts,
  re: checked.re,
  ttl: checked.ttl,
  priority: checked.priority,
  component: checked.component,
  body: checked.body === undefined ? undefined : announced(checked.body),
  payload: checked.payload,
});

/** What we know of an announcement that was checked. */
function announced({ size, resumable, attempt }: BodyAnnouncement): BodyAnnouncement {
  return { size, resumable, attempt };
}

/** The id of a candidate that breaks a rule, if that much is right, so that it can be answered. */
export function idOf(candidate: unknown): string | undefined {
  if (typeof candidate !== 'object' || candidate === null) return undefined;
  const { id } = candidate as { readonly id?: unknown };
  return typeof id === 'string' && MESSAGE_ID.test(id) ? id : undefined;
}

/**
 * The bytes of a frame, without a copy if it is bytes already.
 *
 * @throws NetworkError TOO_LARGE
 */
export function bytesOfFrame(frame: Frame, maxBytes: number): Buffer {
  // A character takes at least a byte, so a text that is too long need not be converted first.
  if (frame.length > maxBytes) throw tooLarge(frame.length, maxBytes);
  if (typeof frame !== 'string') {
    return Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  }
  const bytes = Buffer.from(frame);
  if (bytes.length > maxBytes) throw tooLarge(bytes.length, maxBytes);
  return bytes;
}

const tooLarge = (bytes: number, maxBytes: number): NetworkError =>
  new NetworkError('TOO_LARGE', `a frame of ${bytes} bytes; the limit is ${maxBytes}`);

/**
 * What a codec is asked to join.
 *
 * @throws NetworkError SERIALIZATION unless there are 1 to 4,096 parts, which is what a peer accepts
 */
export function checkedBatch(parts: readonly EncodedMessage[]): readonly EncodedMessage[] {
  if (parts.length >= 1 && parts.length <= DEFAULT_DECODE_LIMITS.maxBatch) return parts;
  const rule = `a frame holds 1 to ${DEFAULT_DECODE_LIMITS.maxBatch}`;
  throw new NetworkError('SERIALIZATION', `a batch of ${parts.length} messages; ${rule}`);
}
