import {
  type ErrorCode,
  isNetworkError,
  NetworkError,
  type NetworkErrorOptions,
  toNetworkError,
} from '../base/errors.js';
import { ANYONE } from '../base/names.js';

/** What the process says with its exit status: the table of the CLI contract. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  noTarget: 4,
  unreachable: 69,
  internal: 70,
  tryLater: 75,
  notAllowed: 77,
  configuration: 78,
  timeout: 124,
  interrupted: 130,
  terminated: 143,
} as const;

/** The exit code of each way to fail. */
export const EXIT_OF: Readonly<Record<ErrorCode, number>> = {
  CONNECTION_FAILED: EXIT.unreachable,
  CLOSED: EXIT.unreachable,
  UNREACHABLE: EXIT.noTarget,
  NO_ADDRESS: EXIT.usage,
  PARTITIONED: EXIT.noTarget,
  NODE_FAILED: EXIT.noTarget,
  SEND_FAILED: EXIT.unreachable,
  RECEIVE_FAILED: EXIT.unreachable,
  BACKPRESSURE: EXIT.tryLater,
  SLOW_PEER: EXIT.tryLater,
  TIMEOUT: EXIT.timeout,
  RETRIES_EXHAUSTED: EXIT.tryLater,
  CIRCUIT_OPEN: EXIT.tryLater,
  CANCELLED: EXIT.interrupted,
  STOPPED: EXIT.unreachable,
  IO: EXIT.tryLater,
  HANDSHAKE_TIMEOUT: EXIT.unreachable,
  NAME_IN_USE: EXIT.configuration,
  CLUSTER_MISMATCH: EXIT.configuration,
  VERSION_MISMATCH: EXIT.configuration,
  NOT_ALLOWED: EXIT.notAllowed,
  EVICTED: EXIT.notAllowed,
  SERIALIZATION: EXIT.usage,
  DESERIALIZATION: EXIT.internal,
  INVALID_MESSAGE: EXIT.internal,
  TOO_LARGE: EXIT.usage,
  FLOOD: EXIT.tryLater,
  NO_HANDLER: EXIT.noTarget,
  NO_TARGET: EXIT.noTarget,
  NOT_LEADER: EXIT.noTarget,
  INVALID_PAYLOAD: EXIT.failed,
  HANDLER_FAILED: EXIT.failed,
  HANDLER_RETRY: EXIT.tryLater,
  OVERLOADED: EXIT.tryLater,
  INVALID_OPTION: EXIT.usage,
  ADDRESS_IN_USE: EXIT.configuration,
  INTERNAL: EXIT.internal,
};

export interface CommandErrorOptions extends NetworkErrorOptions {
  readonly exitCode: number;
}

/** An error that ends a command with an exit code other than that of its ErrorCode. */
export class CommandError extends NetworkError {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options: CommandErrorOptions) {
    super(code, message, options);
    this.exitCode = options.exitCode;
  }
}

/** What was typed is wrong: exit 2. `message` names the value and the forms that are right. */
export const usageError = (message: string, hint?: string): CommandError =>
  new CommandError('INVALID_OPTION', message, { exitCode: EXIT.usage, hint });

/** What was configured, or a file that was named, is wrong: exit 78. */
export const configurationError = (message: string, hint?: string): CommandError =>
  new CommandError('INVALID_OPTION', message, { exitCode: EXIT.configuration, hint });

/** What the command line said was right, so an option that is wrong all the same came from a file or a place: exit 78. */
export function asConfiguration(thrown: unknown): NetworkError {
  const error = toNetworkError(thrown);
  if (error instanceof CommandError || error.code !== 'INVALID_OPTION') return error;
  return new CommandError(error.code, error.message, {
    exitCode: EXIT.configuration,
    hint: error.hint,
    node: error.node,
    cause: error,
  });
}

/** The node that an error is about; `?` is none. */
export const nodeOf = (error: NetworkError): string | undefined => (error.node === ANYONE ? undefined : error.node);

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  return isNetworkError(error) ? EXIT_OF[error.code] : EXIT.internal;
}
