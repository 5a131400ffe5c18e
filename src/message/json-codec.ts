import { Buffer } from 'node:buffer';
import { NetworkError, toNetworkError } from '../base/errors.js';
import type { Codec, DecodedFrame, DecodeLimits, EncodedMessage, Frame } from './codec.js';
import { deflate, isDeflatable, MIN_DEFLATED_BYTES } from './deflate.js';
import { JsonFrameReader } from './json-frame.js';
import type { NetworkMessage } from './message.js';
import { BYTES_FORM, inspectPayload, wireForm } from './payload-form.js';
import { RawPayload } from './raw-payload.js';
import { checkedBatch } from './received.js';

/** By character code, what stands for itself between quotes: all that ids, types and names are made of. */
const SAFE = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:*?-') {
  SAFE[character.charCodeAt(0)] = 1;
}

/** What follows the id, up to the time: the same for every message of a kind and way within a millisecond. */
interface Middle {
  readonly kind: string;
  readonly type: string;
  readonly from: string;
  readonly to: string | undefined;
  readonly ts: number;
  readonly text: string;
}

/** Texts that were found to be safe lately: the same few kinds, types and names come again and again. */
const KNOWN: string[] = new Array(64).fill('');

const BEYOND_ASCII = /[^\x20-\x7e]/g;

const PAYLOAD_KEY = ',"payload":';
/** As long as the other, so that the size uncompressed is the same whichever it is. */
const DEFLATE_KEY = ',"deflate":';

/** A power of ten, in milliseconds: about a quarter of an hour. */
const TIME_STEP = 1_000_000;
let timeStep = 0;
let timeStepText = '';

const MIDDLES: (Middle | undefined)[] = new Array(64).fill(undefined);

/** JSON text; the default. A relayed JSON payload is spliced in unparsed. */
export const jsonCodec: Codec = jsonCodecOf('json');
/** The same, with compressed payloads in base64. */
export const jsonDeflateCodec: Codec = jsonCodecOf('json+deflate');

function jsonCodecOf(name: 'json' | 'json+deflate'): Codec {
  const deflates = name === 'json+deflate';
  return {
    name,
    binary: false,

    get plain() {
      return jsonCodec;
    },

    encode: (message) => encode(message, deflates),
    join,

    decode(frame: Frame, limits: DecodeLimits, options?: { readonly lazy?: boolean }): DecodedFrame {
      try {
        return new JsonFrameReader(frame, { limits, deflates, lazy: options?.lazy === true }).read();
      } catch (error) {
        throw toNetworkError(error, 'DESERIALIZATION');
      }
    },
  };
}

function encode(message: NetworkMessage, deflates: boolean): EncodedMessage {
  const { re, ttl, priority, component, body, payload } = message;
  let text = `{"v":1,"id":${quoted(message.id)}${middleOf(message)}`;
  if (re !== undefined) text += `,"re":${quoted(re)}`;
  if (ttl !== undefined) text += `,"ttl":${integer(ttl)}`;
  if (priority !== undefined) text += `,"priority":${quoted(priority)}`;
  if (component !== undefined) text += `,"component":${quoted(component)}`;
  if (body !== undefined) text += `,"body":${JSON.stringify(body)}`;
  if (payload === undefined) return { data: `${text}}`, bytes: text.length + 1, inflatedBytes: text.length + 1 };
  const encoded = payloadText(payload);
  const size = Buffer.byteLength(encoded);
  // The envelope is ASCII. To measure the whole would copy it once more.
  const bytes = text.length + PAYLOAD_KEY.length + 1 + size;
  if (deflates && size >= MIN_DEFLATED_BYTES && isDeflatable(message.kind)) {
    const base64 = deflatedText(payload, encoded);
    const saved = size - base64.length - 2;
    if (saved > 0) return { data: `${text}${DEFLATE_KEY}"${base64}"}`, bytes: bytes - saved, inflatedBytes: bytes };
  }
  return { data: `${text}${PAYLOAD_KEY}${encoded}}`, bytes, inflatedBytes: bytes };
}

function join(parts: readonly EncodedMessage[]): Frame {
  const [first] = checkedBatch(parts);
  if (parts.length === 1) return (first as EncodedMessage).data;
  let text = `[${(first as EncodedMessage).data}`;
  for (let i = 1; i < parts.length; i += 1) text += `,${(parts[i] as EncodedMessage).data}`;
  return `${text}]`;
}

/** Mostly compressed here; a payload that is handed on as it came may be compressed already. */
function deflatedText(payload: unknown, encoded: string): string {
  const arrived = payload instanceof RawPayload && payload.encoding === 'json' ? payload.deflated : undefined;
  return arrived === undefined ? deflate(encoded).toString('base64') : String(arrived);
}

function payloadText(payload: unknown): string {
  if (payload instanceof RawPayload) {
    return payload.encoding === 'json' ? String(payload.encoded) : payloadText(payload.value());
  }
  const form = inspectPayload(payload) & BYTES_FORM ? wireForm(payload, 'json') : payload;
  const text = JSON.stringify(form) as string | undefined;
  if (text === undefined) throw new NetworkError('SERIALIZATION', 'payload: its toJSON gives no value');
  return text;
}

/** Between quotes, and ASCII whatever it is: a field that breaks its rule is for the peer to refuse by name. */
const quoted = (text: string): string =>
  isSafe(text) ? `"${text}"` : JSON.stringify(text).replace(BEYOND_ASCII, escaped);

function isSafe(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (SAFE[text.charCodeAt(i)] !== 1) return false;
  return true;
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

function middleOf(message: NetworkMessage): string {
  const { kind, type, from, to, ts } = message;
  const slot = slotOf(type, to);
  const middle = MIDDLES[slot];
  if (
    middle !== undefined &&
    middle.ts === ts &&
    middle.kind === kind &&
    middle.type === type &&
    middle.to === to &&
    middle.from === from
  ) {
    return middle.text;
  }
  const way = to === undefined ? '' : `,"to":${quoted(to)}`;
  const text = `,"kind":${known(kind)},"type":${known(type)},"from":${known(from)}${way},"ts":${timeText(ts)}`;
  MIDDLES[slot] = { kind, type, from, to, ts, text };
  return text;
}

function known(text: string): string {
  const slot = (text.length * 5 + text.charCodeAt(text.length - 1)) & 63;
  if (KNOWN[slot] === text) return `"${text}"`;
  if (isSafe(text)) KNOWN[slot] = text;
  return quoted(text);
}

function slotOf(type: string, to: string | undefined): number {
  const last = to === undefined ? 0 : to.charCodeAt(to.length - 1) + to.length;
  return (type.length * 5 + type.charCodeAt(type.length - 1) + last * 7) & 63;
}

/**
 * Of the digits of a time all but the last few stay the same for minutes: they are kept as text, for a number of more than
 * 31 bits takes several times as long to write as a smaller one.
 */
function timeText(ts: number): string {
  if (!Number.isSafeInteger(ts) || ts < TIME_STEP) return integer(ts);
  const step = Math.floor(ts / TIME_STEP);
  if (step !== timeStep) {
    timeStep = step;
    timeStepText = `${step}`;
  }
  return timeStepText + `${TIME_STEP + ts - step * TIME_STEP}`.slice(1);
}

const integer = (value: number): string => (Number.isSafeInteger(value) ? `${value}` : JSON.stringify(value));
