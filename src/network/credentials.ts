import type { X509Certificate } from 'node:crypto';
import type { NodeId, Role } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';

/**
 * The dialling side's counterpart of `Authenticator`: whom a node trusts, and how it proves who it is. One per node;
 * its methods are called anew for each dial.
 */
export interface Credentials {
  /**
   * Before each dial over TLS: the PEM roots of which one must have signed the peer's certificate.
   * @throws NetworkError what the dial then fails with: for good, unless it is retryable
   */
  roots(peer: PeerLocation, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * The certificate of the peer that was reached: is it a leader's? Nothing has been written to the peer yet. Also
   * asked about a certificate that is not valid at this time, for an error that names both times.
   * @throws NetworkError what the dial then fails with
   */
  checkPeer(certificate: X509Certificate): void;
  /**
   * The listener asks for a proof before its welcome (control `challenge`). Writes the answer to the channel: control
   * `prove` or `enrol`. @throws NetworkError what the dial then fails with
   */
  answer(challenge: NetworkMessage, channel: CredentialsChannel): void;
  /** The dial succeeded: the extra fields of the welcome. @throws NetworkError what the dial then fails with */
  welcomed(greeting: Readonly<Record<string, unknown>>): void;
}

export interface PeerLocation {
  readonly host: string;
  readonly port: number;
}

export interface CredentialsChannel {
  /** RFC 5929 `tls-server-end-point`: SHA-256 of the DER of the leaf certificate that the peer has shown. */
  readonly binding: Uint8Array | undefined;
  /** As our hello has claimed. */
  readonly node: NodeId;
  readonly role: Role;
  /** Writes a control message. */
  write(verb: string, payload: unknown): void;
}

/** The certificate that a listener shows, which may change while it listens. */
export interface ListenTls {
  /** PEM: the private key, and the leaf with what leads from it to the root. */
  current(): { readonly key: string; readonly chain: string };
  /** Connections made after the call get the new one; those that are open stay. */
  onChange(listener: () => void): Disposable;
}
