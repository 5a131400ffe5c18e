export type ConnectionCode =
  | 'CONNECTION_FAILED'
  | 'CLOSED'
  | 'UNREACHABLE'
  | 'NO_ADDRESS'
  | 'PARTITIONED'
  | 'NODE_FAILED'
  | 'SEND_FAILED'
  | 'RECEIVE_FAILED'
  | 'BACKPRESSURE'
  | 'SLOW_PEER'
  | 'TIMEOUT'
  | 'RETRIES_EXHAUSTED'
  | 'CIRCUIT_OPEN'
  | 'CANCELLED'
  | 'STOPPED'
  | 'IO';

export type JoinCode =
  | 'HANDSHAKE_TIMEOUT'
  | 'NAME_IN_USE'
  | 'CLUSTER_MISMATCH'
  | 'VERSION_MISMATCH'
  | 'NOT_ALLOWED'
  | 'EVICTED';

export type MessageCode = 'SERIALIZATION' | 'DESERIALIZATION' | 'INVALID_MESSAGE' | 'TOO_LARGE' | 'FLOOD';

export type WorkCode =
  | 'NO_HANDLER'
  | 'NO_TARGET'
  | 'NOT_LEADER'
  | 'INVALID_PAYLOAD'
  | 'HANDLER_FAILED'
  | 'HANDLER_RETRY'
  | 'OVERLOADED';

export type ProgramCode = 'INVALID_OPTION' | 'ADDRESS_IN_USE' | 'INTERNAL';

/** Every way in which netmgr can fail: one closed set. */
export type ErrorCode = ConnectionCode | JoinCode | MessageCode | WorkCode | ProgramCode;

/**
 * Whether what was asked for was done all the same: `none`, it was not begun; `maybe`, that cannot be known; `begun`, a
 * handler has run, at least in part.
 */
export type Work = 'none' | 'maybe' | 'begun';

interface CodeRule {
  /** Whether the same call, made again unchanged, may succeed. */
  readonly retryable: boolean;
  readonly work: Work;
  readonly summary: string;
}

const again = (work: Work, summary: string): CodeRule => ({ retryable: true, work, summary });
const final = (work: Work, summary: string): CodeRule => ({ retryable: false, work, summary });

const CODES: Readonly<Record<ErrorCode, CodeRule>> = {
  // The connection.
  CONNECTION_FAILED: again('none', 'no connection could be made to the address'),
  CLOSED: again('maybe', 'the connection ended before the work was done'),
  UNREACHABLE: again('none', 'the node is not connected at the moment'),
  NO_ADDRESS: final('none', 'no address is known for the node'),
  PARTITIONED: again('none', 'a partition between the two nodes lets nothing pass'),
  NODE_FAILED: again('none', 'the node has failed and is cut off'),
  SEND_FAILED: again('none', 'the message could not be handed to the connection as a whole'),
  RECEIVE_FAILED: again('maybe', 'the connection failed while the answer was being read'),
  BACKPRESSURE: again('none', 'the peer reads more slowly than we write; its queue is full'),
  SLOW_PEER: again('maybe', 'the peer stopped reading and was dropped'),
  TIMEOUT: again('maybe', 'no answer came before the deadline'),
  RETRIES_EXHAUSTED: again('maybe', 'every try failed that could be made'),
  CIRCUIT_OPEN: again('none', 'the peer failed so often that it is not asked for a while'),
  CANCELLED: final('maybe', 'the caller gave up'),
  STOPPED: final('maybe', 'this node was stopped, or has not been started'),
  IO: again('maybe', 'the operating system reported an input or output error'),

  // The join.
  HANDSHAKE_TIMEOUT: again('none', 'the peer did not authenticate and say hello in time'),
  NAME_IN_USE: final('none', 'another process already uses this node name'),
  CLUSTER_MISMATCH: final('none', 'the peer belongs to another cluster'),
  VERSION_MISMATCH: final('none', 'the peer speaks another protocol version'),
  NOT_ALLOWED: final('none', 'the peer may not do this'),
  EVICTED: final('maybe', 'an operator removed this node from the cluster'),

  // The message.
  SERIALIZATION: final('none', 'the value cannot be written as a message'),
  DESERIALIZATION: final('maybe', 'the bytes are not a message'),
  INVALID_MESSAGE: final('none', 'a field of the message breaks its rule'),
  TOO_LARGE: final('none', 'the message is larger than the limit'),
  FLOOD: final('maybe', 'the peer sent more than it may'),

  // The work.
  NO_HANDLER: final('none', 'the node has no handler for this type'),
  NO_TARGET: again('none', 'no node can take this message'),
  NOT_LEADER: again('none', 'the node does not lead: another one takes this message'),
  INVALID_PAYLOAD: final('none', "the payload does not match the handler's schema"),
  HANDLER_FAILED: final('begun', 'the handler failed'),
  HANDLER_RETRY: again('maybe', 'the handler asks to be tried again later'),
  OVERLOADED: again('none', 'a queue is full, or as many as may are there: try again later'),

  // The program.
  INVALID_OPTION: final('none', 'an option has a value that it may not have'),
  ADDRESS_IN_USE: final('none', 'another program listens on this address'),
  INTERNAL: final('maybe', 'a fault in netmgr itself'),
};

/** @internal */
export const isRetryable = (code: ErrorCode): boolean => CODES[code].retryable;

/** All codes, in the order in which they are documented. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(CODES) as ErrorCode[];

/** One sentence, lower case, that says what the code means. */
export const summaryOf = (code: ErrorCode): string => CODES[code].summary;

/** Whether what was asked for may have been done when a request ends with the code. */
export const workOf = (code: ErrorCode): Work => CODES[code].work;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(CODES, value);
