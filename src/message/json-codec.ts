import { NetworkError, toNetworkError } from '../base/errors.js';
import type { Codec, DecodedFrame, DecodeLimits, EncodedMessage, Frame } from './codec.js';
import { JsonFrameReader } from './json-frame.js';
import type { NetworkMessage } from './message.js';
import { BYTES_FORM, inspectPayload, wireForm } from './payload-form.js';
import { RawPayload } from './raw-payload.js';
import { checkedBatch } from './received.js';

/** What stands for itself between quotes: every id, type and name that follows its rule. */
const SAFE = /^[A-Za-z0-9._:*?-]{1,128}$/;

/** Strings that were found to be safe lately; the same few types and names come again and again. */
const KNOWN: string[] = new Array(64).fill('');

/** JSON text; the default. A relayed JSON payload is spliced in unparsed. */
export const jsonCodec: Codec = {
  name: 'json',
  subprotocol: 'netmgr.v1.json',
  binary: false,

  encode(message: NetworkMessage): EncodedMessage {
    const { to, re, ttl, priority, component, payload } = message;
    let text = `{"v":${integer(message.v)},"id":${quoted(message.id)},"kind":${known(message.kind)}`;
    text += `,"type":${known(message.type)},"from":${known(message.from)}`;
    if (to !== undefined) text += `,"to":${known(to)}`;
    text += `,"ts":${integer(message.ts)}`;
    if (re !== undefined) text += `,"re":${quoted(re)}`;
    if (ttl !== undefined) text += `,"ttl":${integer(ttl)}`;
    if (priority !== undefined) text += `,"priority":${known(priority)}`;
    if (component !== undefined) text += `,"component":${known(component)}`;
    text += payload === undefined ? '}' : `,"payload":${payloadText(payload)}}`;
    return { data: text, bytes: Buffer.byteLength(text) };
  },

  join(parts: readonly EncodedMessage[]): Frame {
    const [first] = checkedBatch(parts);
    if (parts.length === 1) return (first as EncodedMessage).data;
    let text = `[${(first as EncodedMessage).data}`;
    for (let i = 1; i < parts.length; i += 1) text += `,${(parts[i] as EncodedMessage).data}`;
    return `${text}]`;
  },

  decode(frame: Frame, limits: DecodeLimits, options?: { readonly lazy?: boolean }): DecodedFrame {
    try {
      return new JsonFrameReader(frame, limits, options?.lazy === true).read();
    } catch (error) {
      throw toNetworkError(error, 'DESERIALIZATION');
    }
  },
};

function payloadText(payload: unknown): string {
  if (payload instanceof RawPayload) {
    return payload.codec === 'json' ? String(payload.encoded) : payloadText(payload.value());
  }
  const form = inspectPayload(payload) & BYTES_FORM ? wireForm(payload, 'json') : payload;
  const text = JSON.stringify(form) as string | undefined;
  if (text === undefined) throw new NetworkError('SERIALIZATION', 'payload: its toJSON gives no value');
  return text;
}

const quoted = (text: string): string => (SAFE.test(text) ? `"${text}"` : JSON.stringify(text));

function known(text: string): string {
  const slot = (text.length * 5 + text.charCodeAt(text.length - 1)) & 63;
  if (KNOWN[slot] === text) return `"${text}"`;
  if (!SAFE.test(text)) return JSON.stringify(text);
  KNOWN[slot] = text;
  return `"${text}"`;
}

const integer = (value: number): string => (Number.isSafeInteger(value) ? `${value}` : JSON.stringify(value));
