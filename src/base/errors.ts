import { type ErrorCode, isErrorCode, isRetryable, summaryOf } from './error-codes.js';
import { NODE_NAME } from './names.js';

export { ERROR_CODES, type ErrorCode, isErrorCode, summaryOf, type Work, workOf } from './error-codes.js';

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

/** Stands on the class: stacks begin with it, and no error carries it about. */
const named = (type: { readonly prototype: Error }, name: string): object =>
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });

/**
 * The one error class of the library. `message` names the offending value, field or limit; `retryable` follows from the
 * code. What is not known is no property at all, so that `console.error(error)` shows what is.
 *
 * A program may hold two copies of the library, whose classes differ: ask `isNetworkError(error)`, then `error.code`.
 */
export class NetworkError extends Error {
  readonly code: ErrorCode;
  declare readonly hint: string | undefined;
  declare readonly node: string | undefined;
  declare readonly address: string | undefined;
  declare readonly leader: string | undefined;

  static {
    named(NetworkError, 'NetworkError');
  }

  constructor(code: ErrorCode, message: string, options: NetworkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    for (const key of ['hint', 'node', 'address', 'leader'] as const) {
      if (options[key] !== undefined) Object.assign(this, { [key]: options[key] });
    }
    Object.defineProperty(this, BRAND, { value: true });
  }

  get retryable(): boolean {
    return isRetryable(this.code);
  }

  /** What travels: no stack, no cause, no hint; a message that is too long is cut. */
  toWire(): WireError {
    const { code, leader } = this;
    const message = cut(this.message);
    return leader === undefined ? { code, message } : { code, message, leader };
  }

  /** For logs: all but the stack, and of the cause its message. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, code, message, retryable, cause, ...known } = this;
    return { name, code, message, retryable, ...known, ...(cause === undefined ? {} : { cause: messageOf(cause) }) };
  }
}

/** An answer did not come in time. */
export class NetworkTimeoutError extends NetworkError {
  static {
    named(NetworkTimeoutError, 'NetworkTimeoutError');
  }

  constructor(message: string, options?: NetworkErrorOptions) {
    super('TIMEOUT', message, options);
  }
}

export interface RetryExhaustedOptions extends Omit<NetworkErrorOptions, 'cause'> {
  readonly lastError: NetworkError;
  readonly attempts: number;
}

/** No further try may be made; the last one's failure is `lastError` (which is its `cause`). */
export class NetworkRetryExhaustedError extends NetworkError {
  /** How many tries were made, the first one included. */
  readonly attempts: number;

  static {
    named(NetworkRetryExhaustedError, 'NetworkRetryExhaustedError');
  }

  constructor(message: string, options: RetryExhaustedOptions) {
    super('RETRIES_EXHAUSTED', message, { ...options, cause: options.lastError });
    this.attempts = options.attempts;
  }

  get lastError(): NetworkError {
    return this.cause as NetworkError;
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
  const message = typeof wire.message === 'string' ? cut(wire.message) : summaryOf(code);
  if (code === 'TIMEOUT') return new NetworkTimeoutError(message, { node });
  const leader = code === 'NOT_LEADER' && isName(wire.leader) ? wire.leader : undefined;
  return new NetworkError(code, message, { node, leader });
}

/** Characters that the message of an error may have when it travels. */
const MAX_WIRE_MESSAGE = 4_096;

/** Never between the halves of one character. */
const cut = (text: string): string =>
  text.length <= MAX_WIRE_MESSAGE ? text : `${text.slice(0, MAX_WIRE_MESSAGE - 1).replace(/[\ud800-\udbff]$/, '')}…`;

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
