import type { Socket } from 'node:net';
import type { Frame } from '../../message/codec.js';

const LENGTH_BYTES = 4;
/** From here on to copy a frame behind its length costs more than to hand both to the operating system. */
const COPIED_BYTES = 4 * 1024;

interface Outgoing {
  readonly frame: Frame;
  /** Of all of it. */
  readonly bytes: number;
  /** The rest of it, if it is in two parts. */
  readonly tail: Uint8Array | undefined;
}

/** Writes one frame, its length before it, with one write. */
export function writeFrame(socket: Socket, { frame, bytes, tail }: Outgoing): void {
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
  // As many bytes as characters: ASCII, for which latin1 is the quicker way to the same bytes.
  else whole.write(frame, LENGTH_BYTES, bytes === frame.length ? 'latin1' : 'utf8');
  socket.write(whole);
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(bytes);
  return length;
}
