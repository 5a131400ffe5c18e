import { NetworkError } from '../../base/errors.js';
import { NODE_NAME, type NodeId, ROLES, type Role } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Hello } from '../authenticator.js';

/** What both sides say of their own reading: how much may be on the way to them, and in one frame. */
export interface Reading {
  readonly windowBytes: number;
  readonly maxFrameBytes: number;
}

export interface Greeted {
  readonly hello: Hello;
  readonly reading: Reading;
  /** The names of the codecs that the dialler would like, in the order of preference, where the transport does not say. */
  readonly codecs: readonly string[] | undefined;
}

export interface Welcome {
  readonly node: NodeId;
  readonly role: Role;
  readonly cluster: string | undefined;
  readonly instance: string;
  readonly version: string;
  readonly reading: Reading;
  readonly greeting: Readonly<Record<string, unknown>>;
  /** The name of the codec of all that follows, where the transport does not say. */
  readonly codec: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** An older or foreign peer that does not say is taken to have the defaults. */
const DEFAULT_READING: Reading = { windowBytes: 1024 * 1024, maxFrameBytes: 1024 * 1024 };
const MIN_READING_BYTES = 4096;
const MAX_TEXT = 64;
const MAX_CODECS = 16;
const UNSAFE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** @throws NetworkError INVALID_MESSAGE naming the field */
export function readHello(message: NetworkMessage): Greeted {
  if (message.kind !== 'control' || message.type !== 'hello') {
    throw invalid(`the first message must be control hello, not ${message.kind} ${message.type}`);
  }
  const fields = fieldsOf('hello', message);
  const hello = { node: message.from, ...identityOf('hello', fields) };
  return { hello, reading: readingOf('hello', fields), codecs: codecsOf(fields['codecs'] ?? undefined) };
}

/** @throws NetworkError INVALID_MESSAGE naming the field */
export function readWelcome(message: NetworkMessage): Welcome {
  const fields = fieldsOf('welcome', message);
  const node = fields['node'];
  if (typeof node !== 'string' || !NODE_NAME.test(node)) throw invalid('welcome.node must be a node name');
  const codec = fields['codec'] === undefined ? undefined : textOf('welcome', fields, 'codec');
  return { node, ...identityOf('welcome', fields), reading: readingOf('welcome', fields), codec };
}

export interface GreetingParts {
  /** Of a welcome; a hello has none, for its sender says that. */
  readonly node: NodeId | undefined;
  readonly role: Role;
  readonly cluster: string | undefined;
  readonly instance: string;
  readonly version: string;
  readonly reading: Reading;
  /** Of a hello. */
  readonly codecs: readonly string[] | undefined;
  /** Of a welcome. */
  readonly codec: string | undefined;
  readonly greeting: Readonly<Record<string, unknown>>;
}

/**
 * The payload of hello and of welcome. What is undefined is not written; to leave it out here would cost a thousand
 * bytes of objects for each connection.
 */
export const greetingPayload = (parts: GreetingParts): Fields => ({
  node: parts.node,
  role: parts.role,
  cluster: parts.cluster,
  instance: parts.instance,
  version: parts.version,
  window: parts.reading.windowBytes,
  maxFrameBytes: parts.reading.maxFrameBytes,
  codecs: parts.codecs,
  codec: parts.codec,
  greeting: parts.greeting,
});

function identityOf(verb: string, fields: Fields): Omit<Hello, 'node'> {
  const cluster = fields['cluster'] ?? undefined;
  const role = ROLES.find((name) => name === fields['role']);
  if (role === undefined) throw invalid(`${verb}.role must be one of ${ROLES.join(', ')}`);
  if (cluster !== undefined && (typeof cluster !== 'string' || !NODE_NAME.test(cluster))) {
    throw invalid(`${verb}.cluster must be a cluster name`);
  }
  return {
    role,
    cluster,
    instance: textOf(verb, fields, 'instance'),
    version: textOf(verb, fields, 'version'),
    greeting: recordOf(`${verb}.greeting`, fields['greeting'] ?? {}),
  };
}

function fieldsOf(verb: string, message: NetworkMessage): Fields {
  const fields = recordOf(`the payload of ${verb}`, payloadOf(message));
  refuseUnsafeKeys(verb, fields);
  return fields;
}

function readingOf(verb: string, fields: Fields): Reading {
  return {
    windowBytes: bytesOf(verb, 'window', fields['window'] ?? DEFAULT_READING.windowBytes),
    maxFrameBytes: bytesOf(verb, 'maxFrameBytes', fields['maxFrameBytes'] ?? DEFAULT_READING.maxFrameBytes),
  };
}

function codecsOf(names: unknown): readonly string[] | undefined {
  if (names === undefined) return undefined;
  if (!Array.isArray(names) || names.length === 0 || names.length > MAX_CODECS) {
    throw invalid(`hello.codecs must be a list of 1 to ${MAX_CODECS} names`);
  }
  for (const name of names) {
    if (typeof name !== 'string' || name === '' || name.length > MAX_TEXT) {
      throw invalid(`hello.codecs must have names of 1 to ${MAX_TEXT} characters`);
    }
  }
  return names;
}

function bytesOf(verb: string, field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= MIN_READING_BYTES) return value;
  throw invalid(`${verb}.${field} must be an integer of at least ${MIN_READING_BYTES}`);
}

function textOf(verb: string, fields: Fields, field: string): string {
  const value = fields[field];
  if (typeof value === 'string' && value !== '' && value.length <= MAX_TEXT) return value;
  throw invalid(`${verb}.${field} must be a string of 1 to ${MAX_TEXT} characters`);
}

function recordOf(what: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${what} must be an object`);
}

/** The decoder has bounded the depth. */
function refuseUnsafeKeys(path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const [key, inner] of Object.entries(value)) {
    if (UNSAFE_KEYS.has(key)) throw invalid(`${path} must not have a key named ${key}`);
    refuseUnsafeKeys(`${path}.${key}`, inner);
  }
}

const invalid = (message: string): NetworkError => new NetworkError('INVALID_MESSAGE', message);
