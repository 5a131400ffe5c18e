import type { Socket } from 'node:net';
import { fromWire, NetworkError, toNetworkError } from '../../base/errors.js';
import type { Codec, DecodedFrame, EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Meter } from '../meter.js';
import type { Peer, SendOutcome, Traffic } from '../network.js';
import { closeCodeOf, closedError } from './close-codes.js';
import { Faults } from './faults.js';
import type { Greeter, Greeting } from './greeter.js';
import type { LinkedSocket, SocketOwner } from './linked-socket.js';
import { Sender, type SenderHost } from './sender.js';
import { codecOf } from './subprotocols.js';

/** What connections share: one per network. */
export interface ConnectionHost extends SenderHost {
  readonly meter: Meter;
  deliver(message: NetworkMessage, peer: Peer): void;
  ended(connection: Connection, peer: Peer, error: NetworkError): void;
}

export interface ConnectionOptions {
  readonly host: ConnectionHost;
  readonly socket: LinkedSocket;
  readonly raw: Socket;
  /** For people: `host:port`, or `unix`. */
  readonly address: string;
  /** The peer's IP address, by which connections that came in are counted. @default it is not counted */
  readonly ip?: string | undefined;
  /** Payloads of what arrives stay encoded. */
  readonly lazy: boolean;
  /** The masking key of each frame, which a client's must have; undefined for the listening side. */
  readonly mask: (() => number) | undefined;
  readonly listener: string;
}

const LAZY = { lazy: true };
const EAGER = { lazy: false };

/** One WebSocket: greeting, then open, then ended. No timer and no closure of its own while it idles. */
export class Connection implements SocketOwner {
  readonly codec: Codec;
  readonly address: string;
  readonly ip: string | undefined;
  readonly listener: string;
  readonly traffic: Traffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
  readonly #host: ConnectionHost;
  readonly #socket: LinkedSocket;
  readonly #sender: Sender;
  readonly #lazy: boolean;
  #greeter: Greeter | undefined;
  #peer: Peer | undefined;
  #ended = false;
  #left = false;
  #farewell: NetworkError | undefined;
  /** What errors are about that concern no other message: the hello with which the connection began. */
  #helloId: string | undefined;
  #pongs = 0;
  /** Made when there is one. */
  #faults: Faults | undefined;

  constructor(options: ConnectionOptions) {
    const { host, socket, raw, mask } = options;
    this.codec = codecOf(socket.protocol);
    this.address = options.address;
    this.ip = options.ip;
    this.listener = options.listener;
    this.#host = host;
    this.#socket = socket;
    this.#sender = new Sender({ host, socket, raw, mask, codec: this.codec, traffic: this.traffic });
    this.#lazy = options.lazy;
    socket.link(this);
  }

  /** Set once it is open. */
  get peer(): Peer | undefined {
    return this.#peer;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The peer said goodbye. */
  get left(): boolean {
    return this.#left;
  }

  /** Why the peer ended the connection, if it said so. */
  get farewell(): NetworkError | undefined {
    return this.#farewell;
  }

  /** Everything is handed to the socket. */
  get drained(): boolean {
    return this.#sender.drained;
  }

  /** Hands the greeting's messages to `greeter` until `open`. */
  greet(greeter: Greeter): void {
    this.#greeter = greeter;
  }

  /** The greeting is over: from now on messages flow. */
  open({ node: name, role, maySubmit, instance, version, greeting, reading }: Greeting): Peer {
    const { address, listener, traffic } = this;
    this.#greeter = undefined;
    this.#peer = { node: unshared(name), role, maySubmit, instance, version, address, listener, traffic, greeting };
    this.#sender.open(this.#peer, reading);
    return this.#peer;
  }

  /** Writes past the queue: for the greeting, and for last words. */
  write(message: NetworkMessage): void {
    if (message.kind === 'control' && message.type === 'hello') this.#helloId = message.id;
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
    if (this.#socket.readyState === this.#socket.OPEN) {
      const type = this.#peer === undefined ? 'hello' : 'connection';
      this.write(this.#errorMessage(type, error));
      this.#socket.close(closeCodeOf(error.code), error.code);
    }
    this.#finish(error);
  }

  /** Ends the socket without a word. */
  cut(error: NetworkError): void {
    this.#socket.terminate();
    this.#finish(error);
  }

  /** Ends the connection in good order. */
  close(error: NetworkError): void {
    this.#socket.close(1000, error.code);
    this.#finish(error);
  }

  received(data: Buffer, binary: boolean): void {
    if (this.#ended) return;
    this.traffic.bytesIn += data.length;
    let frame: DecodedFrame;
    try {
      frame = this.#decode(data, binary);
    } catch (error) {
      this.#sender.count(data.length);
      this.#fault(toNetworkError(error, 'DESERIALIZATION'));
      return;
    }
    const { messages, invalid } = frame;
    // An acknowledgement alone in its frame is not counted by either side, or two idle peers would acknowledge for ever.
    if (messages.length !== 1 || invalid.length > 0 || !isAck(messages[0])) this.#sender.count(data.length);
    for (const message of messages) {
      if (this.#ended) return;
      this.#take(message);
    }
    for (const { error, id } of invalid) this.#fault(error, id);
  }

  pinged(data: Buffer): void {
    if (this.#ended) return;
    if (this.#pongs >= this.#host.limits.maxPongs) {
      this.#host.counters.pingFloods += 1;
      this.cut(new NetworkError('FLOOD', `${this.#name()} left ${this.#pongs} pongs unread`));
      return;
    }
    this.#pongs += 1;
    this.#socket.pong(data, undefined, () => {
      this.#pongs -= 1;
    });
  }

  failed(error: Error & { readonly code?: string }): void {
    if (this.#ended) return;
    this.#host.counters.framingErrors += 1;
    this.traffic.errors += 1;
    const code = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'TOO_LARGE' : 'DESERIALIZATION';
    this.#finish(new NetworkError(code, `${this.#name()}: ${error.message}`, { cause: error }));
  }

  closed(code: number): void {
    this.#finish(this.#farewell ?? closedError(code, this.#name()));
  }

  /** @throws NetworkError DESERIALIZATION or TOO_LARGE */
  #decode(data: Buffer, binary: boolean): DecodedFrame {
    const { codec } = this;
    if (binary === codec.binary) return codec.decode(data, this.#host.limits, this.#lazy ? LAZY : EAGER);
    throw new NetworkError('DESERIALIZATION', `${codec.subprotocol} has no ${binary ? 'binary' : 'text'} frames`);
  }

  #take(message: NetworkMessage): void {
    this.traffic.messagesIn += 1;
    const peer = this.#peer;
    if (peer === undefined) {
      if (message.kind === 'control' && message.type === 'hello') this.#helloId ??= unshared(message.id);
      this.#greeter?.received(message);
      return;
    }
    if (message.from !== peer.node && peer.role !== 'leader') {
      this.#host.counters.spoofed += 1;
      this.#fault(violation(`from must be ${peer.node}, the name of this connection`), message.id);
    } else if (message.kind === 'control' && this.#control(message)) {
      return;
    } else if (message.kind === 'error' && message.type === 'connection') {
      this.#farewell = fromWire(payloadOf(message), peer.node);
    } else {
      this.#host.deliver(message, peer);
    }
  }

  /** @returns whether the message was for the transport itself */
  #control(message: NetworkMessage): boolean {
    if (isAck(message)) {
      this.#acknowledged(message);
    } else if (message.type === 'goodbye') {
      this.#left = true;
    } else if (message.type === 'hello' || message.type === 'welcome') {
      this.#fault(violation(`control ${message.type} after the greeting was over`), message.id);
    } else {
      return false;
    }
    return true;
  }

  #acknowledged(message: NetworkMessage): void {
    const bytes = (payloadOf(message) as { readonly bytes?: unknown } | undefined | null)?.bytes;
    if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) this.#sender.acknowledged(bytes);
    else this.#fault(violation('ack.bytes must be an integer of at least 0'), message.id);
  }

  /** Before authentication any error ends the connection; afterwards it is answered, up to a rate. */
  #fault(error: NetworkError, id?: string): void {
    if (this.#ended) return;
    const { counters, meter, limits, time } = this.#host;
    this.traffic.errors += 1;
    if (this.#peer === undefined) {
      counters.unauthenticatedInvalid += 1;
      this.refuse(error);
      return;
    }
    counters.invalidMessages += 1;
    meter.failed(error.code);
    this.send(this.#errorMessage('message', error, id));
    this.#faults ??= new Faults();
    if (!this.#faults.add(time, limits.maxFaults, limits.faultWindowMs)) return;
    counters.faultyClosed += 1;
    this.#sender.pump();
    const rule = `${limits.maxFaults} invalid messages within ${limits.faultWindowMs} ms`;
    this.refuse(violation(`${rule}; the last: ${error.message}`));
  }

  #errorMessage(type: string, error: NetworkError, re = this.#helloId): NetworkMessage {
    return this.#host.stamp.make({ kind: 'error', type, to: this.#peer?.node, re, payload: error.toWire() });
  }

  #finish(error: NetworkError): void {
    if (this.#ended) return;
    this.#ended = true;
    const greeter = this.#greeter;
    this.#greeter = undefined;
    this.#sender.end();
    if (this.#peer) this.#host.ended(this, this.#peer, error);
    else greeter?.ended(error);
    this.#host.progressed();
  }

  #name(): string {
    return this.#peer === undefined ? this.address : `${this.#peer.node} (${this.address})`;
  }
}

const violation = (rule: string): NetworkError => new NetworkError('INVALID_MESSAGE', rule);

const isAck = (message: NetworkMessage | undefined): boolean => message?.kind === 'control' && message.type === 'ack';

/** A copy of an ASCII text that a decoder may have cut out of a frame: kept for long, it would keep the frame. */
const unshared = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
