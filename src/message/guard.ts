import { NetworkError } from '../base/errors.js';
import { ANYONE, EVERYONE, MESSAGE_ID, NODE_NAME, TYPE_NAME } from '../base/names.js';
import { isDeflatable } from './deflate.js';
import { visible } from './escape.js';
import { type BodyAnnouncement, MESSAGE_KINDS, type NetworkMessage, PRIORITIES, PROTOCOL_VERSION } from './message.js';

/** The last moment that a JavaScript Date can hold, in milliseconds since the epoch. */
export const MAX_TIMESTAMP = 8.64e15;
/** The longest time a sender may wait: 7 days, in milliseconds. */
export const MAX_TTL_MS: number = 7 * 86_400_000;

/** How much of an offending value is repeated in an error. */
const MAX_SHOWN = 80;

export const KINDS: ReadonlySet<unknown> = new Set(MESSAGE_KINDS);
export const PRIORITY_NAMES: ReadonlySet<unknown> = new Set(PRIORITIES);

const RULE_ID = 'a message id (1 to 64 characters of A-Z a-z 0-9 . _ : -)';
const RULE_NODE = 'a node name (1 to 63 characters of a-z 0-9 . _ -, the first a letter or digit)';
const RULE_COUNT = 'a whole number of bytes, 0 to 2^53 - 1';
const RULE_TYPE = 'a type name (1 to 128 characters of A-Z a-z 0-9 . _ : -, the first a letter)';

/** A value of unknown fields, as parsed. */
export type Candidate = Partial<Record<keyof NetworkMessage, unknown>>;

/**
 * Checks the envelope of one parsed message. Unknown fields are ignored, and so is the payload: `guardPayload`.
 *
 * @returns undefined, or INVALID_MESSAGE naming field, value and rule; VERSION_MISMATCH for another `v`
 */
export function guardEnvelope(value: unknown): NetworkError | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('message', value, 'an object');
  const message = value as Candidate;
  if (message.v !== PROTOCOL_VERSION) return wrongVersion(message.v);
  if (!matches(MESSAGE_ID, message.id)) return refuse('id', message.id, RULE_ID);
  if (!KINDS.has(message.kind)) return refuse('kind', message.kind, `one of ${MESSAGE_KINDS.join(', ')}`);
  if (!matches(TYPE_NAME, message.type)) return refuse('type', message.type, RULE_TYPE);
  if (!matches(NODE_NAME, message.from)) return refuse('from', message.from, RULE_NODE);
  if (!isWithin(message.ts, 0, MAX_TIMESTAMP)) {
    return refuse('ts', message.ts, `an integer of milliseconds from 0 to ${MAX_TIMESTAMP}`);
  }
  return guardOptional(message);
}

function guardOptional({ to, re, ttl, priority, component, body, kind }: Candidate): NetworkError | undefined {
  if (to !== undefined && to !== EVERYONE && to !== ANYONE && !matches(NODE_NAME, to)) {
    return refuse('to', to, `${RULE_NODE}, '*' or '?'`);
  }
  if (re !== undefined) {
    if (!matches(MESSAGE_ID, re)) return refuse('re', re, RULE_ID);
  } else if (kind === 'response' || kind === 'error') {
    return new NetworkError(
      'INVALID_MESSAGE',
      `re: missing; ${kind === 'error' ? 'an error' : 'a response'} must name the request that it answers`,
    );
  }
  if (ttl !== undefined && !isWithin(ttl, 1, MAX_TTL_MS)) {
    return refuse('ttl', ttl, `an integer of milliseconds from 1 to ${MAX_TTL_MS}`);
  }
  if (priority !== undefined && !PRIORITY_NAMES.has(priority)) {
    return refuse('priority', priority, `one of ${PRIORITIES.join(', ')}`);
  }
  if (component !== undefined && !matches(TYPE_NAME, component)) return refuse('component', component, RULE_TYPE);
  return body === undefined ? undefined : guardBody(body, kind);
}

function guardBody(body: unknown, kind: unknown): NetworkError | undefined {
  if (kind !== 'request' && kind !== 'event') {
    return new NetworkError('INVALID_MESSAGE', 'body: only a request or an event may carry one');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return refuse('body', body, 'an object');
  const { size, resumable, attempt } = body as Partial<Record<keyof BodyAnnouncement, unknown>>;
  if (size !== undefined && !isWithin(size, 0, Number.MAX_SAFE_INTEGER)) return refuse('body.size', size, RULE_COUNT);
  if (resumable !== undefined && typeof resumable !== 'boolean') {
    return refuse('body.resumable', resumable, 'true or false');
  }
  if (attempt !== undefined && !isWithin(attempt, 1, Number.MAX_SAFE_INTEGER)) {
    return refuse('body.attempt', attempt, 'a whole number of at least 1');
  }
  return undefined;
}

/**
 * netmgr itself reads the payloads of control and heartbeat messages, so keys that could reach a prototype have no
 * place in them. Others may hold such keys: they are data.
 *
 * @param payload decoded; nested no deeper than the decoder allows
 */
export function guardPayload(kind: unknown, payload: unknown): NetworkError | undefined {
  if (kind !== 'control' && kind !== 'heartbeat') return undefined;
  const path = forbiddenKey(payload);
  if (path === undefined) return undefined;
  const shown = visible(`payload${path}`, MAX_SHOWN);
  return new NetworkError('INVALID_MESSAGE', `${shown}: a ${kind} message may not hold a key of this name`);
}

/**
 * Whether a message may have a compressed payload, in its field `deflate`.
 *
 * @param agreed the two ends of the connection have agreed on a codec that compresses
 */
export function guardDeflate({ kind, payload }: NetworkMessage, agreed: boolean): NetworkError | undefined {
  if (!agreed) return new NetworkError('INVALID_MESSAGE', 'deflate: this connection has not agreed on compression');
  if (payload !== undefined) return new NetworkError('INVALID_MESSAGE', 'deflate: there is a payload beside it');
  if (isDeflatable(kind)) return undefined;
  return new NetworkError('INVALID_MESSAGE', `deflate: a ${kind} message is never compressed`);
}

/** The path of the first forbidden key. Recursion is bounded by the decoder's limit on depth. */
function forbiddenKey(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  for (const key of Object.keys(value)) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') return `.${key}`;
    const found = forbiddenKey((value as Record<string, unknown>)[key]);
    if (found !== undefined) return `.${key}${found}`;
  }
  return undefined;
}

const matches = (rule: RegExp, value: unknown): boolean => typeof value === 'string' && rule.test(value);

const isWithin = (value: unknown, low: number, high: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;

function refuse(field: string, value: unknown, rule: string): NetworkError {
  const problem = value === undefined ? `missing; it must be ${rule}` : `${shownValue(value)} is not ${rule}`;
  return new NetworkError('INVALID_MESSAGE', `${field}: ${problem}`);
}

function wrongVersion(version: unknown): NetworkError {
  if (version === undefined) return refuse('v', version, `the protocol version, ${PROTOCOL_VERSION}`);
  return new NetworkError(
    'VERSION_MISMATCH',
    `v: a message of protocol version ${shownValue(version)}, where version ${PROTOCOL_VERSION} is spoken`,
  );
}

/** A value as an error shows it: short, and on one line. */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') return `'${visible(value, MAX_SHOWN)}'`;
  if (value === null || typeof value !== 'object') return visible(String(value), MAX_SHOWN);
  return Array.isArray(value) ? 'a list' : 'an object';
}
