import type { ErrorCode } from '../../base/errors.js';

/** What an error is in HTTP. Whatever is not named is 500. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  INVALID_MESSAGE: 400,
  INVALID_PAYLOAD: 400,
  SERIALIZATION: 400,
  DESERIALIZATION: 400,
  VERSION_MISMATCH: 400,
  NOT_ALLOWED: 403,
  EVICTED: 403,
  CLUSTER_MISMATCH: 403,
  NO_HANDLER: 404,
  NAME_IN_USE: 409,
  TOO_LARGE: 413,
  NOT_LEADER: 421,
  FLOOD: 429,
  CLOSED: 502,
  CONNECTION_FAILED: 502,
  NO_ADDRESS: 502,
  SEND_FAILED: 502,
  RECEIVE_FAILED: 502,
  PARTITIONED: 502,
  NODE_FAILED: 502,
  SLOW_PEER: 502,
  UNREACHABLE: 503,
  OVERLOADED: 503,
  BACKPRESSURE: 503,
  NO_TARGET: 503,
  HANDLER_RETRY: 503,
  CIRCUIT_OPEN: 503,
  STOPPED: 503,
  TIMEOUT: 504,
  RETRIES_EXHAUSTED: 502,
};

export const statusOf = (code: ErrorCode): number => STATUS[code] ?? 500;

/** The answer to a probe of somebody who is no peer. */
export const GONE = 410;

/** Seconds after which a caller that was refused for now may come again. */
export const RETRY_AFTER_S = 1;

/** What a status means that comes without a code: from a proxy, or from something that is no node. */
export function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'NOT_ALLOWED';
  if (status === 413) return 'TOO_LARGE';
  if (status === 429 || status === 503) return 'OVERLOADED';
  if (status === 504 || status === 408) return 'TIMEOUT';
  // Whatever is behind it may have done what was asked.
  return status >= 500 ? 'CLOSED' : 'CONNECTION_FAILED';
}
