import { NetworkError, toNetworkError } from '../base/errors.js';
import type { Codec, DecodedFrame, DecodeLimits, EncodedMessage, Frame } from './codec.js';
import type { NetworkMessage } from './message.js';
import { MsgpackFrameReader } from './msgpack-frame.js';
import { MsgpackWriter } from './msgpack-writer.js';
import { EXOTIC_FORM, inspectPayload, wireForm } from './payload-form.js';
import { RawPayload } from './raw-payload.js';
import { checkedBatch } from './received.js';

const writer = new MsgpackWriter();

/** MessagePack. A relayed msgpack payload is spliced in unparsed. */
export const msgpackCodec: Codec = {
  name: 'msgpack',
  binary: true,

  encode(message: NetworkMessage): EncodedMessage {
    // Before anything is written: user code may run here, and it may encode messages of its own.
    const payload = encodable(message.payload);
    writeEnvelope(message);
    if (payload instanceof RawPayload) writer.encoded(payload.encoded as Uint8Array);
    else if (payload !== undefined) writer.value(payload);
    const data = writer.take();
    return { data, bytes: data.length };
  },

  join(parts: readonly EncodedMessage[]): Frame {
    checkedBatch(parts);
    if (parts.length === 1) return (parts[0] as EncodedMessage).data;
    writer.reset();
    writer.list(parts.length);
    for (const part of parts) writer.encoded(part.data as Uint8Array);
    return writer.take();
  },

  decode(frame: Frame, limits: DecodeLimits, options?: { readonly lazy?: boolean }): DecodedFrame {
    if (typeof frame === 'string') throw new NetworkError('DESERIALIZATION', 'not MessagePack: a text');
    try {
      return new MsgpackFrameReader(frame, limits, options?.lazy === true).read();
    } catch (error) {
      throw toNetworkError(error, 'DESERIALIZATION');
    }
  },
};

/** The payload as the writer can take it: spliced, or made of plain objects and bytes. */
function encodable(payload: unknown): unknown {
  if (payload === undefined) return undefined;
  if (payload instanceof RawPayload) return payload.codec === 'msgpack' ? payload : encodable(payload.value());
  return inspectPayload(payload) & EXOTIC_FORM ? wireForm(payload, 'msgpack') : payload;
}

/** The fields in the documented order; with a payload, its key comes last and its value is still to be written. */
function writeEnvelope(message: NetworkMessage): void {
  const { to, re, ttl, priority, component, payload } = message;
  let size = 6;
  for (const field of [to, re, ttl, priority, component, payload]) if (field !== undefined) size += 1;
  writer.reset();
  writer.map(size);
  writeNumber('v', message.v);
  writeText('id', message.id);
  writeText('kind', message.kind);
  writeText('type', message.type);
  writeText('from', message.from);
  if (to !== undefined) writeText('to', to);
  writeNumber('ts', message.ts);
  if (re !== undefined) writeText('re', re);
  if (ttl !== undefined) writeNumber('ttl', ttl);
  if (priority !== undefined) writeText('priority', priority);
  if (component !== undefined) writeText('component', component);
  if (payload !== undefined) writer.text('payload');
}

function writeText(key: string, value: string): void {
  writer.text(key);
  writer.text(value);
}

function writeNumber(key: string, value: number): void {
  writer.text(key);
  writer.number(value);
}
