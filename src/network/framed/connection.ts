import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { Codec, EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer, SendOutcome, Traffic } from '../network.js';
import type { FrameLink, LinkOwner } from './frame-link.js';
import type { Greeter, Greeting } from './greeter.js';
import { Receiver, type ReceiverHost } from './receiver.js';
import { Sender, type SenderHost } from './sender.js';
import type { TlsOverhead } from './tls-overhead.js';
import { unshared } from './unshared.js';

/** What connections share: one per network. */
export interface ConnectionHost extends SenderHost, ReceiverHost {
  ended(connection: Connection, peer: Peer, error: NetworkError): void;
  /** The peer is cut off, and may not come back at once. */
  banish(peer: Peer): void;
}

export interface ConnectionOptions {
  readonly host: ConnectionHost;
  readonly link: FrameLink;
  /** Of what follows the greeting, unless that says otherwise; in the greeting nothing is compressed. */
  readonly codec: Codec;
  /** For people: `host:port`, or `unix`. */
  readonly address: string;
  /** The peer's IP address, by which connections that came in are counted. @default it is not counted */
  readonly ip?: string | undefined;
  /** @default it has no TLS, or has been dialled */
  readonly tls?: TlsOverhead | undefined;
  /** Payloads of what arrives stay encoded. */
  readonly lazy: boolean;
  readonly listener: string;
}

/** One link: greeting, then open, then ended. No timer and no closure of its own while it idles. */
export class Connection implements LinkOwner {
  readonly address: string;
  readonly ip: string | undefined;
  readonly listener: string;
  #traffic: Traffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
  readonly #host: ConnectionHost;
  readonly #link: FrameLink;
  readonly #agreed: Codec;
  readonly #tls: TlsOverhead | undefined;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  #greeter: Greeter | undefined;
  #peer: Peer | undefined;
  #ended = false;

  constructor(options: ConnectionOptions) {
    const { host, link, codec, lazy } = options;
    this.address = options.address;
    this.ip = options.ip;
    this.listener = options.listener;
    this.#host = host;
    this.#link = link;
    this.#agreed = codec;
    this.#tls = options.tls;
    // Whoever has not authenticated could have us inflate a thousand times the bytes that we let him send.
    const { plain } = codec;
    this.#sender = new Sender({ host, link, codec: plain, traffic: this.#traffic });
    this.#receiver = new Receiver(this, {
      host,
      link,
      sender: this.#sender,
      codec: plain,
      lazy,
      traffic: this.#traffic,
    });
    link.link(this);
  }

  /** What both sides write. */
  get codec(): Codec {
    return this.#receiver.codec;
  }

  /** Set once it is open. */
  get peer(): Peer | undefined {
    return this.#peer;
  }

  /** Who has it until it is open. */
  get greeter(): Greeter | undefined {
    return this.#greeter;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The peer said goodbye. */
  get left(): boolean {
    return this.#receiver.left;
  }

  /** Why the peer ended the connection, if it said so. */
  get farewell(): NetworkError | undefined {
    return this.#receiver.farewell;
  }

  /** Everything is handed to the link. */
  get drained(): boolean {
    return this.#sender.drained;
  }

  /** Hands the greeting's messages to `greeter` until `open`. */
  greet(greeter: Greeter): void {
    this.#greeter = greeter;
  }

  /**
   * The greeting is over: from now on messages flow.
   * @param known the peer, if it is connected already; what crosses this connection counts as its own
   */
  open(greeting: Greeting, known?: Peer): Peer {
    const { reading, codec = this.#agreed } = greeting;
    const peer = known ?? this.#peerOf(greeting);
    if (known) this.#traffic = joined(known.traffic, this.#traffic);
    this.#greeter = undefined;
    this.#peer = peer;
    this.#link.greeted();
    this.#sender.open({ peer, reading, codec, traffic: this.#traffic });
    this.#receiver.open(peer, codec, this.#traffic);
    return peer;
  }

  /** Writes past the queue: for the greeting, and for last words. */
  write(message: NetworkMessage): void {
    if (message.kind === 'control' && message.type === 'hello') this.#receiver.helloId = message.id;
    this.#sender.write(message);
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#sender.send(message);
  }

  /** Queues a message that is encoded already. */
  post(message: NetworkMessage, encoded: EncodedMessage): SendOutcome {
    return this.#sender.post(message, encoded);
  }

  /** What waits to be written to the peer. */
  get queuedMessages(): number {
    return this.#sender.queuedMessages;
  }

  get queuedBytes(): number {
    return this.#sender.queuedBytes;
  }

  /**
   * Looks at what is due; called for every connection each half second.
   * @param pressed all of them together hold more than they should
   */
  sweep(pressed: boolean): void {
    const excess = this.#tls?.excess() ?? 0;
    if (excess > 0 && this.#peer) {
      this.#host.counters.tlsFloods += 1;
      this.#host.banish(this.#peer);
      this.flooded(`sent ${excess} bytes of TLS that carried nothing`);
      return;
    }
    const owed = this.#sender.sweep(pressed);
    if (owed === 0) return;
    const { limits, counters } = this.#host;
    counters.slowPeers += 1;
    const waited = pressed ? `${limits.pressedStallMs} ms, and others need the memory` : `${limits.stallMs} ms`;
    this.cut(new NetworkError('SLOW_PEER', `${this.#name()} acknowledged none of ${owed} bytes for ${waited}`));
  }

  /** Says why, then closes. The connection counts as ended at once. */
  refuse(error: NetworkError): void {
    if (this.#ended) return;
    if (this.#link.isOpen) {
      const type = this.#peer === undefined ? 'hello' : 'connection';
      this.write(this.#receiver.errorMessage(type, error));
      this.#link.refuse(error.code);
    }
    this.#finish(error);
  }

  /** Ends the link without a word. */
  cut(error: NetworkError): void {
    this.#link.terminate();
    this.#finish(error);
  }

  /** Ends the connection in good order. */
  close(error: NetworkError): void {
    this.#link.leave(error.code);
    this.#finish(error);
  }

  received(frame: Buffer): boolean {
    return this.#ended || this.#receiver.received(frame);
  }

  unreadable(bytes: number, error: NetworkError): void {
    if (!this.#ended) this.#receiver.unreadable(bytes, error);
  }

  flooded(what: string): void {
    this.cut(new NetworkError('FLOOD', `${this.#name()} ${what}`));
  }

  broken(code: ErrorCode, cause: Error): void {
    if (this.#ended) return;
    this.#host.counters.framingErrors += 1;
    this.#traffic.errors += 1;
    this.refuse(new NetworkError(code, `${this.#name()}: ${cause.message}`, { cause }));
  }

  /** What the peer has sent before the end is still read, if it has to wait. */
  closed(detail: string): void {
    if (this.#receiver.onceRead(() => this.closed(detail))) return;
    this.#finish(this.farewell ?? new NetworkError('CLOSED', `the connection to ${this.#name()} ended${detail}`));
  }

  #finish(error: NetworkError): void {
    if (this.#ended) return;
    this.#ended = true;
    const greeter = this.#greeter;
    this.#greeter = undefined;
    this.#sender.end();
    this.#receiver.end();
    if (this.#peer) this.#host.ended(this, this.#peer, error);
    else greeter?.ended(error);
    this.#host.progressed();
  }

  #peerOf({ node: name, role, maySubmit, instance, version, greeting }: Greeting): Peer {
    const { address, listener } = this;
    const traffic = this.#traffic;
    return { node: unshared(name), role, maySubmit, instance, version, address, listener, traffic, greeting };
  }

  #name(): string {
    return this.#peer === undefined ? this.address : `${this.#peer.node} (${this.address})`;
  }
}

/** The peer's traffic, and with it from now on that of one more connection. */
function joined(peers: Readonly<Traffic>, own: Traffic): Traffic {
  const traffic = peers as Traffic;
  traffic.messagesIn += own.messagesIn;
  traffic.messagesOut += own.messagesOut;
  traffic.bytesIn += own.bytesIn;
  traffic.bytesOut += own.bytesOut;
  traffic.errors += own.errors;
  return traffic;
}
