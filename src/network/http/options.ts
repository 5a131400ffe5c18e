import type { IncomingHttpHeaders } from 'node:http';
import { NetworkError } from '../../base/errors.js';
import { NODE_NAME, type NodeId } from '../../base/names.js';
import { formatHostPort } from '../address.js';
import { check } from '../framed/limits.js';
import type { MutualTlsOptions } from '../mutual-tls.js';
import { isOwnHost, parseBaseUrl } from './base-url.js';
import { type HttpLimits, resolveLimits } from './limits.js';

export interface HttpNetworkOptions {
  /**
   * Where other nodes are: `http://HOST:PORT`, with `tls` `https://HOST:PORT`, and after it a path if a proxy wants one.
   * Asked at each send: entries may come, change and go. @default none
   */
  readonly addresses?: ReadonlyMap<NodeId, string> | undefined;
  /** Where others reach this node. @default it only asks */
  readonly listen?: HttpListenOptions | undefined;
  /** TLS 1.3, with certificates at both ends. @default plaintext */
  readonly tls?: MutualTlsOptions | undefined;
  /**
   * Without `tls`, whether to listen beyond this host and to ask nodes beyond it: everybody on the way can then read and
   * change everything, and be any node. @default false
   */
  readonly plaintext?: boolean | undefined;
  /** The header `authorization` for what is sent to a node, for its `authenticate`. @default none */
  readonly authorization?: ((node: NodeId) => string | undefined) | undefined;
  /** In which form messages travel: `binary` is MessagePack, to nodes that have said that they read it. @default 'binary' */
  readonly codec?: 'binary' | 'json' | undefined;
  /** Bodies of 1 KiB and more are compressed for peers that take it, and those of others are asked for. @default false */
  readonly compression?: boolean | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
}

export interface HttpListenOptions {
  /** @default 127.0.0.1 */
  readonly host?: string | undefined;
  /** 0: one that is free; see `baseUrl`. */
  readonly port: number;
  /** The path before `/v1/`, for a proxy that does not take it off: `/node1`. @default none */
  readonly prefix?: string | undefined;
  /**
   * Who has made a request that comes without a client certificate: a node's name, or undefined for nobody. With it a
   * certificate is no longer asked for; whoever shows one is whom it names. @default with `tls` a certificate is
   * required; in plaintext everybody is believed
   */
  readonly authenticate?: Authenticate | undefined;
}

/** What a request says of itself before its body is read. */
export interface RequestHead {
  readonly headers: IncomingHttpHeaders;
  /** The other end of the socket: `host:port`. */
  readonly address: string;
}

/** May throw, or take its time; the caller is then refused, or waits. */
export type Authenticate = (request: RequestHead) => NodeId | undefined | Promise<NodeId | undefined>;

export interface ResolvedListen {
  readonly host: string;
  readonly port: number;
  readonly prefix: string;
  readonly authenticate: Authenticate | undefined;
}

export interface ResolvedOptions {
  readonly addresses: ReadonlyMap<NodeId, string>;
  readonly listen: ResolvedListen | undefined;
  readonly tls: MutualTlsOptions | undefined;
  readonly plaintext: boolean;
  readonly authorization: ((node: NodeId) => string | undefined) | undefined;
  readonly binary: boolean;
  readonly compression: boolean;
  readonly limits: HttpLimits;
}

const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)*$/;

/** @throws NetworkError INVALID_OPTION naming the field */
export function resolveOptions(options: HttpNetworkOptions): ResolvedOptions {
  const { addresses = new Map(), listen, tls, plaintext = false, codec = 'binary' } = options;
  const secure = tls !== undefined;
  check(!(secure && plaintext), 'plaintext: with tls it must be left out', plaintext);
  check(codec === 'binary' || codec === 'json', 'codec must be binary or json', codec);
  check(addresses instanceof Map, 'addresses must be a Map', addresses);
  for (const [node, address] of addresses) {
    check(NODE_NAME.test(node), 'addresses: a key must be a node name', node);
    parseBaseUrl(address, { node, secure, plaintext });
  }
  return {
    addresses,
    listen: listen && resolveListen(listen, secure || plaintext),
    tls,
    plaintext,
    authorization: options.authorization,
    binary: codec === 'binary',
    compression: options.compression ?? false,
    limits: resolveLimits(options.limits ?? {}, secure),
  };
}

function resolveListen(listen: HttpListenOptions, anywhere: boolean): ResolvedListen {
  const { host = '127.0.0.1', port, prefix = '', authenticate } = listen;
  check(isPort(port), 'listen.port must be an integer from 0 to 65535', port);
  check(PREFIX.test(prefix), 'listen.prefix must be a path like /node1', prefix);
  check(host !== '', 'listen.host must not be empty', host);
  if (!anywhere && !isOwnHost(host)) {
    throw new NetworkError('INVALID_OPTION', `listen.host: ${formatHostPort(host, port)} is reached by others`, {
      hint: 'Give tls, or plaintext: true if everybody who can reach it may be believed.',
    });
  }
  return { host, port, prefix, authenticate };
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;
