import { gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { messageOf, NetworkError } from '../../base/errors.js';
import type { Codec } from '../../message/codec.js';
import { jsonCodec } from '../../message/json-codec.js';
import { msgpackCodec } from '../../message/msgpack-codec.js';

export const JSON_TYPE = 'application/json';
export const MSGPACK_TYPE = 'application/msgpack';

/** By which a frame's content type is told. */
export const typeOf = (codec: Codec): string => (codec.binary ? MSGPACK_TYPE : JSON_TYPE);

/** The codec of a content type; undefined if there is none for it. */
export function codecOf(contentType: string | undefined): Codec | undefined {
  const type = mediaType(contentType);
  if (type === JSON_TYPE) return jsonCodec;
  return type === MSGPACK_TYPE ? msgpackCodec : undefined;
}

/** Without parameters, in lower case; empty if there is none. */
export function mediaType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === JSON_TYPE || contentType === MSGPACK_TYPE) return contentType ?? '';
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** In which encoding Node is to write a body of so many bytes: as one byte for each character, if it is, which is faster. */
export const encodingOf = (body: string | Uint8Array, bytes: number): 'latin1' | 'utf8' =>
  typeof body === 'string' && body.length === bytes ? 'latin1' : 'utf8';

/** The content codings that are read. */
export const CODINGS: readonly string[] = ['gzip', 'deflate'];

/** Fast and good enough for text. */
const GZIP = { level: 1 };

/** The body in gzip; undefined if that would not be smaller. */
export function compressed(body: string | Uint8Array, bytes: number): Buffer | undefined {
  const packed = gzipSync(body, GZIP);
  return packed.length < bytes ? packed : undefined;
}

/** Whether a peer that sends this header reads gzip. */
export const takesGzip = (acceptEncoding: string | undefined): boolean =>
  acceptEncoding !== undefined && /(?:^|,)\s*gzip\s*(?:,|;(?!\s*q=0(?:\.0*)?\s*(?:,|$))|$)/i.test(acceptEncoding);

/**
 * The body as it was before its content coding.
 * @throws NetworkError TOO_LARGE if that has more than `maxBytes`, DESERIALIZATION
 */
export function expanded(body: Buffer, coding: string | undefined, maxBytes: number): Buffer {
  if (isPlain(coding)) return body;
  const inflate = coding === 'gzip' ? gunzipSync : inflateSync;
  if (coding === 'gzip' && declaredSize(body) > maxBytes) throw tooLarge(maxBytes);
  try {
    return inflate(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new NetworkError('DESERIALIZATION', `the body is no ${coding}: ${messageOf(error)}`);
  }
}

/** What the end of a gzip says of its last member (RFC 1952, ISIZE): enough to refuse it before anything is inflated. */
const declaredSize = (body: Buffer): number => (body.length < 4 ? 0 : body.readUInt32LE(body.length - 4));

const tooLarge = (maxBytes: number): NetworkError =>
  new NetworkError('TOO_LARGE', `a body of more than ${maxBytes} bytes once it is inflated`);

/** Whether `expanded` knows it. */
export const isKnownCoding = (coding: string | undefined): boolean => isPlain(coding) || CODINGS.includes(coding ?? '');

/** Whether there is nothing to expand. */
export const isPlain = (coding: string | undefined): boolean =>
  coding === undefined || coding === '' || coding === 'identity';
