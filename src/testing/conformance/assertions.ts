import { AssertionError } from 'node:assert/strict';
import { inspect, isDeepStrictEqual } from 'node:util';
import { type ErrorCode, isNetworkError } from '../../base/errors.js';

/**
 * @param rule what the contract demands, as a sentence without its subject
 * @param seen what was there instead
 */
export function demand(holds: boolean, rule: string, seen: unknown): asserts holds {
  if (!holds) throw failure(rule, seen);
}

export function demandEqual(seen: unknown, expected: unknown, rule: string): void {
  if (isDeepStrictEqual(seen, expected)) return;
  throw failure(`${rule} (${shown(expected)})`, seen, expected);
}

/** The promise must reject with a NetworkError of one of these codes. */
export async function demandCode(promise: Promise<unknown>, codes: readonly ErrorCode[], rule: string): Promise<void> {
  const outcome = await outcomeOf(promise);
  demand(codes.includes(outcome as ErrorCode), `${rule} (${codes.join(' or ')})`, outcome);
}

/** How a promise ended, in a word: `answer`, the code of its NetworkError, or what else was thrown. */
export async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'answer';
  } catch (error) {
    return codeOf(error);
  }
}

/** The code of a NetworkError; anything else as it is shown. */
export const codeOf = (thrown: unknown): string =>
  isNetworkError(thrown) ? thrown.code : `no NetworkError: ${shown(thrown)}`;

function failure(rule: string, seen: unknown, expected?: unknown): AssertionError {
  const message = `the contract demands: ${rule}. Seen: ${shown(seen)}`;
  return new AssertionError({ message, actual: seen, expected, operator: 'contract' });
}

export const shown = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : inspect(value, { depth: 4, breakLength: 100, maxArrayLength: 20, maxStringLength: 200 });
