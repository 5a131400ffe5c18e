import type { Codec } from './codec.js';
import { jsonCodec } from './json-codec.js';
import { msgpackCodec } from './msgpack-codec.js';

/** Every codec by its name, by which the two ends of a connection agree on one. */
export const CODECS: ReadonlyMap<string, Codec> = new Map(
  [jsonCodec, msgpackCodec].map((codec) => [codec.name, codec]),
);

/** @returns undefined: there is none of that name */
export const codecNamed = (name: string): Codec | undefined => CODECS.get(name);
