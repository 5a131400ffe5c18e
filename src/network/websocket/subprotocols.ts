import type { Codec } from '../../message/codec.js';
import { CODECS } from '../../message/codecs.js';
import { jsonCodec } from '../../message/json-codec.js';

/** The WebSocket subprotocol that selects a codec. */
export const subprotocolOf = (codecName: string): string => `netmgr.v1.${codecName}`;

/** The codecs by the WebSocket subprotocol that selects them; the first is the default. */
export const SUBPROTOCOLS: ReadonlyMap<string, Codec> = new Map(
  [...CODECS.values()].map((codec) => [subprotocolOf(codec.name), codec]),
);

/** The codec of an agreed subprotocol; a client that asked for none speaks the default. */
export const codecOf = (subprotocol: string): Codec => SUBPROTOCOLS.get(subprotocol) ?? jsonCodec;
