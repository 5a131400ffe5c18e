import type { Socket } from 'node:net';
import type { Frame } from '../../message/codec.js';
import { frameBytes } from '../outbound.js';

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;
const MASKED = 0x80;

/**
 * Writes one whole WebSocket frame (RFC 6455, 5.2) as one buffer and one write; `ws` itself takes two buffers for it.
 * A client's mask is zeros: masking costs a pass over every byte on both sides. It protects proxies on the way from
 * what scripts in a browser make it send (10.3); this is no browser, and nobody stands between the two ends of a
 * loopback or UNIX socket.
 */
export function writeFrame(raw: Socket, frame: Frame, masked: boolean): void {
  const bytes = frameBytes(frame);
  const lengthBytes = bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8;
  const offset = 2 + lengthBytes + (masked ? 4 : 0);
  const buffer = Buffer.allocUnsafe(offset + bytes);
  buffer[0] = typeof frame === 'string' ? FINAL_TEXT : FINAL_BINARY;
  buffer[1] = (masked ? MASKED : 0) | (lengthBytes === 0 ? bytes : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) buffer.writeUInt16BE(bytes, 2);
  else if (lengthBytes === 8) buffer.writeBigUInt64BE(BigInt(bytes), 2);
  if (masked) buffer.writeUInt32BE(0, 2 + lengthBytes);
  if (typeof frame !== 'string') buffer.set(frame, offset);
  // As many bytes as characters: ASCII, for which latin1 is the quicker way to the same bytes.
  else buffer.write(frame, offset, bytes === frame.length ? 'latin1' : 'utf8');
  raw.write(buffer);
}
