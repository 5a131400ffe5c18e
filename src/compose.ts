import { isIPv6 } from 'node:net';
import { type Clock, SystemClock } from './base/clock.js';
import { NetworkError } from './base/errors.js';
import { type Log, silentLog } from './base/log.js';
import { NODE_NAME, type NodeId, type Role } from './base/names.js';
import { letters, type Random, systemRandom } from './base/random.js';
import { VERSION } from './base/version.js';
import type { Handler } from './manager/handler.js';
import { formatAddress, formatHostPort, isLoopback, parseAddress } from './network/address.js';
import type { Authenticator } from './network/authenticator.js';
import type { Credentials } from './network/credentials.js';
import { LoopbackAuthenticator } from './network/loopback-authenticator.js';
import { SocketAuthenticator } from './network/socket-authenticator.js';
import { WebSocketNetwork } from './network/websocket/network.js';
import type { DialOptions, ListenOptions, WebSocketLimits } from './network/websocket/options.js';
import type { NetworkFactory, NetworkWiring } from './network/wiring.js';
import { Collaborator, type CollaboratorOptions } from './role/collaborator.js';
import { Leader } from './role/leader.js';
import { Operator } from './role/operator.js';
import { LeaderSecurity } from './security/leader-security.js';
import { NodeCredentials } from './security/node-credentials.js';

/** What every node may be given; the defaults are the machine's own. */
export interface CommonOptions {
  /** The cluster's name. @default 'default' for a leader, whichever it finds for the others */
  readonly cluster?: string | undefined;
  /** A pino logger fits. @default silent */
  readonly log?: Log | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** @default the machine's */
  readonly random?: Random | undefined;
  /** Another transport, for example a node of an InMemoryNetwork. @default WebSocket */
  readonly network?: NetworkFactory | undefined;
  /** Bounds of the WebSocket transport. */
  readonly limits?: Partial<WebSocketLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
}

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

export interface CreateCollaboratorOptions extends CommonOptions, JoinOptions {
  /** `wss://host:port`, `host:port`, `ws://host:port` without TLS, or `unix:/path`. @default 127.0.0.1:7700 */
  readonly leader?: string | undefined;
  readonly name: NodeId;
  readonly handlers?: readonly Handler[] | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** How much this node likes to do at once. @default 1 */
  readonly slots?: number | undefined;
  /** More counters for `status`. @default none */
  readonly counters?: CollaboratorOptions['counters'];
  /** A UNIX socket for operators who ask for this node's own view. @default none */
  readonly socketPath?: string | undefined;
  readonly codec?: 'json' | 'msgpack' | undefined;
  /** How long a leader that cannot be reached is dialled again. @default 'forever' */
  readonly retry?: DialOptions['retry'];
}

export interface ConnectOperatorOptions extends CommonOptions, JoinOptions {
  /** `unix:/path` of a leader's or collaborator's socket, which needs no token, or `wss://host:port`. */
  readonly address: string;
  /** With a `stateDir`: the name of its key, to which `.` and something may be added. @default 'operator-' and ten random characters */
  readonly name?: NodeId | undefined;
  /** @default 'operator' */
  readonly role?: 'operator' | 'observer' | undefined;
  readonly codec?: 'json' | 'msgpack' | undefined;
  /** @default false: one try */
  readonly retry?: DialOptions['retry'];
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 7700;
/** Names of the listeners, as `Peer.listener` shows them. */
const TCP = 'tcp';
const SOCKET = 'socket';

/**
 * Starts a leader; resolves once it listens.
 *
 * @example
 * await using leader = await createLeader({ listen: { port: 0 } });
 * @throws NetworkError ADDRESS_IN_USE, INVALID_OPTION, or another that says why it cannot listen
 */
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
      ...common(options),
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

/**
 * Starts a collaborator; resolves once a leader has taken it in, and comes back by itself whenever the leader does.
 *
 * @throws NetworkError NAME_IN_USE and others that say why the leader refuses it; CONNECTION_FAILED if `retry` ran out
 */
export async function createCollaborator(options: CreateCollaboratorOptions): Promise<Collaborator> {
  const collaborator = prepareCollaborator(options);
  await started(collaborator, options.signal);
  await untilJoined(collaborator, options.signal);
  return collaborator;
}

/** A collaborator that is not started: for those who want to listen to its events from the first dial on. */
export function prepareCollaborator(options: CreateCollaboratorOptions): Collaborator {
  const address = options.leader ?? `${DEFAULT_HOST}:${DEFAULT_PORT}`;
  const settings = common(options);
  const name = checkName('name', options.name);
  const credentials = credentialsOf(address, options, { node: name, role: 'collaborator' });
  const dial: DialOptions = { address, credentials, retry: options.retry, codec: options.codec };
  const listen = socketListener(options.socketPath);
  return new Collaborator({
    ...settings,
    name,
    cluster: options.cluster,
    network: options.network ?? ((wiring) => new WebSocketNetwork(wiring, { dial, listen, limits: options.limits })),
    handlers: options.handlers,
    tags: options.tags,
    slots: options.slots,
    counters: options.counters,
    address,
  });
}

/**
 * Connects to a leader, or to a collaborator's own socket; resolves once connected.
 *
 * @throws NetworkError CONNECTION_FAILED, NOT_ALLOWED and others that say why not
 */
export async function connectOperator(options: ConnectOperatorOptions): Promise<Operator> {
  const settings = common(options);
  const { address, role = 'operator' } = options;
  const name = checkName('name', options.name ?? `operator-${letters(settings.random, 10)}`);
  const credentials = credentialsOf(address, options, { node: name, role });
  const dial: DialOptions = { address, credentials, retry: options.retry ?? false, codec: options.codec };
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

function common(options: CommonOptions) {
  return {
    clock: options.clock ?? new SystemClock(),
    random: options.random ?? systemRandom,
    log: options.log ?? silentLog,
    version: VERSION,
    pid: process.pid,
  };
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
    const { clock, random, log } = common(options);
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
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, proxyProtocol } = listen;
  const authenticator = listen.authenticator ?? security?.authenticator ?? new LoopbackAuthenticator();
  return { name: TCP, host, port, authenticator, proxyProtocol, tls: security?.tls };
}

function socketListener(path: string | undefined, roles?: readonly Role[]): ListenOptions[] {
  return path === undefined ? [] : [{ name: SOCKET, path, authenticator: new SocketAuthenticator({ roles }) }];
}

/** @returns undefined for a UNIX socket, whose modes are the guard, and for a leader without TLS */
function credentialsOf(
  text: string,
  options: CommonOptions & JoinOptions,
  who: { readonly node: NodeId; readonly role: Role },
): Credentials | undefined {
  const plaintext = options.plaintext ?? /^ws:/i.test(text);
  const address = parseAddress(text);
  if (options.network || address.kind === 'unix') return undefined;
  if (!plaintext) {
    const { clock, log } = common(options);
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

function checkName(field: string, name: string): string {
  if (typeof name === 'string' && NODE_NAME.test(name)) return name;
  throw new NetworkError('INVALID_OPTION', `${field}: ${JSON.stringify(name)?.slice(0, 80)} is not a name`, {
    hint: 'a lower-case letter or a digit, then up to 62 of a-z, 0-9 and . _ -',
  });
}

interface Startable {
  start(options: { signal?: AbortSignal | undefined }): Promise<void>;
  stop(): Promise<void>;
}

async function started(node: Startable, signal: AbortSignal | undefined): Promise<void> {
  try {
    await node.start({ signal });
  } catch (error) {
    await node.stop();
    throw error;
  }
}

async function untilJoined(collaborator: Collaborator, signal: AbortSignal | undefined): Promise<void> {
  const onAbort = () => void collaborator.stop();
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await collaborator.joined();
  } catch (error) {
    await collaborator.stop();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
