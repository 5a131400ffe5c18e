import { isIPv6 } from 'node:net';
import { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { Handler } from '../manager/handler.js';
import { DEFAULT_PORT, formatHostPort, isLoopback, parseAddress } from '../network/address.js';
import type { Authenticator } from '../network/authenticator.js';
import type { ListenOptions } from '../network/framed/listen-options.js';
import { LoopbackAuthenticator } from '../network/loopback-authenticator.js';
import { WebSocketNetwork } from '../network/websocket/network.js';
import type { NetworkWiring } from '../network/wiring.js';
import { Leader } from '../role/leader.js';
import type { SecurityOperations } from '../role/security-operations.js';
import { LeaderSecurity } from '../security/leader-security.js';
import { type CommonOptions, checkName, DEFAULT_HOST, machineOf, socketListener, started } from './common.js';

export interface CreateLeaderOptions extends CommonOptions {
  /** @default 'leader' */
  readonly name?: NodeId | undefined;
  /** @default 127.0.0.1:7700; port 0: one that is free, see `leader.address` */
  readonly listen?: ListenAt | undefined;
  /**
   * Where the certificates, tokens and device keys of the cluster are kept: a directory for this leader alone, made
   * if it is missing. @default in memory: whoever has joined needs a new token after a restart
   */
  readonly stateDir?: string | undefined;
  /** No TLS and no keys: everybody on this host may join. Loopback addresses only. @default false */
  readonly plaintext?: boolean | undefined;
  /** A UNIX socket for operators on this host; its directory's modes are the guard. @default none */
  readonly socketPath?: string | undefined;
  /** The address that other hosts reach, if it is another than the one listened on; may be made of the port. */
  readonly advertise?: string | ((port: number) => string) | undefined;
  readonly handlers?: readonly Handler[] | undefined;
}

export interface ListenAt {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Decides who may join. @default by join tokens and device keys; with `plaintext` whoever is on this host */
  readonly authenticator?: Authenticator | undefined;
  /** Behind a TCP proxy that sends a PROXY protocol v2 header with the client's address. @default false */
  readonly proxyProtocol?: boolean | undefined;
  /** Compresses with those who ask for it. @default true */
  readonly compression?: boolean | undefined;
}

/** The name of the TCP port's listener, as `Peer.listener` shows it. */
const TCP = 'tcp';

/** A leader that lets in by join tokens and device keys. */
export type SecureLeader = Leader & { readonly security: SecurityOperations };

/**
 * Starts a leader; resolves once it listens.
 *
 * @example
 * await using leader = await createLeader({ listen: { port: 0 } });
 * const { token } = await leader.security.invites.create({ role: 'collaborator' });
 * @throws NetworkError ADDRESS_IN_USE, INVALID_OPTION, or another that says why it cannot listen
 */
export async function createLeader(
  options?: CreateLeaderOptions & { readonly plaintext?: false | undefined; readonly network?: undefined },
): Promise<SecureLeader>;
export async function createLeader(options: CreateLeaderOptions): Promise<Leader>;
export async function createLeader(options: CreateLeaderOptions = {}): Promise<Leader> {
  const name = checkName('name', options.name ?? 'leader');
  const cluster = checkName('cluster', options.cluster ?? 'default');
  const security = await securityOf(options, name, cluster);
  let bound: WebSocketNetwork | undefined;
  const overWebSocket = (wiring: NetworkWiring) => {
    const listen = [tcpListener(options, security), ...socketListener(options.socketPath, ['operator', 'observer'])];
    bound = new WebSocketNetwork(wiring, { listen, relay: true, limits: options.limits });
    return bound;
  };
  try {
    const leader = new Leader({
      ...machineOf(options),
      name,
      cluster,
      network: options.network ?? overWebSocket,
      handlers: options.handlers,
      address: () => advertised(options, portOf(bound)) ?? addressOf(bound, security),
      localAddress: () => localAddressOf(options, bound, security),
      security,
    });
    await started(leader, options.signal);
    return leader;
  } catch (error) {
    await security?.stop();
    throw error;
  }
}

/** A leader whose network is another than WebSockets lets in whom that network lets in. */
async function securityOf(
  options: CreateLeaderOptions,
  leader: NodeId,
  cluster: string,
): Promise<LeaderSecurity | undefined> {
  if (options.network) return undefined;
  const host = options.listen?.host ?? DEFAULT_HOST;
  if (!options.plaintext) {
    const { clock, random, log } = machineOf(options);
    const names = certificateNames([host, advertised(options, options.listen?.port || DEFAULT_PORT)]);
    return await LeaderSecurity.open({ directory: options.stateDir, cluster, leader, names, clock, random, log });
  }
  if (host === 'localhost' || isLoopback(host)) return undefined;
  throw new NetworkError('INVALID_OPTION', `plaintext: ${host} is not a loopback address, and others could listen in`, {
    hint: 'Leave plaintext out, or listen on 127.0.0.1.',
  });
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** By which a leader is dialled, as far as it knows. */
function certificateNames(addresses: readonly (string | undefined)[]): readonly string[] {
  const names = new Set<string>();
  for (const text of addresses) {
    if (text === undefined || WILDCARDS.has(text)) continue;
    const address = parseAddress(text.includes(':') && !text.startsWith('[') && isIPv6(text) ? `[${text}]` : text);
    if (address.kind === 'tcp') names.add(address.host);
  }
  return [...names];
}

function tcpListener({ listen = {} }: CreateLeaderOptions, security: LeaderSecurity | undefined): ListenOptions {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, proxyProtocol, compression } = listen;
  const authenticator = listen.authenticator ?? security?.authenticator ?? new LoopbackAuthenticator();
  return { name: TCP, host, port, authenticator, proxyProtocol, compression, tls: security?.tls };
}

const advertised = ({ advertise }: CreateLeaderOptions, port: number): string | undefined =>
  typeof advertise === 'function' ? advertise(port) : advertise;

function portOf(network: WebSocketNetwork | undefined): number {
  const bound = network?.boundAddresses.get(TCP);
  return bound && 'port' in bound ? bound.port : 0;
}

function addressOf(network: WebSocketNetwork | undefined, security: LeaderSecurity | undefined): string {
  const bound = network?.boundAddresses.get(TCP);
  if (!bound || !('port' in bound)) return '';
  return `${security ? 'wss' : 'ws'}://${formatHostPort(bound.host, bound.port)}`;
}

/** Where nodes on the leader's own host dial, whatever the others are told: behind a proxy, as they do. */
function localAddressOf(
  options: CreateLeaderOptions,
  network: WebSocketNetwork | undefined,
  security: LeaderSecurity | undefined,
): string {
  const port = portOf(network);
  if (options.listen?.proxyProtocol) return advertised(options, port) ?? addressOf(network, security);
  if (!WILDCARDS.has(options.listen?.host ?? DEFAULT_HOST)) return addressOf(network, security);
  return `${security ? 'wss' : 'ws'}://${formatHostPort(DEFAULT_HOST, port)}`;
}
