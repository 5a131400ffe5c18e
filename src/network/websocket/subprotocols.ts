import type { Codec } from '../../message/codec.js';
import type { CodecName } from '../../message/codec-name.js';
import { CODECS } from '../../message/codecs.js';
import { jsonCodec } from '../../message/json-codec.js';

/** The WebSocket subprotocol that selects a codec. */
export const subprotocolOf = (codec: CodecName): string => `netmgr.v1.${codec}`;

const bySubprotocol = (codecs: readonly Codec[]): ReadonlyMap<string, Codec> =>
  new Map(codecs.map((codec) => [subprotocolOf(codec.name), codec]));

/** The codecs by the WebSocket subprotocol that selects them; the first is the default. */
export const SUBPROTOCOLS: ReadonlyMap<string, Codec> = bySubprotocol([...CODECS.values()]);
/** Those that compress nothing. */
export const PLAIN_SUBPROTOCOLS: ReadonlyMap<string, Codec> = bySubprotocol(
  [...CODECS.values()].filter((codec) => codec.plain === codec),
);

/** The codec of an agreed subprotocol; a client that asked for none speaks the default. */
export const codecOf = (subprotocol: string): Codec => SUBPROTOCOLS.get(subprotocol) ?? jsonCodec;
