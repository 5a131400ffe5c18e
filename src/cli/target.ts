import { existsSync, readdirSync } from 'node:fs';
import { NODE_NAME } from '../base/names.js';
import { type LeaderAddress, leaderAddress } from './address.js';
import type { Invocation } from './command.js';
import { type Identity, readContexts } from './context.js';
import type { Environment } from './environment.js';
import { configurationError, usageError } from './exit-codes.js';
import { clusterFlag, contextFlag, leaderFlag, stateDirFlag } from './global-flags.js';
import { nearest } from './nearest.js';
import { leaderSocket, nodeSocket, nodesDirectory, stateDirectory } from './paths.js';

/** Whom a command speaks to. */
export type Target = { readonly kind: 'socket'; readonly path: string } | AddressTarget;

export interface AddressTarget extends LeaderAddress {
  readonly kind: 'address';
  /** Whose key proves who we are; a UNIX socket and plaintext ask for none. */
  readonly identity?: Identity | undefined;
}

/** How a target is named to people. */
export const describeTarget = (target: Target): string => (target.kind === 'socket' ? target.path : target.url);

/**
 * `--leader`, else `--context`, else the current context, else the leader of this host and user.
 * @throws CommandError if the address is none, or there is no such context
 */
export function leaderTarget(environment: Environment, invocation: Invocation): Target {
  const leader = invocation.value(leaderFlag);
  if (leader !== undefined) return addressTarget(leader);
  const context = invocation.value(contextFlag);
  if (context !== undefined) return contextTarget(invocation, context);
  return { kind: 'socket', path: leaderSocket(environment, invocationState(environment, invocation)) };
}

export const addressTarget = (text: string, plaintext = false): AddressTarget => ({
  kind: 'address',
  ...leaderAddress(text, plaintext),
});

function contextTarget(invocation: Invocation, name: string): Target {
  const contexts = readContexts(invocation);
  const context = contexts.get(name);
  if (context !== undefined) return { ...addressTarget(context.address), identity: context.identity };
  const message = `there is no context '${name}'`;
  const near = nearest(name, [...contexts.keys()]);
  const hint = near === undefined ? `'netmgr config context add ${name} ADDR' makes one.` : `Did you mean '${near}'?`;
  throw invocation.setting(contextFlag).source === 'flag'
    ? usageError(message, hint)
    : configurationError(message, hint);
}

/** The state directory that this call means. */
export const invocationState = (environment: Environment, invocation: Invocation): string =>
  stateDirectory(environment, invocation.value(stateDirFlag), invocation.value(clusterFlag));

/** Whether `--leader` or a context says which leader is meant, so that this host's own nodes are not. */
export const isRemote = (invocation: Invocation): boolean =>
  invocation.value(leaderFlag) !== undefined || invocation.value(contextFlag) !== undefined;

/** The sockets of this host's collaborators, by name; some may belong to processes that are gone. */
export function collaboratorSockets(
  environment: Environment,
  state: string,
): readonly { node: string; path: string }[] {
  let names: string[];
  try {
    names = readdirSync(nodesDirectory(state));
  } catch {
    return [];
  }
  return names
    .filter((name) => NODE_NAME.test(name))
    .sort()
    .map((node) => ({ node, path: nodeSocket(environment, state, node) }))
    .filter(({ path }) => environment.platform === 'win32' || existsSync(path));
}
