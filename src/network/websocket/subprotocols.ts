import type { Codec } from '../../message/codec.js';
import { jsonCodec } from '../../message/json-codec.js';
import { msgpackCodec } from '../../message/msgpack-codec.js';

/** The codecs by the WebSocket subprotocol that selects them; the first is the default. */
export const SUBPROTOCOLS: ReadonlyMap<string, Codec> = new Map(
  [jsonCodec, msgpackCodec].map((codec) => [codec.subprotocol, codec]),
);

/** The codec of an agreed subprotocol; a client that asked for none speaks the default. */
export const codecOf = (subprotocol: string): Codec => SUBPROTOCOLS.get(subprotocol) ?? jsonCodec;
