import { AssertionError } from 'node:assert/strict';
import { inspect, isDeepStrictEqual } from 'node:util';
import { type ErrorCode, isNetworkError } from '../../base/errors.js';

/** Lists that are longer are shown by where they differ. */
const SHORT = 20;

/**
 * @param rule what the contract demands, as a sentence
 * @param seen what was there instead
 */
export function demand(holds: boolean, rule: string, seen: unknown): asserts holds {
  if (!holds) throw broken(rule, seen);
}

export function demandEqual(seen: unknown, expected: unknown, rule: string): void {
  if (isDeepStrictEqual(seen, expected)) return;
  if (Array.isArray(seen) && Array.isArray(expected) && expected.length > SHORT) {
    throw broken(rule, difference(seen, expected));
  }
  throw broken(`${rule} (${shown(expected)})`, seen);
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

/** Whatever a check has thrown, as a failure of what it is about. */
export function asBroken(thrown: unknown, rule: string): AssertionError {
  if (thrown instanceof AssertionError) return thrown;
  const failure = broken(rule, isNetworkError(thrown) ? `${thrown.code}: ${thrown.message}` : thrown);
  failure.cause = thrown;
  return failure;
}

function broken(rule: string, seen: unknown): AssertionError {
  return new AssertionError({ message: `the contract demands: ${rule}. Seen: ${shown(seen)}`, operator: 'contract' });
}

function difference(seen: readonly unknown[], expected: readonly unknown[]): string {
  const length = Math.max(seen.length, expected.length);
  let at = 0;
  while (at < length && isDeepStrictEqual(seen[at], expected[at])) at += 1;
  return `${seen.length} of ${expected.length}, and at place ${at} ${shown(seen[at])} instead of ${shown(expected[at])}`;
}

export const shown = (value: unknown): string => (typeof value === 'string' ? value : inspect(value, SHOWN));

const SHOWN = {
  depth: 4,
  compact: true,
  breakLength: Number.POSITIVE_INFINITY,
  maxArrayLength: SHORT,
  maxStringLength: 200,
} as const;
