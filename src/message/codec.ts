import type { NetworkError } from '../base/errors.js';
import type { CodecName } from './codec-name.js';
import type { NetworkMessage } from './message.js';

/** Bounds of what a decoder accepts. Every one has a row in docs/limits.md. */
export interface DecodeLimits {
  /** Bytes in a frame. @default 1 MiB (configurable to 16 MiB) */
  readonly maxFrameBytes: number;
  /** Nesting of objects and arrays inside a payload. @default 64 */
  readonly maxDepth: number;
  /** Keys in one object. @default 10,000 */
  readonly maxKeys: number;
  /** Messages in one frame. @default 4,096 */
  readonly maxBatch: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  maxFrameBytes: 1024 * 1024,
  maxDepth: 64,
  maxKeys: 10_000,
  maxBatch: 4096,
};

/** One encoded message, ready to be joined with others into a frame. */
export interface EncodedMessage {
  readonly data: string | Uint8Array;
  /** Bytes that follow `data`, lent by whoever sends them: not copied, and not to be changed until they are written. */
  readonly tail?: Uint8Array | undefined;
  /** Bytes on the wire. */
  readonly bytes: number;
  /** Bytes that count for the peer's limit of a frame: with the payload as large as it will be there. */
  readonly inflatedBytes: number;
  /** A heartbeat or an acknowledgement: a frame of nothing else does not count for flow control. */
  readonly uncounted?: boolean;
}

export type Frame = string | Uint8Array;

/**
 * The bytes of a frame that `join` made of these parts. Joining text adds a character for each part and one more, so
 * that the frame need not be measured, which would be a pass over the whole of it.
 */
export function joinedBytes(frame: Frame, parts: readonly EncodedMessage[]): number {
  if (typeof frame !== 'string') return frame.length;
  let bytes = parts.length === 1 ? 0 : parts.length + 1;
  for (const part of parts) bytes += part.bytes;
  return bytes;
}

/** How a frame is to be read. */
export interface FrameReading {
  readonly limits: DecodeLimits;
  /** Payloads stay RawPayload. */
  readonly lazy: boolean;
  /** Payloads may be compressed. */
  readonly deflates: boolean;
}

export interface InvalidMessage {
  /** INVALID_MESSAGE, naming the field and its rule. */
  readonly error: NetworkError;
  /** The id of the broken message, if that much could be read. */
  readonly id: string | undefined;
}

export interface DecodedFrame {
  readonly messages: readonly NetworkMessage[];
  /** Members of a batch that break a rule of the envelope; the others are delivered. */
  readonly invalid: readonly InvalidMessage[];
  /** Bytes that its compressed payloads were inflated to. */
  readonly inflatedBytes: number;
}

/** Bytes ⇄ messages, pure and bounded. All of them: codecs.ts. */
export interface Codec {
  readonly name: CodecName;
  /** The same without compression, itself if it has none: for strangers, who could have us inflate much for little. */
  readonly plain: Codec;
  /** Whether frames are bytes (a binary WebSocket frame) or text. */
  readonly binary: boolean;
  /**
   * @param options.lent bytes at the end of a control message may be left where they are, as `tail`
   * @throws NetworkError SERIALIZATION if the payload cannot be written (cycle, bigint, function, too deep)
   */
  encode(message: NetworkMessage, options?: { readonly lent?: boolean }): EncodedMessage;
  /** Joins 1 to maxBatch messages into one frame. */
  join(parts: readonly EncodedMessage[]): Frame;
  /**
   * @param options.lazy payloads stay RawPayload, for relays
   * @throws NetworkError DESERIALIZATION or TOO_LARGE if the frame as a whole is unusable, an empty batch included
   */
  decode(frame: Frame, limits: DecodeLimits, options?: { readonly lazy?: boolean }): DecodedFrame;
}
