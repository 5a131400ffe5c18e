import { messageOf, NetworkError } from '../../base/errors.js';
import { NODE_NAME, type NodeId } from '../../base/names.js';
import { CODECS, codecNamed } from '../../message/codecs.js';
import { isLoopback, parseAddress } from '../address.js';
import type { Authenticator } from '../authenticator.js';
import { check, DEFAULT_FRAMED_LIMITS, type FramedLimits, resolveLimits } from '../framed/limits.js';
import type { TcpListenOptions } from '../framed/listen-options.js';
import { connectionsByOpenFiles } from '../framed/open-files.js';
import { LoopbackAuthenticator } from '../loopback-authenticator.js';
import { MutualTls, type MutualTlsOptions } from '../mutual-tls.js';
import type { NetworkWiring } from '../wiring.js';
import { CertificateAuthenticator } from './certificate-authenticator.js';
import { ClaimAuthenticator } from './claim-authenticator.js';
import type { PendingBounds } from './pending.js';

export interface TcpNetworkOptions {
  /** Where peers may come in; names are unique. @default nowhere */
  readonly listen?: readonly TcpListen[] | undefined;
  /**
   * Where the nodes are that this one may dial: HOST:PORT by name. It may change while the network runs.
   * @default none
   */
  readonly addresses?: ReadonlyMap<NodeId, string> | undefined;
  /**
   * The names of the codecs that this node speaks, the one that it likes best first. Who dials asks for compression by
   * `msgpack+deflate` or `json+deflate`; who is dialled compresses in what it speaks if it is asked to.
   * @default ['msgpack', 'json']
   */
  readonly codecs?: readonly string[] | undefined;
  /** Whether it may listen in plaintext where other hosts can reach it. @default false */
  readonly plaintext?: boolean | undefined;
  /** TLS 1.3 in which both sides show a certificate that is for their name. @default plaintext */
  readonly tls?: MutualTlsOptions | undefined;
  /** Each dial, handshake included, is given up after this long, in milliseconds. @default 2000, with TLS 5000 */
  readonly dialTimeoutMs?: number | undefined;
  /** Connections that nothing has crossed for so long are ended, in milliseconds. @default 60,000 */
  readonly idleMs?: number | undefined;
  /** Whom this node takes for the leader; told to those that `ping`. @default nobody */
  readonly leader?: (() => NodeId | undefined) | undefined;
  readonly limits?: Partial<TcpLimits> | undefined;
}

export interface TcpListen {
  /** @default 'tcp' */
  readonly name?: string | undefined;
  /** An IP address, or a name of this host. */
  readonly host: string;
  /** 0: one that is free; see `boundAddresses`. */
  readonly port: number;
  /** Decides who comes in. @default whoever is on this host; with `plaintext` whoever there is */
  readonly authenticator?: Authenticator | undefined;
}

/** Every bound of this transport; each has a row in docs/limits.md. */
export interface TcpLimits extends FramedLimits, PendingBounds {
  /** Messages that may wait for a node that is being dialled. @default 4,096 */
  readonly maxPendingMessages: number;
  /** Bytes of those. @default 1 MiB */
  readonly maxPendingBytes: number;
  /** Bytes of what waits for all nodes that are being dialled. @default 16 MiB */
  readonly maxAllPendingBytes: number;
  /** Connections that this node has dialled, dials under way included. @default 1,024, or half the open files less 256 */
  readonly maxDialled: number;
}

export interface ResolvedOptions {
  readonly listen: readonly TcpListenOptions[];
  readonly addresses: ReadonlyMap<NodeId, string>;
  readonly codecs: readonly string[];
  readonly dialTimeoutMs: number;
  readonly idleMs: number;
  readonly leader: () => NodeId | undefined;
  readonly tls: MutualTls | undefined;
  readonly limits: TcpLimits;
}

const DEFAULT_CODECS: readonly string[] = ['msgpack', 'json'];
const DEFAULT_LISTENER = 'tcp';
const MAX_DIALLED = 1_024;
const MAX_WAIT_MS = 2 ** 31 - 1;

const defaultLimits = (): Omit<TcpLimits, 'maxConnections'> => ({
  ...DEFAULT_FRAMED_LIMITS,
  maxPendingMessages: 4_096,
  maxPendingBytes: 1024 * 1024,
  maxAllPendingBytes: 16 * 1024 * 1024,
  maxDialled: Math.max(1, Math.min(MAX_DIALLED, Math.floor(connectionsByOpenFiles() / 2))),
});

/** @throws NetworkError INVALID_OPTION naming the field */
export function resolveOptions(
  options: TcpNetworkOptions,
  { self, clock }: Pick<NetworkWiring, 'self' | 'clock'>,
): ResolvedOptions {
  const { addresses = new Map(), codecs = DEFAULT_CODECS, leader = () => undefined } = options;
  const tls = options.tls && new MutualTls(self, options.tls, clock.wallNow());
  const { dialTimeoutMs = tls ? 5_000 : 2_000, idleMs = 60_000 } = options;
  const way = tls ? 'tls' : options.plaintext ? 'plaintext' : 'loopback';
  check(dialTimeoutMs > 0 && dialTimeoutMs <= MAX_WAIT_MS, 'dialTimeoutMs must be more than 0', dialTimeoutMs);
  check(idleMs > 0, 'idleMs must be more than 0', idleMs);
  const listen = (options.listen ?? []).map((item, index) => resolveListen(item, index, way));
  const names = new Set(listen.map(({ name }) => name));
  check(
    names.size === listen.length,
    'listen: each name must be unique',
    listen.map(({ name }) => name),
  );
  for (const [node, address] of addresses) checkAddress(node, address);
  checkCodecs(codecs);
  const limits = resolveLimits<TcpLimits>(defaultLimits(), options.limits ?? {}, listen.length > 0);
  return { listen, addresses, codecs, dialTimeoutMs, idleMs, leader, tls, limits };
}

/** @param way what may be listened with where other hosts can reach it */
function resolveListen(item: TcpListen, index: number, way: 'tls' | 'plaintext' | 'loopback'): TcpListenOptions {
  const path = `listen[${index}]`;
  const { name = DEFAULT_LISTENER, host, port } = item;
  check(name !== '', `${path}.name must not be empty`, name);
  check(host !== '', `${path}.host must not be empty`, host);
  check(Number.isInteger(port) && port >= 0 && port <= 65_535, `${path}.port must be an integer from 0 to 65535`, port);
  const local = host === 'localhost' || isLoopback(host);
  if (!local && way === 'loopback') {
    throw new NetworkError('INVALID_OPTION', `${path}.host ${host} can be reached from other hosts, in plaintext`, {
      hint: 'Use tls, listen on 127.0.0.1, or say plaintext: true in a network that only trusted nodes can reach.',
    });
  }
  return { name, host, port, authenticator: item.authenticator ?? authenticatorFor(way) };
}

function authenticatorFor(way: 'tls' | 'plaintext' | 'loopback'): Authenticator {
  if (way === 'tls') return new CertificateAuthenticator();
  return way === 'plaintext' ? new ClaimAuthenticator() : new LoopbackAuthenticator();
}

function checkAddress(node: NodeId, address: string): void {
  check(NODE_NAME.test(node), 'addresses: each key must be a node name', node);
  try {
    locationOf(address);
  } catch (error) {
    throw new NetworkError('INVALID_OPTION', `addresses: ${node}: ${messageOf(error)}`, { cause: error });
  }
}

export interface Location {
  readonly host: string;
  readonly port: number;
}

/** @throws NetworkError INVALID_OPTION */
export function locationOf(text: string): Location {
  const address = parseAddress(text);
  if (address.kind === 'tcp' && address.tls === undefined) return { host: address.host, port: address.port };
  throw new NetworkError('INVALID_OPTION', `address ${JSON.stringify(text)} is not valid`, {
    hint: 'Write it as HOST:PORT or [IPV6]:PORT.',
  });
}

function checkCodecs(codecs: readonly string[]): void {
  const known = [...CODECS.keys()].join(', ');
  check(codecs.length > 0, `codecs must have one or more of ${known}`, codecs);
  for (const name of codecs) check(codecNamed(name) !== undefined, `codecs must be of ${known}`, name);
}
