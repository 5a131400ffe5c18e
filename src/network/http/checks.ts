import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { shownValue } from '../../message/guard.js';
import { isOwnHost } from './base-url.js';
import { declaredBytes } from './body.js';
import type { HttpCounters } from './counters.js';
import { CODINGS, isKnownCoding, mediaType } from './media.js';

/** Why a request gets no further. */
export interface Refusal {
  readonly error: NetworkError;
  readonly counter: keyof HttpCounters;
  /** @default that of the error's code */
  readonly status?: number;
  readonly headers?: readonly string[];
}

/** Browsers send an origin with every POST, and newer ones where it comes from; no page has any business here. */
export const browserRefusal = (headers: IncomingHttpHeaders): Refusal | undefined =>
  headers.origin === undefined && headers['sec-fetch-site'] === undefined
    ? undefined
    : { counter: 'browsersRefused', error: new NetworkError('NOT_ALLOWED', 'netmgr does not serve web pages') };

/**
 * Where everybody on this host is believed, a name that somebody else has made to lead here could be that of a web page.
 */
export function hostRefusal(host: string | undefined): Refusal | undefined {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (isOwnHost(name)) return undefined;
  const text = `header host: ${shownValue(host)} is not this host; behind a proxy, have it send 127.0.0.1`;
  return { counter: 'browsersRefused', error: new NetworkError('NOT_ALLOWED', text) };
}

export const pathRefusal = (paths: readonly string[]): Refusal => ({
  counter: 'httpRefused',
  status: 404,
  error: new NetworkError('CONNECTION_FAILED', `nothing is served here but POST ${paths.join(' and POST ')}`),
});

export const methodRefusal = ({ method }: IncomingMessage): Refusal | undefined =>
  method === 'POST'
    ? undefined
    : {
        counter: 'httpRefused',
        status: 405,
        headers: ['Allow', 'POST'],
        error: new NetworkError('INVALID_MESSAGE', `the method must be POST, not ${method}`),
      };

/** @param types that are taken */
export function contentRefusal({ headers }: IncomingMessage, types: readonly string[]): Refusal | undefined {
  const coding = headers['content-encoding'];
  if (!isKnownCoding(coding)) {
    const rule = `header content-encoding: ${shownValue(coding)} is not one of ${CODINGS.join(', ')}`;
    return unsupported(rule, ['Accept-Encoding', CODINGS.join(', ')]);
  }
  const type = mediaType(headers['content-type']);
  if (types.includes(type)) return undefined;
  const known = types.filter((name) => name !== '').join(', ');
  return unsupported(`header content-type: ${shownValue(type)} is not one of ${known}`, ['Accept-Post', known]);
}

const unsupported = (rule: string, headers: readonly string[]): Refusal => ({
  counter: 'httpRefused',
  status: 415,
  headers,
  error: new NetworkError('INVALID_MESSAGE', rule),
});

/** What is known before the body is read. */
export function lengthRefusal(request: IncomingMessage, maxBytes: number): Refusal | undefined {
  const bytes = declaredBytes(request);
  return bytes === undefined || bytes <= maxBytes ? undefined : tooLarge(`${bytes}`, maxBytes);
}

export const tooLarge = (bytes: string, maxBytes: number): Refusal => ({
  counter: 'bodiesTooLarge',
  error: new NetworkError('TOO_LARGE', `a body of ${bytes} bytes; the limit is ${maxBytes}`),
});

export const tooMuch = (node: NodeId): Refusal => ({
  counter: 'readingFull',
  error: new NetworkError('OVERLOADED', `${node} reads as many large bodies as it may`),
});

export const identityRefusal = (text: string): Refusal => ({
  counter: 'unauthenticated',
  status: 401,
  headers: ['WWW-Authenticate', 'Bearer'],
  error: new NetworkError('NOT_ALLOWED', text),
});
