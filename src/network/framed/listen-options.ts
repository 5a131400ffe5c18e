import type { Authenticator } from '../authenticator.js';
import type { ListenTls } from '../credentials.js';

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
  /** Compresses with those who ask for it: docs/decisions/compression.md. @default true */
  readonly compression?: boolean | undefined;
}

export interface UnixListenOptions {
  readonly name: string;
  /** Absolute, at most 107 bytes. */
  readonly path: string;
  readonly authenticator: Authenticator;
  /** Compresses with those who ask for it. @default true */
  readonly compression?: boolean | undefined;
}

/** Where a listener really listens. */
export type BoundAddress = { readonly host: string; readonly port: number } | { readonly path: string };
