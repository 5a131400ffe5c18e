import type { Clock } from '../../base/clock.js';
import { fromWire, NetworkError, toNetworkError } from '../../base/errors.js';
import type { Codec, DecodedFrame } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Stamp } from '../../message/stamp.js';
import type { Meter } from '../meter.js';
import type { Peer, Traffic } from '../network.js';
import type { FramedCounters } from './counters.js';
import { Faults } from './faults.js';
import type { FrameLink } from './frame-link.js';
import type { Greeter } from './greeter.js';
import type { FramedLimits } from './limits.js';
import { ReadThrottle } from './read-throttle.js';
import type { Sender } from './sender.js';
import { unshared } from './unshared.js';

/** What the receivers of a network share. */
export interface ReceiverHost {
  readonly clock: Clock;
  readonly stamp: Stamp;
  readonly meter: Meter;
  readonly limits: FramedLimits;
  readonly counters: FramedCounters;
  /** In milliseconds, as of the last sweep. */
  readonly time: number;
  /** Whether the peer hands on what others have sent, and may speak in their names. */
  relays(peer: Peer): boolean;
  deliver(message: NetworkMessage, peer: Peer): void;
}

/** The connection that it is a half of. */
interface ReceiverOwner {
  readonly ended: boolean;
  /** Who has the connection until it is open. */
  readonly greeter: Greeter | undefined;
  refuse(error: NetworkError): void;
}

interface ReceiverParts {
  readonly host: ReceiverHost;
  readonly link: FrameLink;
  readonly sender: Sender;
  /** Of the greeting. */
  readonly codec: Codec;
  readonly lazy: boolean;
  readonly traffic: Traffic;
}

const LAZY = { lazy: true };
const EAGER = { lazy: false };

/** The receiving half of a connection: reads frames, keeps what is for the transport itself, bounds what is wrong. */
export class Receiver {
  readonly #owner: ReceiverOwner;
  readonly #host: ReceiverHost;
  readonly #link: FrameLink;
  readonly #sender: Sender;
  readonly #options: { readonly lazy: boolean };
  #codec: Codec;
  #traffic: Traffic;
  #peer: Peer | undefined;
  /** Made when there is one. */
  #faults: Faults | undefined;
  #throttle: ReadThrottle | undefined;
  #left = false;
  #farewell: NetworkError | undefined;
  /** What errors are about that concern no other message: the hello with which the connection began. */
  helloId: string | undefined;

  constructor(owner: ReceiverOwner, parts: ReceiverParts) {
    this.#owner = owner;
    this.#host = parts.host;
    this.#link = parts.link;
    this.#sender = parts.sender;
    this.#traffic = parts.traffic;
    this.#codec = parts.codec;
    this.#options = parts.lazy ? LAZY : EAGER;
  }

  get codec(): Codec {
    return this.#codec;
  }

  /** The peer said goodbye. */
  get left(): boolean {
    return this.#left;
  }

  /** Why the peer ended the connection, if it said so. */
  get farewell(): NetworkError | undefined {
    return this.#farewell;
  }

  /** From the next frame on. */
  open(peer: Peer, codec: Codec, traffic: Traffic): void {
    this.#peer = peer;
    this.#codec = codec;
    this.#traffic = traffic;
  }

  /** @returns whether nothing of it is kept */
  received(data: Buffer): boolean {
    if (this.#throttle?.hold(data)) return false;
    // Of bytes there are views afterwards; texts are copies.
    const { binary } = this.#codec;
    this.#read(data);
    return !binary;
  }

  /** @returns whether some of what has been received is still to be read; then it calls back when that is done */
  onceRead(then: () => void): boolean {
    return this.#throttle?.onceRead(then) ?? false;
  }

  /** The connection has ended: nothing is read any more. */
  end(): void {
    this.#throttle?.end();
  }

  #read(data: Buffer): void {
    this.#traffic.bytesIn += data.length;
    let frame: DecodedFrame;
    try {
      frame = this.#codec.decode(data, this.#host.limits, this.#options);
    } catch (error) {
      this.#sender.count(data.length);
      // It may have been inflated up to the limit before it was given up.
      if (this.#codec.plain !== this.#codec) this.#spend().inflated(data.length, this.#host.limits.maxFrameBytes);
      this.#spend().refused(data.length);
      this.#fault(toNetworkError(error, 'DESERIALIZATION'));
      return;
    }
    const { messages, invalid, inflatedBytes } = frame;
    if (inflatedBytes > 0) this.#spend().inflated(data.length, inflatedBytes);
    if (invalid.length > 0) this.#spend().refused(data.length);
    // Counted by neither side, or two idle peers would acknowledge each other's heartbeats for ever.
    if (invalid.length === 0 && messages.every(isUncounted)) this.#sender.answers();
    else this.#sender.count(data.length);
    for (const message of messages) {
      if (this.#owner.ended) return;
      this.#take(message);
    }
    for (const { error, id } of invalid) this.#fault(error, id);
  }

  unreadable(bytes: number, error: NetworkError): void {
    this.#traffic.bytesIn += bytes;
    this.#sender.count(bytes);
    this.#spend().refused(bytes);
    this.#fault(error);
  }

  /** @param re what it is about. @default the hello */
  errorMessage(type: string, error: NetworkError, re: string | undefined = this.helloId): NetworkMessage {
    return this.#host.stamp.make({ kind: 'error', type, to: this.#peer?.node, re, payload: error.toWire() });
  }

  #spend(): ReadThrottle {
    if (this.#throttle === undefined) {
      const { clock, limits, counters } = this.#host;
      const read = (frame: Buffer): void => this.#read(frame);
      this.#throttle = new ReadThrottle({ clock, limits, counters, link: this.#link, read });
    }
    return this.#throttle;
  }

  #take(message: NetworkMessage): void {
    this.#traffic.messagesIn += 1;
    const peer = this.#peer;
    if (peer === undefined) {
      if (message.kind === 'control' && message.type === 'hello') this.helloId ??= unshared(message.id);
      this.#owner.greeter?.received(message);
      return;
    }
    if (message.from !== peer.node && !this.#host.relays(peer)) {
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
    if (this.#owner.ended) return;
    const { counters, meter, limits, time } = this.#host;
    this.#traffic.errors += 1;
    if (this.#peer === undefined) {
      counters.unauthenticatedInvalid += 1;
      this.#owner.refuse(error);
      return;
    }
    counters.invalidMessages += 1;
    meter.failed(error.code);
    this.#sender.send(this.errorMessage('message', error, id));
    this.#faults ??= new Faults();
    if (!this.#faults.add(time, limits.maxFaults, limits.faultWindowMs)) return;
    counters.faultyClosed += 1;
    this.#sender.pump();
    const rule = `${limits.maxFaults} invalid messages within ${limits.faultWindowMs} ms`;
    this.#owner.refuse(violation(`${rule}; the last: ${error.message}`));
  }
}

const violation = (rule: string): NetworkError => new NetworkError('INVALID_MESSAGE', rule);

const isAck = ({ kind, type }: NetworkMessage): boolean => kind === 'control' && type === 'ack';

const isUncounted = (message: NetworkMessage): boolean => message.kind === 'heartbeat' || isAck(message);
