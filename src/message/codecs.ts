import type { Codec } from './codec.js';
import { jsonCodec, jsonDeflateCodec } from './json-codec.js';
import { msgpackCodec, msgpackDeflateCodec } from './msgpack-codec.js';

const ALL: readonly Codec[] = [jsonCodec, msgpackCodec, jsonDeflateCodec, msgpackDeflateCodec];

/** Every codec by its name, by which the two ends of a connection agree on one. */
export const CODECS: ReadonlyMap<string, Codec> = new Map(ALL.map((codec) => [codec.name, codec]));

/** @returns undefined: there is none of that name */
export const codecNamed = (name: string): Codec | undefined => CODECS.get(name);
