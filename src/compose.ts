import { type Clock, SystemClock } from './base/clock.js';
import { NetworkError } from './base/errors.js';
import { type Log, silentLog } from './base/log.js';
import { NODE_NAME, type NodeId } from './base/names.js';
import { letters, type Random, systemRandom } from './base/random.js';
import { VERSION } from './base/version.js';
import type { Handler } from './manager/handler.js';
import type { Authenticator } from './network/authenticator.js';
import { LoopbackAuthenticator } from './network/loopback-authenticator.js';
import { SocketAuthenticator } from './network/socket-authenticator.js';
import { WebSocketNetwork } from './network/websocket/network.js';
import type { DialOptions, ListenOptions, WebSocketLimits } from './network/websocket/options.js';
import type { NetworkFactory, NetworkWiring } from './network/wiring.js';
import { Collaborator, type CollaboratorOptions } from './role/collaborator.js';
import { Leader } from './role/leader.js';
import { Operator } from './role/operator.js';

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
  readonly listen?:
    | { readonly host?: string; readonly port?: number; readonly authenticator?: Authenticator }
    | undefined;
  /** A UNIX socket for operators on this host; its directory's modes are the guard. @default none */
  readonly socketPath?: string | undefined;
  /** The address that other hosts reach, if it is another than the one listened on. */
  readonly advertise?: string | undefined;
  readonly handlers?: readonly Handler[] | undefined;
}

export interface CreateCollaboratorOptions extends CommonOptions {
  /** `ws://host:port`, `host:port` or `unix:/path`. @default ws://127.0.0.1:7700 */
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

export interface ConnectOperatorOptions extends CommonOptions {
  /** `unix:/path` of a leader's or collaborator's socket, or `ws://host:port` where operators are let in. */
  readonly address: string;
  /** @default 'operator-' and ten random characters */
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
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, authenticator } = options.listen ?? {};
  const listen: ListenOptions[] = [
    { name: TCP, host, port, authenticator: authenticator ?? new LoopbackAuthenticator({}) },
    ...socketListener(options.socketPath),
  ];
  let bound: WebSocketNetwork | undefined;
  const overWebSocket = (wiring: NetworkWiring) => {
    bound = new WebSocketNetwork(wiring, { listen, relay: true, limits: options.limits });
    return bound;
  };
  const leader = new Leader({
    ...common(options),
    name: checkName('name', options.name ?? 'leader'),
    cluster: checkName('cluster', options.cluster ?? 'default'),
    network: options.network ?? overWebSocket,
    handlers: options.handlers,
    address: () => options.advertise ?? addressOf(bound),
  });
  await started(leader, options.signal);
  return leader;
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
  const address = options.leader ?? `ws://${DEFAULT_HOST}:${DEFAULT_PORT}`;
  const dial: DialOptions = { address, retry: options.retry, codec: options.codec };
  const listen = socketListener(options.socketPath);
  return new Collaborator({
    ...common(options),
    name: checkName('name', options.name),
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
  const dial: DialOptions = { address: options.address, retry: options.retry ?? false, codec: options.codec };
  const operator = new Operator({
    ...settings,
    name: checkName('name', options.name ?? `operator-${letters(settings.random, 10)}`),
    cluster: options.cluster,
    role: options.role,
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

function socketListener(path: string | undefined): ListenOptions[] {
  return path === undefined ? [] : [{ name: SOCKET, path, authenticator: new SocketAuthenticator() }];
}

function addressOf(network: WebSocketNetwork | undefined): string {
  const bound = network?.boundAddresses.get(TCP);
  if (!bound || !('port' in bound)) return '';
  return `ws://${bound.host.includes(':') ? `[${bound.host}]` : bound.host}:${bound.port}`;
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
