import type { Encoding } from './codec-name.js';

/**
 * A payload as it arrived: still encoded. A relay hands it on without looking inside;
 * a handler's value comes from `value()`, which decodes once.
 */
export abstract class RawPayload {
  /** The encoding whose codecs can splice it into a frame of their own. */
  abstract readonly encoding: Encoding;
  abstract readonly encoded: string | Uint8Array;
  /** The same compressed, as it arrived: base64 in JSON. Undefined if it came uncompressed. */
  abstract readonly deflated: string | Uint8Array | undefined;
  /** @throws NetworkError DESERIALIZATION if the bytes are no value */
  abstract value(): unknown;

  /** What it holds on to: bytes, or characters of JSON. */
  get size(): number {
    return this.encoded.length + (this.deflated?.length ?? 0);
  }
}

/** What the payload of a message holds on to, as long as it is raw; 0 once it is decoded. */
export const rawSizeOf = ({ payload }: { readonly payload?: unknown }): number =>
  payload instanceof RawPayload ? payload.size : 0;

/** The value of a payload, decoded if it still is raw. */
export const payloadOf = (message: { readonly payload?: unknown }): unknown =>
  message.payload instanceof RawPayload ? message.payload.value() : message.payload;
