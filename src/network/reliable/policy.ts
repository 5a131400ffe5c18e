import type { ErrorCode, NetworkError } from '../../base/errors.js';
import type { Outcome } from './circuit-breaker.js';

/** Answers of a peer that is well: they say something about the request. */
const ANSWERED: ReadonlySet<ErrorCode> = new Set([
  'HANDLER_FAILED',
  'HANDLER_RETRY',
  'INVALID_MESSAGE',
  'INVALID_PAYLOAD',
  'NOT_ALLOWED',
  'NOT_LEADER',
  'NO_HANDLER',
  'NO_TARGET',
]);

/** Retryable by whoever comes later, but not here: another layer has just tried, or the circuit says when. */
const NOT_AGAIN: ReadonlySet<ErrorCode> = new Set(['RETRIES_EXHAUSTED', 'CIRCUIT_OPEN']);

export interface RetryPolicy {
  readonly retryOnTimeout: boolean;
  readonly retryOnError: boolean;
  /** Codes that are not tried again, beside those that are not retryable. */
  readonly permanent: ReadonlySet<ErrorCode>;
}

/** Whether another try may succeed where this one has failed: the table in docs/reliable.md. */
export function isTransient(error: NetworkError, policy: RetryPolicy): boolean {
  if (!error.retryable || NOT_AGAIN.has(error.code) || policy.permanent.has(error.code)) return false;
  return error.code === 'TIMEOUT' ? policy.retryOnTimeout : policy.retryOnError;
}

/** What a failure says of the peer's health. The caller's own mistakes say nothing. */
export function outcomeOf(error: NetworkError): Outcome {
  if (ANSWERED.has(error.code)) return 'success';
  return error.retryable ? 'failure' : 'nothing';
}
