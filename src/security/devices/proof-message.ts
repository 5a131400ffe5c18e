import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import { type JoinToken, parseToken } from '../invites/join-token.js';
import { bytesOf } from '../storage/book-entry.js';

/** How a peer answered the challenge. */
export interface Answer {
  /** Raw Ed25519 public key. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
  /** It wants to enrol. */
  readonly token: JoinToken | undefined;
}

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const UNSAFE_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** @returns what is wrong with it, in words that repeat nothing of it */
export function readAnswer(message: NetworkMessage): Answer | string {
  const { kind, type } = message;
  if (kind !== 'control' || (type !== 'prove' && type !== 'enrol')) {
    return 'the challenge must be answered by control prove or enrol';
  }
  const payload = payloadOf(message);
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    return `the payload of ${type} must be an object`;
  }
  const fields = payload as Readonly<Record<string, unknown>>;
  if (UNSAFE_KEYS.some((name) => Object.hasOwn(fields, name))) return `${type} must not have such a key`;
  const key = bytesOf(fields['key'], KEY_BYTES);
  if (!key) return `${type}.key must be the ${KEY_BYTES} bytes of an Ed25519 public key in base64url`;
  const signature = bytesOf(fields['signature'], SIGNATURE_BYTES);
  if (!signature) return `${type}.signature must be ${SIGNATURE_BYTES} bytes in base64url`;
  if (type === 'prove') return { key, signature, token: undefined };
  const token = readToken(fields['token']);
  return typeof token === 'string' ? token : { key, signature, token };
}

function readToken(value: unknown): JoinToken | string {
  if (typeof value !== 'string') return 'enrol.token must be a join token';
  try {
    return parseToken(value);
  } catch {
    return 'enrol.token is not a whole join token';
  }
}
