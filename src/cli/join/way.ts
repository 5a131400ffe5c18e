import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../base/clock.js';
import { type NetworkError, toNetworkError } from '../../base/errors.js';
import { Reconnect } from '../../network/reconnect.js';
import type { LeaderEvent } from '../../role/collaborator.js';
import type { OperatorApi } from '../../role/operator-api.js';
import { isOfThisHost } from '../address.js';
import { addressOf, type ConnectOptions, connect } from '../connect.js';
import { pastedToken, type TakenToken } from '../credentials/token-intake.js';
import type { Environment } from '../environment.js';
import { CommandError, configurationError, EXIT } from '../exit-codes.js';
import type { AddressTarget, Target } from '../target.js';

/** How a collaborator gets to its leader. */
export interface Way {
  readonly address: string;
  readonly plaintext: boolean;
  /** Enrols the node's key; not needed once it is enrolled. */
  readonly token: string | undefined;
  /** What this host's own leader called its address when it was asked; it may have another after a restart. */
  readonly ownAddress?: string | undefined;
}

export interface WayParts {
  readonly target: Target;
  /** The UNIX socket of this host's own leader, whether or not there is one. */
  readonly ownSocket: string;
  readonly token: TakenToken | undefined;
  /** Where the node's key is. */
  readonly directory: string;
  /** undefined: for ever. */
  readonly retryForMs: number | undefined;
  readonly signal: AbortSignal;
  /** Told of each attempt in vain. */
  readonly tell: (event: LeaderEvent) => void;
}

const CONNECT_MS = 5000;
/** Time enough to dial with it, too little to be found. */
const OWN_TOKEN_MS = 60_000;

/**
 * With the token that was given; without one as this host's own leader invites us, or with the key that is enrolled;
 * else the token is asked for on the terminal.
 * @throws CommandError (77) if a token is needed, (69) if --retry-for ran out; NetworkError CANCELLED
 */
export async function findWay(environment: Environment, parts: WayParts): Promise<Way> {
  const { target, token } = parts;
  requireCollaborator(token);
  if (target.kind === 'socket' || target.url.startsWith('unix:')) return ownLeader(environment, parts);
  if (target.plaintext) return plainly(target, token);
  if (token !== undefined) return { address: target.url, plaintext: false, token: token.text };
  const invited = await fromOwnLeader(environment, parts, target);
  if (invited !== undefined) return invited;
  if (isEnrolled(parts.directory)) return { address: target.url, plaintext: false, token: undefined };
  if (environment.stdinKind !== 'terminal' || environment.stderr.isTTY !== true) throw tokenNeeded(target.url);
  const pasted = await pastedToken(environment, target.url);
  requireCollaborator(pasted);
  return { address: target.url, plaintext: false, token: pasted.text };
}

/** Whether a leader has taken the key in this directory in. */
export const isEnrolled = (directory: string): boolean => existsSync(join(directory, 'cluster.json'));

function requireCollaborator(given: TakenToken | undefined): void {
  if (given === undefined || given.token.role === 'collaborator') return;
  throw configurationError(
    `${given.source}: this token is for an ${given.token.role}, not for a collaborator`,
    "It is for 'netmgr config context add NAME ADDR --token-file FILE'. On the leader's host: netmgr invite create",
  );
}

function plainly({ url }: AddressTarget, token: TakenToken | undefined): Way {
  if (token === undefined) return { address: url, plaintext: true, token: undefined };
  throw configurationError(
    `${token.source}: a token is never sent in plaintext, and ${url} is plaintext`,
    'Leave the token out, or give the address as host:port.',
  );
}

const tokenNeeded = (url: string): Error =>
  new CommandError('NOT_ALLOWED', `to join the leader at ${url} for the first time, this node needs a token`, {
    exitCode: EXIT.notAllowed,
    hint: "On the leader's host: netmgr invite create. Here: --token-file FILE (- is stdin), or NETMGR_TOKEN.",
  });

/** This host's leader, if the address is its own: then no token has to be carried over. */
async function fromOwnLeader(
  environment: Environment,
  { ownSocket, signal }: WayParts,
  { url }: AddressTarget,
): Promise<Way | undefined> {
  if (environment.platform !== 'win32' && !existsSync(ownSocket)) return undefined;
  const own: Target = { kind: 'socket', path: ownSocket };
  try {
    return await withLeader(environment, { target: own, timeoutMs: CONNECT_MS, signal }, async (operator, address) =>
      isOfThisHost(url, address, environment)
        ? { ...(await invited(operator, address)), address: url, ownAddress: undefined }
        : undefined,
    );
  } catch (error) {
    if (signal.aborted) throw error;
    // Whatever is wrong with it, another leader may be meant.
    return undefined;
  }
}

/** This host's leader, waited for as any other would be. */
async function ownLeader(environment: Environment, parts: WayParts): Promise<Way> {
  const { target, signal, retryForMs = Number.POSITIVE_INFINITY } = parts;
  const { clock, random } = environment;
  const until = clock.now() + retryForMs;
  let reconnect = Reconnect.initial;
  for (;;) {
    try {
      const timeoutMs = Math.max(1, Math.min(CONNECT_MS, until - clock.now()));
      return await withLeader(environment, { target, timeoutMs, signal }, invited);
    } catch (thrown) {
      const error = toNetworkError(thrown);
      const { delayMs, next } = reconnect.next(random);
      if (signal.aborted || !isPassing(error) || clock.now() + delayMs > until) throw error;
      reconnect = next;
      parts.tell({ type: 'unreachable', address: addressOf(target), error, attempt: next.attempt, retryInMs: delayMs });
      await sleep(clock, delayMs, signal);
    }
  }
}

const isPassing = ({ code }: NetworkError): boolean =>
  code === 'CONNECTION_FAILED' || code === 'CLOSED' || code === 'TIMEOUT' || code === 'HANDSHAKE_TIMEOUT';

/** Speaks to the leader behind a UNIX socket, which says where else it listens. */
async function withLeader<T>(
  environment: Environment,
  { target, ...options }: ConnectOptions & { readonly target: Target },
  work: (operator: OperatorApi, address: string) => Promise<T>,
): Promise<T> {
  const operator = await connect(environment, target, options);
  try {
    const { leader } = await operator.status({ signal: options.signal });
    return await work(operator, leader.address);
  } finally {
    await operator.stop();
  }
}

/** Has a token made for ourselves alone; in plaintext there is none. */
async function invited(operator: OperatorApi, address: string): Promise<Way> {
  if (address.startsWith('ws://')) return { address, plaintext: true, token: undefined, ownAddress: address };
  const { token, localAddress } = await operator.createInvite({ role: 'collaborator', uses: 1, ttlMs: OWN_TOKEN_MS });
  return { address: localAddress, plaintext: false, token, ownAddress: address };
}

/** Whether this host's own leader has come back under another address than it had. Never throws. */
export async function hasMoved(
  environment: Environment,
  way: Way,
  { target, signal }: Pick<WayParts, 'target' | 'signal'>,
): Promise<boolean> {
  if (way.ownAddress === undefined) return false;
  try {
    return await withLeader(environment, { target, timeoutMs: CONNECT_MS, signal }, async (_operator, address) => {
      return address !== way.ownAddress;
    });
  } catch {
    return false;
  }
}
