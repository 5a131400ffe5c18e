import { type NetworkError, toNetworkError } from '../base/errors.js';
import type { OperatorApi } from '../role/operator-api.js';
import type { Environment } from './environment.js';
import { CommandError, configurationError, EXIT } from './exit-codes.js';
import { isTrusted } from './private-directory.js';
import { describeTarget, type Target } from './target.js';

export interface ConnectOptions {
  /** How long it may take to be connected. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** For how long a leader that was lost is dialled again; the first connection gets one try all the same. @default 0 */
  readonly retryForMs?: number;
}

/**
 * Connects to a leader or to a collaborator's own socket.
 * @throws CommandError (69) if nobody is there, (77) where operators are not let in, (78) if the socket is another user's
 */
export async function connect(environment: Environment, target: Target, options: ConnectOptions): Promise<OperatorApi> {
  requireTrusted(environment, target);
  const { connectOperator } = await import('../compose.js');
  const { clock, random } = environment;
  const address = addressOf(target);
  const deadline = new AbortController();
  const timer = clock.setTimer(options.timeoutMs, () => deadline.abort());
  const signal = AbortSignal.any([options.signal, deadline.signal]);
  const { retryForMs = 0 } = options;
  try {
    const first = await connectOperator({ address, clock, random, signal, retry: false });
    if (retryForMs === 0) return first;
    await first.stop();
    return await connectOperator({ address, clock, random, signal, retry: { forMs: retryForMs } });
  } catch (error) {
    if (options.signal.aborted) throw error;
    throw notConnected(target, deadline.signal.aborted ? `no answer within ${options.timeoutMs} ms` : error);
  } finally {
    timer.cancel();
  }
}

/** The form that the network dials. */
export const addressOf = (target: Target): string => (target.kind === 'socket' ? `unix:${target.path}` : target.url);

function requireTrusted(environment: Environment, target: Target): void {
  if (target.kind === 'address' || environment.platform === 'win32' || isTrusted(environment, target.path)) return;
  throw configurationError(
    `the socket ${target.path} belongs to another user, who may pose as the leader`,
    `If that is meant: --leader unix:${target.path}`,
  );
}

function notConnected(target: Target, cause: unknown): Error {
  const error = toNetworkError(cause, 'CONNECTION_FAILED');
  if (error.code === 'NOT_ALLOWED') return withSocketHint(error);
  if (error.code !== 'CONNECTION_FAILED' && error.code !== 'CLOSED') return error;
  const where = describeTarget(target);
  const message =
    target.kind === 'socket'
      ? `no leader answers on this host (${where})`
      : `no leader answers at ${where}: ${error.message}`;
  return new CommandError(error.code, message, { exitCode: EXIT.unreachable, cause: error });
}

/** Without TLS and tokens nobody may operate a leader from elsewhere; what to do instead. */
const withSocketHint = (error: NetworkError): Error =>
  new CommandError(error.code, error.message, {
    exitCode: EXIT.notAllowed,
    cause: error,
    hint:
      "On the leader's host leave --leader and --context out, or name its socket: --leader unix:STATE-DIR/leader/leader.sock. " +
      'From another host: ssh HOST netmgr …',
  });
