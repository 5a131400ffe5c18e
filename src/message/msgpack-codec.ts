import { NetworkError, toNetworkError } from '../base/errors.js';
import type { Codec, DecodedFrame, DecodeLimits, EncodedMessage, Frame } from './codec.js';
import { deflate, isDeflatable, MIN_DEFLATED_BYTES } from './deflate.js';
import type { BodyAnnouncement, NetworkMessage } from './message.js';
import { MsgpackFrameReader } from './msgpack-frame.js';
import { bytesSize, MsgpackWriter } from './msgpack-writer.js';
import { EXOTIC_FORM, inspectPayload, wireForm } from './payload-form.js';
import { RawPayload } from './raw-payload.js';
import { checkedBatch } from './received.js';

const writer = new MsgpackWriter();

/** Fewer are copied: to write them apart would cost more. */
const MIN_LENT_BYTES = 4096;

/** `payload` or `deflate`, with the header of a text: as long as each other. */
const PAYLOAD_KEY_BYTES = 8;

/** MessagePack. A relayed msgpack payload is spliced in unparsed. */
export const msgpackCodec: Codec = msgpackCodecOf('msgpack');
/** The same, with compressed payloads. */
export const msgpackDeflateCodec: Codec = msgpackCodecOf('msgpack+deflate');

function msgpackCodecOf(name: 'msgpack' | 'msgpack+deflate'): Codec {
  const deflates = name === 'msgpack+deflate';
  return {
    name,
    binary: true,

    get plain() {
      return msgpackCodec;
    },

    encode: (message, options) => (options?.lent ? lent(message) : undefined) ?? encode(message, deflates),
    join,

    decode(frame: Frame, limits: DecodeLimits, options?: { readonly lazy?: boolean }): DecodedFrame {
      if (typeof frame === 'string') throw new NetworkError('DESERIALIZATION', 'not MessagePack: a text');
      try {
        return new MsgpackFrameReader(frame, { limits, deflates, lazy: options?.lazy === true }).read();
      } catch (error) {
        throw toNetworkError(error, 'DESERIALIZATION');
      }
    },
  };
}

function encode(message: NetworkMessage, deflates: boolean): EncodedMessage {
  // Before anything is written: user code may run here, and it may encode messages of its own.
  const payload = encodable(message.payload);
  writeEnvelope(message);
  const start = writer.size;
  if (payload !== undefined) writePayload(payload);
  const saved = deflates && isDeflatable(message.kind) ? compress(payload, start) : 0;
  const data = writer.take();
  return { data, bytes: data.length, inflatedBytes: data.length + saved };
}

/** A control message that ends in many bytes, which are not copied; undefined for any other. */
function lent(message: NetworkMessage): EncodedMessage | undefined {
  const { kind, payload } = message;
  if (kind !== 'control' || typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  const entries = Object.entries(payload);
  const [lastKey, tail] = entries.pop() ?? [];
  if (lastKey === undefined || !(tail instanceof Uint8Array) || tail.length < MIN_LENT_BYTES) return undefined;
  if (inspectPayload(payload) & EXOTIC_FORM) return undefined;
  writeEnvelope(message);
  writer.text('payload');
  writer.map(entries.length + 1);
  for (const [key, value] of entries) {
    writer.text(key);
    writer.value(value);
  }
  writer.text(lastKey);
  writer.bytesHeader(tail.length);
  const data = writer.take();
  const bytes = data.length + tail.length;
  return { data, tail, bytes, inflatedBytes: bytes };
}

function writePayload(payload: unknown): void {
  writer.text('payload');
  if (payload instanceof RawPayload) writer.encoded(payload.encoded as Uint8Array);
  else writer.value(payload);
}

/**
 * Puts the compressed payload in the place of the one that was written from `start` on, if it is smaller.
 *
 * @returns how many bytes that saves
 */
function compress(payload: unknown, start: number): number {
  const size = writer.size - start - PAYLOAD_KEY_BYTES;
  if (size < MIN_DEFLATED_BYTES) return 0;
  // A payload that is handed on as it came may be compressed already.
  const arrived = payload instanceof RawPayload ? payload.deflated : undefined;
  const deflated = (arrived as Uint8Array | undefined) ?? deflate(writer.since(start + PAYLOAD_KEY_BYTES));
  const saved = size - bytesSize(deflated);
  if (saved <= 0) return 0;
  writer.backTo(start);
  writer.text('deflate');
  writer.bytes(deflated);
  return saved;
}

function join(parts: readonly EncodedMessage[]): Frame {
  const [first] = checkedBatch(parts) as readonly [EncodedMessage];
  if (parts.length === 1 && first.tail === undefined) return first.data;
  writer.reset();
  if (parts.length > 1) writer.list(parts.length);
  for (const { data, tail } of parts) {
    writer.encoded(data as Uint8Array);
    if (tail) writer.encoded(tail);
  }
  return writer.take();
}

/** The payload as the writer can take it: spliced, or made of plain objects and bytes. */
function encodable(payload: unknown): unknown {
  if (payload === undefined) return undefined;
  if (payload instanceof RawPayload) return payload.encoding === 'msgpack' ? payload : encodable(payload.value());
  return inspectPayload(payload) & EXOTIC_FORM ? wireForm(payload, 'msgpack') : payload;
}

/** The fields in the documented order; a payload, which comes last, is still to be written. */
function writeEnvelope(message: NetworkMessage): void {
  const { to, re, ttl, priority, component, body, payload } = message;
  let size = 6;
  for (const field of [to, re, ttl, priority, component, body, payload]) if (field !== undefined) size += 1;
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
  if (body !== undefined) writeBody(body);
}

function writeBody({ size, resumable, attempt }: BodyAnnouncement): void {
  writer.text('body');
  writer.map([size, resumable, attempt].filter((field) => field !== undefined).length);
  if (size !== undefined) writeNumber('size', size);
  if (resumable !== undefined) {
    writer.text('resumable');
    writer.value(resumable);
  }
  if (attempt !== undefined) writeNumber('attempt', attempt);
}

function writeText(key: string, value: string): void {
  writer.text(key);
  writer.text(value);
}

function writeNumber(key: string, value: number): void {
  writer.text(key);
  writer.number(value);
}
