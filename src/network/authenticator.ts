import type { NodeId, Role } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';

/**
 * Decides who a raw connection is, before `connected`. One per listener: the TLS port, the UNIX socket and the
 * plaintext loopback port feed one network with different authenticators.
 */
export interface Authenticator {
  /** For logs and `doctor`. */
  readonly name: string;
  /**
   * Runs after the peer's `hello` was read; may exchange more control messages over the channel. Whatever it
   * throws refuses the peer; the whole of it stands under the handshake deadline.
   * @throws NetworkError NOT_ALLOWED naming what was wrong, never a secret
   */
  authenticate(hello: Hello, channel: AuthenticationChannel): Promise<Identity>;
}

/** What a peer claims before anything is proved. */
export interface Hello {
  readonly node: NodeId;
  readonly role: Role;
  readonly cluster: string | undefined;
  readonly instance: string;
  readonly version: string;
  readonly greeting: Readonly<Record<string, unknown>>;
}

export interface AuthenticationChannel {
  readonly transport: 'tcp' | 'tls' | 'unix';
  /** `host:port` of the peer, or `unix`. */
  readonly address: string;
  /** RFC 5929 `tls-server-end-point`; undefined without TLS. */
  readonly binding: Uint8Array | undefined;
  /** With mutual TLS: the nodes that the peer's certificate is for, which an authority of this node's has signed. */
  readonly certified?: ReadonlySet<NodeId> | undefined;
  /** The next control message of the peer; rejects when the connection ends or the deadline passes. */
  read(): Promise<NetworkMessage>;
  write(verb: string, payload: unknown): void;
}

export interface Identity {
  readonly node: NodeId;
  readonly role: Role;
  /** Whether it may ask for work of others: call, emit and submit. The roles act on it. */
  readonly maySubmit: boolean;
  /** Extra fields of the welcome's greeting, for the peer's `Credentials`; they stand over those of the admission. */
  readonly welcome?: Readonly<Record<string, unknown>> | undefined;
}
