import type { WebSocketLimits } from './options.js';

/** What `ws` is told on both sides. `closeTimeout` is not in its types. */
export interface SocketOptions {
  readonly perMessageDeflate: false;
  readonly autoPong: false;
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  readonly skipUTF8Validation: false;
  readonly closeTimeout: number;
}

export const socketOptions = (limits: WebSocketLimits): SocketOptions => ({
  // Off for its memory: 26 -> 293 KB per connection.
  perMessageDeflate: false,
  // Pongs are answered by the connection, which counts those that are not read.
  autoPong: false,
  maxPayload: limits.maxFrameBytes,
  maxFragments: limits.maxFragments,
  maxBufferedChunks: Math.max(4096, Math.ceil(limits.maxFrameBytes / 256)),
  skipUTF8Validation: false,
  closeTimeout: limits.closeTimeoutMs,
});
