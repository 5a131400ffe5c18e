import { type NetworkError, toNetworkError } from '../base/errors.js';
import { letters } from '../base/random.js';
import type { ConnectOperatorOptions } from '../compose/operator.js';
import type { OperatorApi } from '../role/operator-api.js';
import type { Environment } from './environment.js';
import { asConfiguration, CommandError, configurationError, EXIT } from './exit-codes.js';
import { isTrusted } from './private-directory.js';
import { describeTarget, type Target } from './target.js';

export interface ConnectOptions {
  /** How long it may take to be connected. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** For how long a leader that was lost is dialled again; the first connection gets one try all the same. @default 0 */
  readonly retryForMs?: number;
  /** Enrols the key of the target's identity: the first time, under its own name. */
  readonly token?: string;
}

/**
 * Connects to a leader or to a collaborator's own socket.
 * @throws CommandError (69) if nobody is there, (77) where operators are not let in or this user has no key,
 * (78) if the socket is another user's
 */
export async function connect(environment: Environment, target: Target, options: ConnectOptions): Promise<OperatorApi> {
  requireTrusted(environment, target);
  const { connectOperator } = await import('../compose/operator.js');
  const { clock, random } = environment;
  // A leader that is busy is waited for as long as the caller wants to wait.
  const dialTimeoutMs = options.timeoutMs;
  const how = { ...wayTo(environment, target, options.token), clock, random, dialTimeoutMs };
  const deadline = new AbortController();
  const timer = clock.setTimer(options.timeoutMs, () => deadline.abort());
  const signal = AbortSignal.any([options.signal, deadline.signal]);
  const { retryForMs = 0 } = options;
  try {
    const first = await connectOperator({ ...how, signal, retry: false });
    if (retryForMs === 0) return first;
    await first.stop();
    return await connectOperator({ ...how, signal, retry: { forMs: retryForMs } });
  } catch (error) {
    if (options.signal.aborted) throw error;
    throw notConnected(target, deadline.signal.aborted ? `no answer within ${options.timeoutMs} ms` : error);
  } finally {
    timer.cancel();
  }
}

/** The form that the network dials. */
export const addressOf = (target: Target): string => (target.kind === 'socket' ? `unix:${target.path}` : target.url);

type Way = Pick<ConnectOperatorOptions, 'address' | 'name' | 'role' | 'stateDir' | 'token' | 'plaintext'>;

const SUFFIX_LENGTH = 8;

/** @throws CommandError (77) if this user has no key there */
function wayTo({ random }: Environment, target: Target, token: string | undefined): Way {
  const address = addressOf(target);
  if (target.kind === 'socket' || /^unix:/.test(target.url)) return { address };
  if (target.plaintext) return { address, plaintext: true };
  if (target.identity === undefined) throw withoutKey(target.url);
  const { node, role, directory } = target.identity;
  if (token !== undefined) return { address, name: node, role, stateDir: directory, token };
  // Several commands may run at once under one key: each has its own name behind the dot.
  return { address, name: `${node}.${letters(random, SUFFIX_LENGTH)}`, role, stateDir: directory };
}

const withoutKey = (url: string): Error =>
  new CommandError('NOT_ALLOWED', `you have no key for the leader at ${url}`, {
    exitCode: EXIT.notAllowed,
    hint:
      "On the leader's own host leave --leader and --context out. From here: get a token there with 'netmgr invite " +
      `create --role operator', then 'netmgr config context add NAME ${url.replace(/^wss:\/\//, '')} --token-file FILE'.`,
  });

function requireTrusted(environment: Environment, target: Target): void {
  if (target.kind === 'address' || environment.platform === 'win32' || isTrusted(environment, target.path)) return;
  throw configurationError(
    `the socket ${target.path} belongs to another user, who may pose as the leader`,
    `If that is meant: --leader unix:${target.path}`,
  );
}

function notConnected(target: Target, cause: unknown): Error {
  const error = toNetworkError(cause, 'CONNECTION_FAILED');
  if (error.code === 'INVALID_OPTION') return asConfiguration(error);
  if (error.code === 'NOT_ALLOWED' && target.kind === 'address' && error.hint === undefined) {
    return withHint(error, target.plaintext ? BY_SOCKET : BY_TOKEN);
  }
  if (error.code !== 'CONNECTION_FAILED' && error.code !== 'CLOSED') return error;
  const where = describeTarget(target);
  const message =
    target.kind === 'socket'
      ? `no leader answers on this host (${where})`
      : `no leader answers at ${where}: ${error.message}`;
  return new CommandError(error.code, message, { exitCode: EXIT.unreachable, cause: error, hint: error.hint });
}

const BY_SOCKET =
  "On the leader's host leave --leader and --context out: then it is its socket, unix:STATE-DIR/leader/leader.sock.";
const BY_TOKEN =
  "On the leader's host 'netmgr invite create --role operator' makes a new token; here 'netmgr config context add NAME " +
  "ADDR --token-file FILE' takes it.";

const withHint = (error: NetworkError, hint: string): Error =>
  new CommandError(error.code, error.message, { exitCode: EXIT.notAllowed, cause: error, hint });
