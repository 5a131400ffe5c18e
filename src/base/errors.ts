import { NODE_NAME } from './names.js';

/** Every way in which netmgr can fail: one closed set. */
export type ErrorCode =
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
  | 'IO'
  | 'HANDSHAKE_TIMEOUT'
  | 'NAME_IN_USE'
  | 'CLUSTER_MISMATCH'
  | 'VERSION_MISMATCH'
  | 'NOT_ALLOWED'
  | 'EVICTED'
  | 'SERIALIZATION'
  | 'DESERIALIZATION'
  | 'INVALID_MESSAGE'
  | 'TOO_LARGE'
  | 'FLOOD'
  | 'NO_HANDLER'
  | 'NO_TARGET'
  | 'NOT_LEADER'
  | 'INVALID_PAYLOAD'
  | 'HANDLER_FAILED'
  | 'HANDLER_RETRY'
  | 'OVERLOADED'
  | 'INVALID_OPTION'
  | 'ADDRESS_IN_USE'
  | 'INTERNAL';

/** `retryable`: whether the same call, made again unchanged, may succeed. */
const CODES: Readonly<Record<ErrorCode, { readonly retryable: boolean; readonly summary: string }>> = {
  // The connection.
  CONNECTION_FAILED: { retryable: true, summary: 'no connection could be made to the address' },
  CLOSED: { retryable: true, summary: 'the connection ended before the work was done' },
  UNREACHABLE: { retryable: true, summary: 'the node is not connected at the moment' },
  NO_ADDRESS: { retryable: false, summary: 'no address is known for the node' },
  PARTITIONED: { retryable: true, summary: 'a partition between the two nodes lets nothing pass' },
  NODE_FAILED: { retryable: true, summary: 'the node has failed and is cut off' },
  SEND_FAILED: { retryable: true, summary: 'the message could not be handed to the connection' },
  RECEIVE_FAILED: { retryable: true, summary: 'the connection failed while the answer was being read' },
  BACKPRESSURE: { retryable: true, summary: 'the peer reads more slowly than we write; its queue is full' },
  SLOW_PEER: { retryable: true, summary: 'the peer stopped reading and was dropped' },
  TIMEOUT: { retryable: true, summary: 'no answer came before the deadline' },
  RETRIES_EXHAUSTED: { retryable: true, summary: 'every try failed that could be made' },
  CIRCUIT_OPEN: { retryable: true, summary: 'the peer failed so often that it is not asked for a while' },
  CANCELLED: { retryable: false, summary: 'the caller gave up' },
  STOPPED: { retryable: false, summary: 'this node was stopped, or has not been started' },
  IO: { retryable: true, summary: 'the operating system reported an input or output error' },

  // The join.
  HANDSHAKE_TIMEOUT: { retryable: true, summary: 'the peer did not authenticate and say hello in time' },
  NAME_IN_USE: { retryable: false, summary: 'another process already uses this node name' },
  CLUSTER_MISMATCH: { retryable: false, summary: 'the peer belongs to another cluster' },
  VERSION_MISMATCH: { retryable: false, summary: 'the peer speaks another protocol version' },
  NOT_ALLOWED: { retryable: false, summary: 'the peer may not do this' },
  EVICTED: { retryable: false, summary: 'an operator removed this node from the cluster' },

  // The message.
  SERIALIZATION: { retryable: false, summary: 'the value cannot be written as a message' },
  DESERIALIZATION: { retryable: false, summary: 'the bytes are not a message' },
  INVALID_MESSAGE: { retryable: false, summary: 'a field of the message breaks its rule' },
  TOO_LARGE: { retryable: false, summary: 'the message is larger than the limit' },
  FLOOD: { retryable: false, summary: 'the peer sent more than it may' },

  // The work.
  NO_HANDLER: { retryable: false, summary: 'the node has no handler for this type' },
  NO_TARGET: { retryable: true, summary: 'no node can take this message' },
  NOT_LEADER: { retryable: true, summary: 'the node does not lead: another one takes this message' },
  INVALID_PAYLOAD: { retryable: false, summary: "the payload does not match the handler's schema" },
  HANDLER_FAILED: { retryable: false, summary: 'the handler failed' },
  HANDLER_RETRY: { retryable: true, summary: 'the handler asks to be tried again later' },
  OVERLOADED: { retryable: true, summary: 'a queue is full, or as many as may are there: try again later' },

  // The program.
  INVALID_OPTION: { retryable: false, summary: 'an option has a value that it may not have' },
  ADDRESS_IN_USE: { retryable: false, summary: 'another program listens on this address' },
  INTERNAL: { retryable: false, summary: 'a fault in netmgr itself' },
};

/** All codes, in the order in which they are documented. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(CODES) as ErrorCode[];

/** One sentence, lower case, that says what the code means. */
export const summaryOf = (code: ErrorCode): string => CODES[code].summary;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(CODES, value);

const BRAND: unique symbol = Symbol.for('netmgr.error');

export interface NetworkErrorOptions {
  readonly cause?: unknown;
  /** What the reader can do next; one sentence. */
  readonly hint?: string | undefined;
  /** The node that the failure is about. */
  readonly node?: string | undefined;
  /** Where a connection was tried: HOST:PORT, a URL, or a path. */
  readonly address?: string | undefined;
  /** Of NOT_LEADER: the node that leads, as far as the one that refused knows. */
  readonly leader?: string | undefined;
}

/**
 * The one error class of the library. `message` names the offending value, field or limit;
 * `retryable` follows from the code.
 */
export class NetworkError extends Error {
  override readonly name: string = 'NetworkError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly node: string | undefined;
  readonly address: string | undefined;
  readonly leader: string | undefined;

  constructor(code: ErrorCode, message: string, options: NetworkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.node = options.node;
    this.address = options.address;
    this.leader = options.leader;
    Object.defineProperty(this, BRAND, { value: true });
  }

  get retryable(): boolean {
    return CODES[this.code].retryable;
  }

  /** What travels: no stack, no cause. */
  toWire(): WireError {
    const { code, message, leader } = this;
    return leader === undefined ? { code, message } : { code, message, leader };
  }
}

/** An answer did not come in time. */
export class NetworkTimeoutError extends NetworkError {
  override readonly name = 'NetworkTimeoutError';
  constructor(message: string, options?: NetworkErrorOptions) {
    super('TIMEOUT', message, options);
  }
}

export interface RetryExhaustedOptions extends Omit<NetworkErrorOptions, 'cause'> {
  readonly lastError: NetworkError;
  readonly attempts: number;
}

/** No further try may be made; the last one's failure is `lastError` (and `cause`). */
export class NetworkRetryExhaustedError extends NetworkError {
  override readonly name = 'NetworkRetryExhaustedError';
  readonly lastError: NetworkError;
  /** How many tries were made, the first one included. */
  readonly attempts: number;

  constructor(message: string, options: RetryExhaustedOptions) {
    super('RETRIES_EXHAUSTED', message, { ...options, cause: options.lastError });
    this.lastError = options.lastError;
    this.attempts = options.attempts;
  }
}

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly leader?: string;
}

const isName = (value: unknown): value is string => typeof value === 'string' && NODE_NAME.test(value);

/** By brand, so that two copies of the library in one program agree. */
export const isNetworkError = (value: unknown): value is NetworkError =>
  typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;

/** Makes a NetworkError of anything thrown; one that already is one stays as it is. */
export function toNetworkError(value: unknown, code: ErrorCode = 'INTERNAL'): NetworkError {
  if (isNetworkError(value)) return value;
  return new NetworkError(code, messageOf(value), { cause: value });
}

/** Makes a NetworkError of what a peer sent; an unknown code becomes HANDLER_FAILED. */
export function fromWire(payload: unknown, node?: string): NetworkError {
  const wire = (typeof payload === 'object' && payload !== null ? payload : {}) as Partial<WireError>;
  const code = isErrorCode(wire.code) ? wire.code : 'HANDLER_FAILED';
  const message = typeof wire.message === 'string' ? wire.message : summaryOf(code);
  if (code === 'TIMEOUT') return new NetworkTimeoutError(message, { node });
  const leader = code === 'NOT_LEADER' && isName(wire.leader) ? wire.leader : undefined;
  return new NetworkError(code, message, { node, leader });
}

/** The message of anything thrown, never empty. */
export function messageOf(value: unknown): string {
  if (value instanceof Error) return value.message || value.name;
  if (typeof value === 'string' && value !== '') return value;
  try {
    return `a value that is no error was thrown: ${JSON.stringify(value)}`;
  } catch {
    return 'a value that is no error was thrown';
  }
}
