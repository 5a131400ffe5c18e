import assert from 'node:assert/strict';
import type { ErrorCode } from '../../src/base/errors.js';
import type { Place } from './place.js';

/** An error as a user gets it, and what is expected of its message. */
export interface Produced {
  readonly error: unknown;
  /** What the message names: the offending value, node or address. */
  readonly names: readonly string[];
  /** What was in play and may not show. */
  readonly secrets?: readonly string[];
  /** What the documented example has where a run has something of its own, beside numbers. */
  readonly shown?: Readonly<Record<string, string>>;
}

/** Makes a code come about for real: sockets, files and processes; the memory network for what only it has. */
export type Production = (place: Place) => Promise<Produced>;

export type Productions = Partial<Record<ErrorCode, Production>>;

/** One more way to a code, on another transport. */
export interface OtherWay {
  readonly code: ErrorCode;
  readonly by: string;
  readonly produce: Production;
}

/** What a promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('it succeeded');
}
