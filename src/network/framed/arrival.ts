import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { NodeId } from '../../base/names.js';
import { formatHostPort, plainHost } from '../address.js';
import type { AuthenticationChannel } from '../authenticator.js';

/** An accepted socket, from its first moment on: whose it is, and what it is read and written through. */
export class Arrival {
  /** What the operating system gave. */
  readonly tcp: Socket;
  readonly transport: AuthenticationChannel['transport'];
  /** What everything else runs on: the socket itself, or TLS over it. */
  stream: Socket;
  /** The IP address that its bounds count for; undefined for a UNIX socket, or as long as a proxy has not told it. */
  ip: string | undefined;
  /** For people: `host:port`, or `unix`. */
  address: string;
  /** The nodes that the peer has shown a certificate for, where it has to show one. */
  certified: ReadonlySet<NodeId> | undefined;
  /** It was ended by this side. */
  dropped = false;

  constructor(tcp: Socket, transport: AuthenticationChannel['transport']) {
    this.tcp = tcp;
    this.transport = transport;
    this.stream = tcp;
    this.ip = undefined;
    this.address = 'unix';
  }

  /** Says where the peer is; it may be elsewhere than the other end of the socket. */
  locate(host: string, port: number): void {
    this.ip = plainHost(host);
    this.address = formatHostPort(host, port);
  }

  /** RFC 5929 `tls-server-end-point` of the certificate that this very connection was served. */
  get binding(): Uint8Array | undefined {
    const certificate = this.stream instanceof TLSSocket ? this.stream.getX509Certificate() : undefined;
    return certificate && createHash('sha256').update(certificate.raw).digest();
  }

  /** Ends it without a word. */
  drop(): void {
    this.dropped = true;
    this.stream.destroy();
    this.tcp.destroy();
  }
}
