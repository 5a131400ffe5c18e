import { renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { letters, type Random } from '../../base/random.js';
import type { LeaderAddress } from '../address.js';
import type { Invocation } from '../command.js';
import { connect } from '../connect.js';
import type { Identity } from '../context.js';
import type { Environment } from '../environment.js';
import { configurationError, usageError } from '../exit-codes.js';
import { nameOfHost } from '../join/node-names.js';
import { makePrivateDirectory, requireSafeDirectory } from '../private-directory.js';
import type { TakenToken } from './token-intake.js';

export interface Enrolment {
  readonly address: LeaderAddress;
  readonly token: TakenToken;
  /** Where the key is to be. */
  readonly directory: string;
  /** The name to be known by. @default the host name and four characters */
  readonly as: string | undefined;
}

const CONNECT_MS = 10_000;
/** What follows the dot in the name of a session must fit behind it. */
const LONGEST_NAME = 54;
const LONGEST_HOST_PART = 40;
const CHANCE_LENGTH = 4;

/**
 * Enrols a key of this user with a leader elsewhere.
 * @throws CommandError (78) for a token of another kind, (69) if nobody answers; NetworkError why the leader refuses
 */
export async function enrolOperator(
  environment: Environment,
  invocation: Invocation,
  { address, token, directory, as }: Enrolment,
): Promise<Identity> {
  const { role } = token.token;
  if (role === 'collaborator') {
    const hint = "It is for 'netmgr join'. On the leader's host: netmgr invite create --role operator";
    throw configurationError(`${token.source}: this token is for collaborators, not for operators or observers`, hint);
  }
  if (address.url.startsWith('unix:') || address.plaintext) {
    throw usageError(`${address.url} takes no token`, 'Leave the token out, or give the address as host:port.');
  }
  const node = as ?? nameHere(environment.hostName, environment.random);
  if (node.length > LONGEST_NAME) throw usageError(`--as ${node}: a name here has at most ${LONGEST_NAME} characters`);
  // No context is called so: what was there before stays until the leader has said yes to the new key.
  const aside = join(dirname(directory), `.new-${basename(directory)}`);
  rmSync(aside, { recursive: true, force: true });
  makePrivateDirectory(environment, aside);
  requireSafeDirectory(environment, dirname(dirname(directory)));
  const target = { kind: 'address', ...address, identity: { node, role, directory: aside } } as const;
  const options = { timeoutMs: CONNECT_MS, signal: invocation.signal, token: token.text };
  try {
    const operator = await connect(environment, target, options);
    await operator.stop();
    rmSync(directory, { recursive: true, force: true });
    renameSync(aside, directory);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return { node, role, directory };
}

/** `build1-k3f9`: the first label of the host's name, and some chance, for one name is one key. */
function nameHere(hostName: string, random: Random): string {
  const host = nameOfHost(hostName.split('.')[0] ?? '').slice(0, LONGEST_HOST_PART);
  return `${host}-${letters(random, CHANCE_LENGTH)}`;
}
