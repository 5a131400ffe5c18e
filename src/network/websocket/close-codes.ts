import { type ErrorCode, summaryOf } from '../../base/errors.js';

/**
 * Why netmgr closed a WebSocket, in the range that RFC 6455 leaves to applications. The exact error goes before
 * the close, as a message of kind `error`; the close code is for whoever cannot read it. Part of the protocol.
 */
const CLOSE_CODES = {
  /** Not the protocol: unreadable, invalid, or out of order. */
  protocol: 4400,
  /** The peer may not do this. */
  notAllowed: 4403,
  /** Not authenticated within the deadline. */
  handshakeTimeout: 4408,
  /** The name is used by another process, or by this one's newer connection. */
  nameInUse: 4409,
  /** An operator removed the node. */
  evicted: 4410,
  /** Larger than a limit. */
  tooLarge: 4413,
  /** Another cluster. */
  clusterMismatch: 4421,
  /** Another protocol version. */
  version: 4426,
  /** Sends too much, reads too little, or has too many connections. */
  flood: 4429,
  /** A fault of our own. */
  internal: 4500,
} as const;

const BY_ERROR: Partial<Record<ErrorCode, number>> = {
  NOT_ALLOWED: CLOSE_CODES.notAllowed,
  HANDSHAKE_TIMEOUT: CLOSE_CODES.handshakeTimeout,
  NAME_IN_USE: CLOSE_CODES.nameInUse,
  EVICTED: CLOSE_CODES.evicted,
  TOO_LARGE: CLOSE_CODES.tooLarge,
  CLUSTER_MISMATCH: CLOSE_CODES.clusterMismatch,
  VERSION_MISMATCH: CLOSE_CODES.version,
  FLOOD: CLOSE_CODES.flood,
  SLOW_PEER: CLOSE_CODES.flood,
  OVERLOADED: CLOSE_CODES.flood,
  INTERNAL: CLOSE_CODES.internal,
};

export const closeCodeOf = (code: ErrorCode): number => BY_ERROR[code] ?? CLOSE_CODES.protocol;

/** What the code tells with which the peer closed a connection without a message, to be put behind that it ended. */
export function closedDetail(code: number): string {
  const meaning = Object.entries(BY_ERROR).find(([, value]) => value === code)?.[0] as ErrorCode | undefined;
  return meaning === undefined ? '' : ` (${code}: ${summaryOf(meaning)})`;
}
