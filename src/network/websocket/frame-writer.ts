import type { Socket } from 'node:net';
import type { Frame } from '../../message/codec.js';
import { applyMask, MASK_BYTES } from './mask.js';

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;
const MASKED = 0x80;
/** What changes nothing. */
const ZERO_MASK = '\0'.repeat(MASK_BYTES);
/** Up to so many bytes Node encodes a text on its stack, and writes it from there. */
const MAX_TEXT_BYTES = 16 * 1024;

interface Outgoing {
  readonly frame: Frame;
  /** Of all of it. */
  readonly bytes: number;
  /** The rest of it, if it is in two parts. */
  readonly tail?: Uint8Array | undefined;
  /** The key that a client's frames must have (RFC 6455, 5.3); 0 changes nothing; undefined for a server's. */
  readonly mask: number | undefined;
}

/**
 * Writes one whole WebSocket frame (RFC 6455, 5.2) with one write; `ws` itself takes two. Mostly as a text, its head
 * included, for which Node needs no buffer at all.
 */
export function writeFrame(raw: Socket, outgoing: Outgoing): void {
  const { frame, bytes, mask } = outgoing;
  // As many bytes as characters: ASCII, which is latin1 as well, and so is the head.
  if (typeof frame === 'string' && bytes === frame.length && bytes <= MAX_TEXT_BYTES && !mask) {
    raw.write(`${textHead(bytes, mask !== undefined)}${frame}`, 'latin1');
  } else writeBytes(raw, outgoing);
}

/** Of up to 64 KiB, a character for each byte. @param masked with zero */
function textHead(bytes: number, masked: boolean): string {
  const flag = masked ? MASKED : 0;
  const head =
    bytes < 126
      ? String.fromCharCode(FINAL_TEXT, flag | bytes)
      : String.fromCharCode(FINAL_TEXT, flag | 126, bytes >> 8, bytes & 0xff);
  return masked ? head + ZERO_MASK : head;
}

/** As one buffer; what is in two parts and needs no mask is not copied. */
function writeBytes(raw: Socket, outgoing: Outgoing): void {
  const { frame, bytes, tail, mask } = outgoing;
  const isSplit = tail !== undefined && !mask;
  const lengthBytes = bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8;
  const head = 2 + lengthBytes + (mask === undefined ? 0 : MASK_BYTES);
  // The payload begins at a multiple of four, so that it can be masked a word at a time.
  const start = -head & 3;
  const at = start + head;
  const whole = Buffer.allocUnsafe(isSplit ? at : at + bytes);
  whole[start] = typeof frame === 'string' ? FINAL_TEXT : FINAL_BINARY;
  whole[start + 1] = (mask === undefined ? 0 : MASKED) | (lengthBytes === 0 ? bytes : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) whole.writeUInt16BE(bytes, start + 2);
  else if (lengthBytes === 8) whole.writeBigUInt64BE(BigInt(bytes), start + 2);
  if (mask !== undefined) whole.writeUInt32LE(mask >>> 0, at - MASK_BYTES);
  if (isSplit) {
    raw.cork();
    for (const part of [whole.subarray(start), frame as Uint8Array, tail]) raw.write(part);
    raw.uncork();
    return;
  }
  putFrame(whole, at, outgoing);
  if (mask) applyMask(whole, at, bytes);
  raw.write(start === 0 ? whole : whole.subarray(start));
}

function putFrame(whole: Buffer, at: number, { frame, bytes, tail }: Outgoing): void {
  // As many bytes as characters: ASCII, for which latin1 is the quicker way to the same bytes.
  if (typeof frame === 'string') whole.write(frame, at, bytes === frame.length ? 'latin1' : 'utf8');
  else whole.set(frame, at);
  if (tail) whole.set(tail, at + frame.length);
}
