import { NetworkError } from '../base/errors.js';
import type { NodeId, Role } from '../base/names.js';
import { formatAddress, isLoopback, parseAddress } from '../network/address.js';
import type { Credentials } from '../network/credentials.js';
import { NodeCredentials } from '../security/credentials/node-credentials.js';
import { type CommonOptions, machineOf } from './common.js';

/** How a node that dials shows who it is. */
export interface JoinOptions {
  /** A join token, as the leader makes them; needed until the leader knows this node's key. */
  readonly token?: string | undefined;
  /**
   * Where this node's key is kept, and what it knows of the cluster: a directory for this node alone, made if it is
   * missing. @default in memory: it needs a token at each start
   */
  readonly stateDir?: string | undefined;
  /** No TLS, for a leader that has none; loopback addresses only. @default whether the address begins with `ws:` */
  readonly plaintext?: boolean | undefined;
}

/** @returns undefined for a UNIX socket, whose modes are the guard, and for a leader without TLS */
export function credentialsOf(
  text: string,
  options: CommonOptions & JoinOptions,
  who: { readonly node: NodeId; readonly role: Role },
): Credentials | undefined {
  const plaintext = options.plaintext ?? /^ws:/i.test(text);
  const address = parseAddress(text);
  if (options.network || address.kind === 'unix') return undefined;
  if (!plaintext) {
    const { clock, log } = machineOf(options);
    return NodeCredentials.open({ ...who, token: options.token, directory: options.stateDir, clock, log });
  }
  if (address.host === 'localhost' || isLoopback(address.host)) return undefined;
  throw new NetworkError(
    'INVALID_OPTION',
    `plaintext: ${address.host} is not on this host, and others could listen in`,
    {
      hint: `Write wss://${formatAddress(address)}.`,
    },
  );
}
