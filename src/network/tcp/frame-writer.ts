import type { Socket } from 'node:net';
import type { Frame } from '../../message/codec.js';

const LENGTH_BYTES = 4;
/** From here on to copy a frame behind its length costs more than to hand both to the operating system. */
const COPIED_BYTES = 4 * 1024;
/** Up to so many bytes Node encodes a text on its stack, and writes it from there. */
const MAX_TEXT_BYTES = 16 * 1024;

interface Outgoing {
  readonly frame: Frame;
  /** Of all of it. */
  readonly bytes: number;
  /** The rest of it, if it is in two parts. */
  readonly tail: Uint8Array | undefined;
}

/** Writes one frame, its length before it, with one write: mostly as a text, for which Node needs no buffer at all. */
export function writeFrame(socket: Socket, outgoing: Outgoing): void {
  const { frame, bytes } = outgoing;
  // As many bytes as characters: ASCII, which is latin1 as well, and so is the length.
  if (typeof frame === 'string' && bytes === frame.length && bytes <= MAX_TEXT_BYTES) {
    socket.write(lengthText(bytes) + frame, 'latin1');
  } else writeBytes(socket, outgoing);
}

function writeBytes(socket: Socket, { frame, bytes, tail }: Outgoing): void {
  if (typeof frame !== 'string' && (tail !== undefined || bytes > COPIED_BYTES)) {
    socket.cork();
    socket.write(lengthOf(bytes));
    socket.write(frame);
    if (tail) socket.write(tail);
    socket.uncork();
    return;
  }
  const whole = Buffer.allocUnsafe(LENGTH_BYTES + bytes);
  whole.writeUInt32BE(bytes);
  if (typeof frame !== 'string') whole.set(frame, LENGTH_BYTES);
  else whole.write(frame, LENGTH_BYTES, bytes === frame.length ? 'latin1' : 'utf8');
  socket.write(whole);
}

/** A character for each byte. */
const lengthText = (bytes: number): string =>
  String.fromCharCode(bytes >>> 24, (bytes >>> 16) & 0xff, (bytes >>> 8) & 0xff, bytes & 0xff);

function lengthOf(bytes: number): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(bytes);
  return length;
}
