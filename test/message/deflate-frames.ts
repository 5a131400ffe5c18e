import { constants, deflateRawSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { Codec, Frame } from '../../src/message/codec.js';
import { jsonDeflateCodec } from '../../src/message/json-codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { msgpackDeflateCodec } from '../../src/message/msgpack-codec.js';
import { sample } from './arbitraries.js';

export const DEFLATE_CODECS = [jsonDeflateCodec, msgpackDeflateCodec] as const;

const foreign = new Packr({ useRecords: false });

/** A value as somebody else would write it in this codec's encoding. */
export const foreignValue = (codec: Codec, value: unknown): Buffer =>
  codec.binary ? foreign.pack(value) : Buffer.from(JSON.stringify(value));

/** A message that has a compressed payload, whatever that holds, as somebody else would write it. */
export function compressed(codec: Codec, deflated: Uint8Array, fields: Partial<NetworkMessage> = {}): Buffer {
  const envelope = Object.entries(sample(fields)).filter(([, value]) => value !== undefined);
  const deflate = codec.binary ? Buffer.from(deflated) : Buffer.from(deflated).toString('base64');
  return foreignValue(codec, { ...Object.fromEntries(envelope), deflate });
}

/** Such messages in one frame. */
export function batchOf(codec: Codec, members: readonly Uint8Array[]): Frame {
  return codec.join(members.map((data) => ({ data: asData(codec, data), bytes: 0, inflatedBytes: 0 })));
}

const asData = (codec: Codec, data: Uint8Array): Frame => (codec.binary ? data : Buffer.from(data).toString('latin1'));

const MEBIBYTE = 1024 * 1024;

/** A stream of about 1 KiB for each MiB of spaces that it inflates to: one text, as long as that. */
export function bomb(codec: Codec, mebibytes: number): Buffer {
  const [head, tail] = codec.binary ? [Buffer.alloc(5, 0xdb), ''] : ['"', '"'];
  if (typeof head !== 'string') head.writeUInt32BE(mebibytes * MEBIBYTE, 1);
  const spaces = flushed(Buffer.alloc(MEBIBYTE, ' '));
  return Buffer.concat([flushed(head), ...new Array<Buffer>(mebibytes).fill(spaces), deflateRawSync(tail)]);
}

/** A piece of a stream. After a full flush nothing refers to what came before, so pieces can be put together freely. */
const flushed = (bytes: string | Buffer): Buffer =>
  deflateRawSync(bytes, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
