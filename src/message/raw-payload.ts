/**
 * A payload as it arrived: still encoded. A relay hands it on without looking inside;
 * a handler's value comes from `value()`, which decodes once.
 */
export abstract class RawPayload {
  /** The codec that can splice `encoded` into a frame of its own. */
  abstract readonly codec: 'json' | 'msgpack';
  abstract readonly encoded: string | Uint8Array;
  /** @throws NetworkError DESERIALIZATION if the bytes are no value */
  abstract value(): unknown;
}

/** The value of a payload, decoded if it still is raw. */
export const payloadOf = (message: { readonly payload?: unknown }): unknown =>
  message.payload instanceof RawPayload ? message.payload.value() : message.payload;
