import { NetworkError } from '../../base/errors.js';
import type { CodecName, Encoding } from '../../message/codec-name.js';
import { type Address, isSocketPath, parseAddress } from '../address.js';
import type { Credentials } from '../credentials.js';
import { check, DEFAULT_FRAMED_LIMITS, type FramedLimits, resolveLimits } from '../framed/limits.js';
import type { ListenOptions, TcpListenOptions } from '../framed/listen-options.js';

export interface WebSocketNetworkOptions {
  /** Where peers may come in; names are unique. @default none */
  readonly listen?: readonly ListenOptions[] | undefined;
  /** The node to dial. @default none */
  readonly dial?: DialOptions | undefined;
  /** What comes in through listeners keeps its payload encoded, to be handed on: for a leader. @default false */
  readonly relay?: boolean | undefined;
  readonly limits?: Partial<WebSocketLimits> | undefined;
}

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
  readonly codec?: Encoding | undefined;
  /**
   * Payloads of 1 KiB and more are compressed, both ways, if the listener agrees: for slow links. It costs more time
   * than a fast one saves, and secrets should not share a payload with what others may choose:
   * docs/decisions/compression.md. @default false
   */
  readonly compression?: boolean | undefined;
  /**
   * With them the dial is TLS 1.3: the address is `wss://HOST:PORT` or `HOST:PORT`. Without them it is plaintext.
   * @default none
   */
  readonly credentials?: Credentials | undefined;
}

/** Every bound of this transport; each has a row in docs/limits.md. */
export interface WebSocketLimits extends FramedLimits {
  /** Fragments of one frame. @default 64 */
  readonly maxFragments: number;
  /** Answers to pings that the peer has not read. @default 8 */
  readonly maxPongs: number;
}

const DEFAULT_LIMITS: Omit<WebSocketLimits, 'maxConnections'> = {
  ...DEFAULT_FRAMED_LIMITS,
  maxFragments: 64,
  maxPongs: 8,
};

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
  /** Those that the dialler would speak, the best first. */
  readonly codecs: readonly CodecName[];
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
    checkCompression(`listen[${index}]`, item.compression);
    if ('path' in item) check(isSocketPath(item.path), `listen[${index}].path must be absolute`, item.path);
    else checkTcp(item, `listen[${index}]`);
  }
  return {
    listen,
    dial: options.dial && resolveDial(options.dial),
    relay: options.relay ?? false,
    limits: resolveLimits<WebSocketLimits>(DEFAULT_LIMITS, options.limits ?? {}, listen.length > 0),
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
  check(dialTimeoutMs > 0, 'dial.dialTimeoutMs must be more than 0', dialTimeoutMs);
  check(retryForMs >= 0, 'dial.retry.forMs must be 0 or more', retryForMs);
  return { address: dialledAddress(dial), dialTimeoutMs, retryForMs, codecs: codecsOf(dial), credentials };
}

/** Who asks for compression can do without it. */
function codecsOf({ codec = 'json', compression = false }: DialOptions): readonly CodecName[] {
  check(codec === 'json' || codec === 'msgpack', 'dial.codec must be json or msgpack', codec);
  checkCompression('dial', compression);
  return compression ? [`${codec}+deflate`, codec] : [codec];
}

function checkCompression(path: string, compression: boolean | undefined): void {
  const valid = compression === undefined || typeof compression === 'boolean';
  check(valid, `${path}.compression must be true or false`, compression);
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

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;
