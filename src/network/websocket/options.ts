import { NetworkError } from '../../base/errors.js';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from '../../message/codec.js';
import { type Address, isSocketPath, parseAddress } from '../address.js';
import type { Authenticator } from '../authenticator.js';
import type { Credentials, ListenTls } from '../credentials.js';
import { DEFAULT_OUTBOUND_LIMITS, type OutboundLimits } from '../outbound.js';
import { connectionsByOpenFiles } from './open-files.js';

export interface WebSocketNetworkOptions {
  /** Where peers may come in; names are unique. @default none */
  readonly listen?: readonly ListenOptions[] | undefined;
  /** The node to dial. @default none */
  readonly dial?: DialOptions | undefined;
  /** What comes in through listeners keeps its payload encoded, to be handed on: for a leader. @default false */
  readonly relay?: boolean | undefined;
  readonly limits?: Partial<WebSocketLimits> | undefined;
}

export type ListenOptions = TcpListenOptions | UnixListenOptions;

export interface TcpListenOptions {
  readonly name: string;
  readonly host: string;
  /** 0: one that is free; see `boundAddresses`. */
  readonly port: number;
  readonly authenticator: Authenticator;
  /** TLS 1.3 with this certificate. @default plaintext */
  readonly tls?: ListenTls | undefined;
  /**
   * Every connection begins with a PROXY protocol v2 header, of which the client's address is used and nothing else;
   * TLS follows, which it needs. Only the proxy may be able to reach the port. @default false
   */
  readonly proxyProtocol?: boolean | undefined;
}

export interface UnixListenOptions {
  readonly name: string;
  /** Absolute, at most 107 bytes. */
  readonly path: string;
  readonly authenticator: Authenticator;
}

/** Where a listener really listens. */
export type BoundAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface DialOptions {
  /** `HOST:PORT`, `wss://HOST:PORT`, `ws://HOST:PORT` or `unix:/PATH`. */
  readonly address: string;
  /** Each dial, handshake included, is given up after this long. @default 2000, with TLS 5000 */
  readonly dialTimeoutMs?: number | undefined;
  /**
   * For how long a node that cannot be reached is dialled again; counted from the loss, or from the start.
   * `false`: only once. @default 'forever'
   */
  readonly retry?: 'forever' | { readonly forMs: number } | false | undefined;
  /** @default 'json' */
  readonly codec?: 'json' | 'msgpack' | undefined;
  /**
   * With them the dial is TLS 1.3: the address is `wss://HOST:PORT` or `HOST:PORT`. Without them it is plaintext.
   * @default none
   */
  readonly credentials?: Credentials | undefined;
}

/** Every bound of this transport; each has a row in docs/limits.md. */
export interface WebSocketLimits extends DecodeLimits, OutboundLimits {
  /** Fragments of one frame. @default 64 */
  readonly maxFragments: number;
  /** From accept to authenticated, everything included. @default 5000 */
  readonly handshakeTimeoutMs: number;
  /** Sockets that have not authenticated. @default 512 */
  readonly maxUnauthenticated: number;
  /** The same, of one IP address. @default 16 */
  readonly maxUnauthenticatedPerAddress: number;
  /** Bytes of a socket before it has authenticated, the HTTP upgrade included; TLS may take 4,096 more. @default 4096 */
  readonly maxUnauthenticatedBytes: number;
  /** Connections that have authenticated, of one IP address. @default 256 */
  readonly maxConnectionsPerAddress: number;
  /** The same, of all addresses. @default the limit of open files less 256; less a quarter if that is fewer */
  readonly maxConnections: number;
  /** What has arrived is acknowledged after this long at the latest; must be well below the peer's `stallMs`. @default 3000 */
  readonly ackDelayMs: number;
  /** A peer that acknowledges nothing of what it owes for this long is dropped. @default 10,000 */
  readonly stallMs: number;
  /** Queued bytes of all connections together, beyond which `pressedStallMs` holds. @default 8 MiB */
  readonly maxAllQueuedBytes: number;
  /** In the place of `stallMs`, for a peer for which something is queued, as long as too much is queued in all. @default 2000 */
  readonly pressedStallMs: number;
  /** Invalid messages within `faultWindowMs` that end a connection. @default 16 */
  readonly maxFaults: number;
  /** @default 10,000 */
  readonly faultWindowMs: number;
  /** Answers to pings that the peer has not read. @default 8 */
  readonly maxPongs: number;
  /** Bytes in the socket's own buffer beyond which nothing more is given to it. @default 256 KiB */
  readonly maxSocketBytes: number;
  /** How long a peer has to answer a close. @default 500 */
  readonly closeTimeoutMs: number;
  /** How often deadlines are looked at. @default 500 */
  readonly sweepMs: number;
}

const DEFAULT_LIMITS: Omit<WebSocketLimits, 'maxConnections'> = {
  ...DEFAULT_DECODE_LIMITS,
  ...DEFAULT_OUTBOUND_LIMITS,
  maxFragments: 64,
  handshakeTimeoutMs: 5_000,
  maxUnauthenticated: 512,
  maxUnauthenticatedPerAddress: 16,
  maxUnauthenticatedBytes: 4_096,
  maxConnectionsPerAddress: 256,
  ackDelayMs: 3_000,
  stallMs: 10_000,
  maxAllQueuedBytes: 8 * 1024 * 1024,
  pressedStallMs: 2_000,
  maxFaults: 16,
  faultWindowMs: 10_000,
  maxPongs: 8,
  maxSocketBytes: 256 * 1024,
  closeTimeoutMs: 500,
  sweepMs: 500,
};

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

export interface ResolvedOptions {
  readonly listen: readonly ListenOptions[];
  readonly dial: ResolvedDial | undefined;
  readonly relay: boolean;
  readonly limits: WebSocketLimits;
}

export interface ResolvedDial {
  readonly address: Address;
  readonly dialTimeoutMs: number;
  /** Infinity: forever; 0: only once. */
  readonly retryForMs: number;
  readonly codec: 'json' | 'msgpack';
  /** With them the dial is TLS. */
  readonly credentials: Credentials | undefined;
}

/** @throws NetworkError INVALID_OPTION naming the field */
export function resolveOptions(options: WebSocketNetworkOptions): ResolvedOptions {
  const listen = options.listen ?? [];
  const names = new Set<string>();
  for (const [index, item] of listen.entries()) {
    check(item.name !== '' && !names.has(item.name), `listen[${index}].name must be unique and not empty`, item.name);
    names.add(item.name);
    if ('path' in item) check(isSocketPath(item.path), `listen[${index}].path must be absolute`, item.path);
    else checkTcp(item, `listen[${index}]`);
  }
  return {
    listen,
    dial: options.dial && resolveDial(options.dial),
    relay: options.relay ?? false,
    limits: resolveLimits(options.limits ?? {}, listen.length > 0),
  };
}

function checkTcp({ port, tls, proxyProtocol }: TcpListenOptions, path: string): void {
  check(isPort(port), `${path}.port must be an integer from 0 to 65535`, port);
  // In plaintext it would be whoever reaches the port who says from where.
  check(!proxyProtocol || tls !== undefined, `${path}.proxyProtocol needs ${path}.tls; it may`, proxyProtocol);
}

function resolveDial(dial: DialOptions): ResolvedDial {
  const retry = dial.retry ?? 'forever';
  const retryForMs = retry === 'forever' ? Number.POSITIVE_INFINITY : retry === false ? 0 : retry.forMs;
  const { credentials } = dial;
  const dialTimeoutMs = dial.dialTimeoutMs ?? (credentials ? 5_000 : 2_000);
  const codec = dial.codec ?? 'json';
  check(dialTimeoutMs > 0, 'dial.dialTimeoutMs must be more than 0', dialTimeoutMs);
  check(retryForMs >= 0, 'dial.retry.forMs must be 0 or more', retryForMs);
  check(codec === 'json' || codec === 'msgpack', 'dial.codec must be json or msgpack', codec);
  return { address: dialledAddress(dial), dialTimeoutMs, retryForMs, codec, credentials };
}

/** Whether it is TLS is told by the credentials; a scheme must not say otherwise. */
function dialledAddress({ address: text, credentials }: DialOptions): Address {
  const address = parseAddress(text);
  const tls = address.kind === 'tcp' ? address.tls : false;
  if (credentials !== undefined && tls === false) {
    throw new NetworkError('INVALID_OPTION', `dial.address ${text} is not for TLS, but there are credentials`, {
      hint: 'Write it as wss://HOST:PORT or HOST:PORT, or leave the credentials out.',
    });
  }
  if (credentials === undefined && tls === true) {
    throw new NetworkError('INVALID_OPTION', `dial.address ${text} is for TLS, but there are no credentials`, {
      hint: 'Give a join token, or the directory of a node that has joined before.',
    });
  }
  return credentials !== undefined && address.kind === 'tcp' ? { ...address, tls: true } : address;
}

function resolveLimits(given: Partial<WebSocketLimits>, listens: boolean): WebSocketLimits {
  const maxConnections = given.maxConnections ?? (listens ? connectionsByOpenFiles() : 1);
  const limits: WebSocketLimits = { ...DEFAULT_LIMITS, ...given, maxConnections };
  for (const [field, value] of Object.entries(limits)) {
    check(Number.isInteger(value) && value > 0, `limits.${field} must be a positive integer`, value);
  }
  check(limits.maxFrameBytes <= MAX_FRAME_BYTES, 'limits.maxFrameBytes must be at most 16 MiB', limits.maxFrameBytes);
  check(limits.maxBatch <= 4096, 'limits.maxBatch must be at most 4096', limits.maxBatch);
  return limits;
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

/** @param rule which field must be what, and `value` is not */
function check(valid: boolean, rule: string, value: unknown): void {
  if (!valid) throw new NetworkError('INVALID_OPTION', `${rule}, not ${JSON.stringify(value) ?? String(value)}`);
}
