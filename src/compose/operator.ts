import type { NodeId, Role } from '../base/names.js';
import { letters } from '../base/random.js';
import { parseAddress } from '../network/address.js';
import type { Credentials } from '../network/credentials.js';
import { WebSocketNetwork } from '../network/websocket/network.js';
import type { DialOptions } from '../network/websocket/options.js';
import { Operator } from '../role/operator.js';
import { type CommonOptions, checkName, machineOf } from './common.js';
import type { JoinOptions } from './join.js';

export interface ConnectOperatorOptions extends CommonOptions, JoinOptions {
  /** `unix:/path` of a leader's or collaborator's socket, which needs no token, or `wss://host:port`. */
  readonly address: string;
  /** With a `stateDir`: the name of its key, to which `.` and something may be added. @default 'operator-' and ten random characters */
  readonly name?: NodeId | undefined;
  /** @default 'operator' */
  readonly role?: 'operator' | 'observer' | undefined;
  /** @default 'json' */
  readonly codec?: DialOptions['codec'];
  /** Compresses payloads of 1 KiB and more, if the leader agrees: for slow links. @default false */
  readonly compression?: DialOptions['compression'];
  /** @default false: one try */
  readonly retry?: DialOptions['retry'];
  /** How long one try may take, its greeting included, in milliseconds. @default 2000, over TLS 5000 */
  readonly dialTimeoutMs?: DialOptions['dialTimeoutMs'];
}

/**
 * Connects to a leader, or to a collaborator's own socket; resolves once connected.
 *
 * @throws NetworkError CONNECTION_FAILED, NOT_ALLOWED and others that say why not
 */
export async function connectOperator(options: ConnectOperatorOptions): Promise<Operator> {
  const settings = machineOf(options);
  const { address, role = 'operator' } = options;
  const name = checkName('name', options.name ?? `operator-${letters(settings.random, 10)}`);
  const credentials = await credentialsFor(options, { node: name, role });
  const { retry = false, dialTimeoutMs, codec, compression } = options;
  const dial: DialOptions = { address, credentials, retry, dialTimeoutMs, codec, compression };
  const operator = new Operator({
    ...settings,
    name,
    cluster: options.cluster,
    role,
    network: options.network ?? ((wiring) => new WebSocketNetwork(wiring, { dial, limits: options.limits })),
  });
  await operator.start({ signal: options.signal });
  return operator;
}

/** What keys and tokens are made of is loaded by those who need them. */
async function credentialsFor(
  options: ConnectOperatorOptions,
  who: { readonly node: NodeId; readonly role: Role },
): Promise<Credentials | undefined> {
  if (parseAddress(options.address).kind === 'unix') return undefined;
  const { credentialsOf } = await import('./join.js');
  return credentialsOf(options.address, options, who);
}
