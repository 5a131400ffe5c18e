import { NODE_NAME } from '../../base/names.js';
import type { JoinToken } from '../invites/join-token.js';

/** What a token can grant. */
export type TokenRole = JoinToken['role'];
export const TOKEN_ROLES: readonly TokenRole[] = ['collaborator', 'operator', 'observer'];

const TOKEN_ID = /^[a-z2-7]{8}$/;

export const isRole = (value: unknown): value is TokenRole => TOKEN_ROLES.some((role) => role === value);

export const isName = (value: unknown): value is string => typeof value === 'string' && NODE_NAME.test(value);

export const isTokenId = (value: unknown): value is string => typeof value === 'string' && TOKEN_ID.test(value);

/** A whole number from `min` up: a count, or milliseconds since the epoch. */
export const isCount = (value: unknown, min = 0): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min;

/** Exactly so many bytes in base64url without padding, in the one spelling that they have. */
export const isBytes = (value: unknown, length: number): value is string => bytesOf(value, length) !== undefined;

/** The bytes of a base64url text without padding; undefined unless it is their one spelling, and of that length. */
export function bytesOf(value: unknown, length: number): Uint8Array | undefined {
  if (typeof value !== 'string' || value.length !== Math.ceil((length * 4) / 3)) return undefined;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.length === length && bytes.toString('base64url') === value ? bytes : undefined;
}
