import { NetworkError } from '../base/errors.js';
import { RESERVED_PREFIX, TYPE_NAME } from '../base/names.js';
import type { Registration } from '../membership/member.js';
import type { HeartbeatReport } from '../membership/membership-event.js';
import { shownValue } from '../message/guard.js';
import { payloadOf } from '../message/raw-payload.js';

/** The payloads of the roles' own control messages, and what of them is believed. docs/protocol.md describes them. */

/** Collaborator to leader: the whole of what it offers; a later `sequence` replaces an earlier one. */
export const REGISTER = 'register';
/** Leader to collaborator: your last registration did not arrive, say it again. */
export const REGISTER_AGAIN = 'register-again';
/** Both ways, kind `heartbeat`: the leader's carries `re`, and the pace. */
export const HEARTBEAT = 'heartbeat';

/** In the greeting of the leader's welcome, and in its answer to a heartbeat. */
export interface Pace {
  /** How often the leader wants a heartbeat. */
  readonly heartbeatMs: number;
  /** After losing the leader, the first dial is uniform in this window. */
  readonly reconnectWindowMs: number;
}

/** The leader's answer to a heartbeat. */
export interface HeartbeatAnswer extends Pace {
  /** The newest registration that it has of the sender; how a collaborator learns that it is in. */
  readonly registered?: number | undefined;
}

export interface RegistrationMessage {
  readonly registration: Registration;
  /** It is about to stop: no new work, please. */
  readonly draining: boolean;
}

const MAX_HANDLERS = 1000;
const MAX_TAGS = 64;
const MAX_TAG_LENGTH = 256;
const MAX_PID = 2 ** 32;
const MAX_MS = 1e9;
const TAG_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;
/** What a leader may ask for: between five heartbeats a second and one in ten minutes. */
const HEARTBEAT_MS: Range = { least: 200, most: 600_000 };
const RECONNECT_WINDOW_MS: Range = { least: 0, most: 3_600_000 };
const COUNT: Range = { least: 0, most: Number.MAX_SAFE_INTEGER };
/** -1: none yet. */
const SEQUENCE: Range = { least: -1, most: Number.MAX_SAFE_INTEGER };
const SLOTS: Range = { least: 0, most: 65_536 };
const DURATION: Range = { least: 0, most: MAX_MS };

type Fields = Readonly<Record<string, unknown>>;

interface Range {
  readonly least: number;
  readonly most: number;
}

/** @throws NetworkError INVALID_MESSAGE naming the field and its rule */
export function readRegistration(message: { readonly payload?: unknown }): RegistrationMessage {
  const fields = objectOf(message, REGISTER);
  const registration = {
    sequence: numberOf(fields['sequence'], 'sequence', COUNT),
    handlers: readHandlers(fields['handlers']),
    tags: readTags(fields['tags']),
    slots: Math.floor(optionalNumber(fields['slots'], 'slots', SLOTS) ?? 1),
  };
  return { registration, draining: fields['draining'] === true };
}

/** @throws NetworkError INVALID_MESSAGE naming the field and its rule */
export function readHeartbeat(message: { readonly payload?: unknown }): HeartbeatReport {
  const fields = message.payload === undefined ? {} : objectOf(message, HEARTBEAT);
  return {
    busy: optionalNumber(fields['busy'], 'busy', DURATION) ?? 0,
    loopLagMs: optionalNumber(fields['loopLagMs'], 'loopLagMs', DURATION) ?? 0,
    rttMs: optionalNumber(fields['rttMs'], 'rttMs', DURATION),
    intervalMs: optionalNumber(fields['intervalMs'], 'intervalMs', HEARTBEAT_MS),
    registration: optionalNumber(fields['registration'], 'registration', COUNT),
  };
}

/** @throws NetworkError INVALID_MESSAGE naming the field and its rule */
export function readHeartbeatAnswer(message: { readonly payload?: unknown }): HeartbeatAnswer {
  const fields = objectOf(message, HEARTBEAT);
  return {
    heartbeatMs: numberOf(fields['heartbeatMs'], 'heartbeatMs', HEARTBEAT_MS),
    reconnectWindowMs: optionalNumber(fields['reconnectWindowMs'], 'reconnectWindowMs', RECONNECT_WINDOW_MS) ?? 0,
    registered: optionalNumber(fields['registered'], 'registered', SEQUENCE),
  };
}

/** The process id in a hello's greeting; 0 if it has none. */
export function readPid(greeting: Fields): number {
  const pid = greeting['pid'];
  return Number.isSafeInteger(pid) && (pid as number) >= 0 && (pid as number) < MAX_PID ? (pid as number) : 0;
}

/** @throws NetworkError INVALID_MESSAGE */
export function objectOf(message: { readonly payload?: unknown }, what: string): Fields {
  const payload = payloadOf(message);
  if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) return payload as Fields;
  throw new NetworkError('INVALID_MESSAGE', `payload of '${what}': an object is expected, not ${shownValue(payload)}`);
}

function optionalNumber(value: unknown, field: string, range: Range): number | undefined {
  return value === undefined || value === null ? undefined : numberOf(value, field, range);
}

function numberOf(value: unknown, field: string, { least, most }: Range): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new NetworkError(
    'INVALID_MESSAGE',
    `${field}: a number from ${least} to ${most} is expected, not ${shownValue(value)}`,
  );
}

function readHandlers(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_HANDLERS) {
    throw wrongSize('handlers', `a list of at most ${MAX_HANDLERS} types`, value);
  }
  for (const type of value) {
    if (typeof type !== 'string' || !TYPE_NAME.test(type)) {
      throw new NetworkError('INVALID_MESSAGE', `handlers: ${shownValue(type)} is not a message type`);
    }
    if (!type.startsWith(RESERVED_PREFIX)) continue;
    throw new NetworkError('INVALID_MESSAGE', `handlers: '${type}' is reserved, as all that begins with netmgr.`);
  }
  // Named twice is offered once: who repeats itself must not be picked more often.
  return [...new Set(value as string[])];
}

/** @throws NetworkError INVALID_MESSAGE naming the tag and the rule */
export function readTags(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
  if (!entries || entries.length > MAX_TAGS) {
    throw wrongSize('tags', `an object of at most ${MAX_TAGS} texts`, value);
  }
  for (const [name, text] of entries) {
    if (!TAG_NAME.test(name)) {
      throw new NetworkError('INVALID_MESSAGE', `tags: ${shownValue(name)} is not a tag name`, {
        hint: 'a letter, then up to 62 letters, digits and . _ -',
      });
    }
    if (typeof text === 'string' && text.length <= MAX_TAG_LENGTH) continue;
    const found = typeof text === 'string' ? text.length : shownValue(text);
    const rule = `a text of at most ${MAX_TAG_LENGTH} characters is expected, not ${found}`;
    throw new NetworkError('INVALID_MESSAGE', `tags.${name}: ${rule}`);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

function wrongSize(field: string, rule: string, value: unknown): NetworkError {
  const size = typeof value === 'object' && value !== null ? Object.keys(value).length : undefined;
  const found = size === undefined ? shownValue(value) : `${size}`;
  return new NetworkError('INVALID_MESSAGE', `${field}: ${rule} is expected, not ${found}`);
}
