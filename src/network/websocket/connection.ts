import type { Socket } from 'node:net';
import { fromWire, NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import type { Codec, DecodedFrame, EncodedMessage, Frame } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Stamp } from '../../message/stamp.js';
import type { Peer, SendOutcome, Traffic } from '../network.js';
import { frameBytes, Outbound } from '../outbound.js';
import { closeCodeOf, closedError } from './close-codes.js';
import type { WebSocketCounters } from './counters.js';
import { writeFrame } from './frame-writer.js';
import type { Reading } from './hello.js';
import type { LinkedSocket, SocketOwner } from './linked-socket.js';
import type { WebSocketLimits } from './options.js';

/** What connections share: one per network. */
export interface ConnectionHost {
  readonly stamp: Stamp;
  readonly limits: WebSocketLimits;
  readonly counters: WebSocketCounters;
  /** Time in which this process was awake, in milliseconds, as of the last sweep: cheap, and a stall of our own is nobody's fault. */
  readonly time: number;
  /** Calls `settle` at the end of this turn of the event loop. */
  settleLater(connection: Connection): void;
  /** The connection has written something, or is gone: whoever waits for it may look again. */
  progressed(): void;
  deliver(message: NetworkMessage, peer: Peer): void;
  pressure(change: 'congested' | 'drained', peer: Peer): void;
  ended(connection: Connection, peer: Peer, error: NetworkError): void;
}

/** Who has a connection until it is open. */
export interface Greeter {
  received(message: NetworkMessage): void;
  ended(error: NetworkError): void;
}

export interface ConnectionOptions {
  readonly host: ConnectionHost;
  readonly socket: LinkedSocket;
  readonly raw: Socket;
  readonly codec: Codec;
  /** Payloads of what arrives stay encoded. */
  readonly lazy: boolean;
  /** For each frame 32 unpredictable bits, as a client's must have; undefined for the listening side. */
  readonly mask: (() => number) | undefined;
  readonly address: string;
  readonly listener: string;
}

/** The peer as its handshake has shown it. */
export interface Greeting {
  readonly node: NodeId;
  readonly role: Role;
  readonly instance: string;
  readonly version: string;
  readonly greeting: Readonly<Record<string, unknown>>;
  readonly reading: Reading;
}

const LAZY = { lazy: true };
const EAGER = { lazy: false };
/** What has arrived is acknowledged when it is this much, or an eighth of a smaller window. */
const ACK_BYTES = 128 * 1024;
const NOT_DUE = -1;

/** One WebSocket: greeting, then open, then ended. No timer and no closure of its own while it idles. */
export class Connection implements SocketOwner {
  readonly codec: Codec;
  readonly address: string;
  readonly listener: string;
  readonly traffic: Traffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
  readonly #host: ConnectionHost;
  readonly #socket: LinkedSocket;
  readonly #raw: Socket;
  readonly #lazy: boolean;
  readonly #mask: (() => number) | undefined;
  #greeter: Greeter | undefined;
  #peer: Peer | undefined;
  #outbound: Outbound | undefined;
  #ended = false;
  #left = false;
  #farewell: NetworkError | undefined;
  /** What errors are about that concern no other message: the hello with which the connection began. */
  #helloId: string | undefined;
  /** Frame bytes written before there was an outbound queue. */
  #greetingBytes = 0;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #ackDueSince = NOT_DUE;
  /** Messages sent in this turn of the event loop, and in the last one that sent any. */
  #turn = 0;
  #lastTurn = 0;
  #awaitsDrain = false;
  #pongs = 0;
  /** When the latest invalid messages came; made when there is one. */
  #faults: number[] | undefined;

  constructor(options: ConnectionOptions) {
    this.#host = options.host;
    this.#socket = options.socket;
    this.#raw = options.raw;
    this.codec = options.codec;
    this.#lazy = options.lazy;
    this.#mask = options.mask;
    this.address = options.address;
    this.listener = options.listener;
    options.socket.link(this);
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
    return this.#outbound?.empty ?? true;
  }

  /** Hands the greeting's messages to `greeter` until `open`. */
  greet(greeter: Greeter): void {
    this.#greeter = greeter;
  }

  /** The greeting is over: from now on messages flow. */
  open(greeting: Greeting): Peer {
    const { limits, time } = this.#host;
    const { role, instance, version } = greeting;
    const { address, listener, traffic } = this;
    const node = unshared(greeting.node);
    this.#greeter = undefined;
    this.#outbound = new Outbound({
      codec: this.codec,
      limits,
      traffic,
      sentBytes: this.#greetingBytes,
      now: time,
      peerWindowBytes: greeting.reading.windowBytes,
      peerMaxFrameBytes: greeting.reading.maxFrameBytes,
    });
    this.#peer = { node, role, instance, version, address, listener, traffic, greeting: greeting.greeting };
    return this.#peer;
  }

  /** Writes past the queue: for the greeting, and for last words. */
  write(message: NetworkMessage): void {
    if (message.kind === 'control' && message.type === 'hello') this.#helloId = message.id;
    const frame = this.codec.join([this.codec.encode(message)]);
    const bytes = frameBytes(frame);
    this.#greetingBytes += bytes;
    this.traffic.messagesOut += 1;
    this.traffic.bytesOut += bytes;
    this.#write(frame);
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#outbound === undefined ? 'UNREACHABLE' : this.post(message, this.codec.encode(message));
  }

  /**
   * Queues a message that is encoded already. The first of a turn leaves at once if the last turn sent no more than
   * one; the others wait for the end of the turn and leave as one frame.
   */
  post(message: NetworkMessage, encoded: EncodedMessage): SendOutcome {
    const outbound = this.#outbound;
    if (outbound === undefined || this.#ended) return 'UNREACHABLE';
    if (this.#turn === 0) this.#host.settleLater(this);
    this.#turn += 1;
    if (this.#turn === 1 && this.#lastTurn <= 1 && this.#sendNow(outbound, message, encoded)) return 'queued';
    const outcome = outbound.push(message.priority ?? 'normal', encoded);
    if (outcome === 'queued') {
      if (outbound.frameReady) this.#pump();
      return outcome;
    }
    this.traffic.errors += 1;
    this.#host.counters[outcome === 'TOO_LARGE' ? 'tooLarge' : 'backpressure'] += 1;
    return outcome;
  }

  /** The end of a turn in which something was sent. */
  settle(): void {
    this.#lastTurn = this.#turn;
    this.#turn = 0;
    this.#pump();
    this.#reportPressure();
  }

  /** Looks at what is due; called for every connection each half second. */
  sweep(): void {
    const { time, limits, counters } = this.#host;
    this.#lastTurn = 0;
    if (this.#ackDueSince !== NOT_DUE && time - this.#ackDueSince >= limits.ackDelayMs) this.#acknowledge();
    if (this.#outbound === undefined || this.#outbound.stalledMs(time) < limits.stallMs) return;
    counters.slowPeers += 1;
    const owed = this.#outbound.unacknowledgedBytes;
    this.cut(
      new NetworkError('SLOW_PEER', `${this.#name()} acknowledged none of ${owed} bytes for ${limits.stallMs} ms`),
    );
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
    const { limits } = this.#host;
    let frame: DecodedFrame;
    try {
      if (binary !== this.codec.binary) {
        throw new NetworkError(
          'DESERIALIZATION',
          `${this.codec.subprotocol} has no ${binary ? 'binary' : 'text'} frames`,
        );
      }
      frame = this.codec.decode(data, limits, this.#lazy ? LAZY : EAGER);
    } catch (error) {
      this.#count(data.length);
      this.#fault(toNetworkError(error, 'DESERIALIZATION'));
      return;
    }
    const { messages, invalid } = frame;
    // An acknowledgement alone in its frame is not counted by either side, or two idle peers would acknowledge for ever.
    if (messages.length !== 1 || invalid.length > 0 || !isAck(messages[0])) this.#count(data.length);
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
    const tooLarge = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    this.#finish(
      new NetworkError(tooLarge ? 'TOO_LARGE' : 'DESERIALIZATION', `${this.#name()}: ${error.message}`, {
        cause: error,
      }),
    );
  }

  closed(code: number): void {
    this.#finish(this.#farewell ?? closedError(code, this.#name()));
  }

  /** Writes what can be written, past the end-of-turn flush if need be. */
  #pump(): void {
    const outbound = this.#outbound;
    if (outbound === undefined) return;
    while (!outbound.empty && outbound.open) {
      if (this.#socketFull()) {
        this.#awaitDrain();
        return;
      }
      const frame = outbound.pull(this.#host.time);
      if (frame === undefined) break;
      this.#write(frame);
    }
    this.#host.progressed();
  }

  #sendNow(outbound: Outbound, message: NetworkMessage, encoded: EncodedMessage): boolean {
    if (this.#socketFull()) return false;
    // A heartbeat takes a due acknowledgement along, so that idle peers exchange no frames for these alone.
    const parts =
      message.kind === 'heartbeat' && this.#ackDueSince !== NOT_DUE ? [encoded, this.#encodeAck()] : [encoded];
    const frame = outbound.direct(parts, this.#host.time);
    if (frame === undefined) return false;
    if (parts.length > 1) this.#ackWritten();
    this.#write(frame);
    return true;
  }

  #write(frame: Frame): void {
    if (this.#socket.readyState === this.#socket.OPEN) writeFrame(this.#raw, frame, this.#mask?.());
  }

  #socketFull(): boolean {
    return this.#socket.bufferedAmount > this.#host.limits.maxSocketBytes;
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    this.#raw.once('drain', () => {
      this.#awaitsDrain = false;
      this.#pump();
      this.#reportPressure();
    });
  }

  #reportPressure(): void {
    const change = this.#outbound?.pressureChange();
    if (change === undefined || this.#peer === undefined || this.#ended) return;
    if (change === 'congested') this.#host.counters.congested += 1;
    this.#host.pressure(change, this.#peer);
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
      this.#fault(
        new NetworkError('INVALID_MESSAGE', `from must be ${peer.node}, the name of this connection`),
        message.id,
      );
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
      this.#fault(
        new NetworkError('INVALID_MESSAGE', `control ${message.type} after the greeting was over`),
        message.id,
      );
    } else {
      return false;
    }
    return true;
  }

  #acknowledged(message: NetworkMessage): void {
    const bytes = (payloadOf(message) as { readonly bytes?: unknown } | undefined | null)?.bytes;
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
      this.#fault(new NetworkError('INVALID_MESSAGE', 'ack.bytes must be an integer of at least 0'), message.id);
      return;
    }
    this.#outbound?.acknowledge(bytes, this.#host.time);
    this.#pump();
    this.#reportPressure();
  }

  #count(bytes: number): void {
    const { limits, time } = this.#host;
    this.#receivedBytes += bytes;
    if (this.#ackDueSince === NOT_DUE) this.#ackDueSince = time;
    const due = Math.min(ACK_BYTES, limits.windowBytes / 8);
    if (this.#outbound && this.#receivedBytes - this.#acknowledgedBytes >= due) this.#acknowledge();
  }

  /** Past the queue and the window, or two peers with full windows would wait for each other. */
  #acknowledge(): void {
    if (this.#outbound === undefined || this.#socketFull()) return;
    const frame = this.codec.join([this.#encodeAck()]);
    this.traffic.messagesOut += 1;
    this.traffic.bytesOut += frameBytes(frame);
    this.#ackWritten();
    this.#write(frame);
  }

  #encodeAck(): EncodedMessage {
    const payload = { bytes: this.#receivedBytes };
    return this.codec.encode(this.#host.stamp.make({ kind: 'control', type: 'ack', to: this.#peer?.node, payload }));
  }

  #ackWritten(): void {
    this.#acknowledgedBytes = this.#receivedBytes;
    this.#ackDueSince = NOT_DUE;
  }

  /** Before authentication any error ends the connection; afterwards it is answered, up to a rate. */
  #fault(error: NetworkError, id?: string): void {
    if (this.#ended) return;
    const { counters, limits, time } = this.#host;
    this.traffic.errors += 1;
    if (this.#peer === undefined) {
      counters.unauthenticatedInvalid += 1;
      this.refuse(error);
      return;
    }
    counters.invalidMessages += 1;
    this.send(this.#errorMessage('message', error, id));
    this.#faults ??= [];
    if (this.#faults.push(time) > limits.maxFaults) this.#faults.shift();
    if (this.#faults.length < limits.maxFaults || time - (this.#faults[0] as number) > limits.faultWindowMs) return;
    counters.faultyClosed += 1;
    this.#pump();
    const rule = `${limits.maxFaults} invalid messages within ${limits.faultWindowMs} ms`;
    this.refuse(new NetworkError('INVALID_MESSAGE', `${rule}; the last: ${error.message}`));
  }

  #errorMessage(type: string, error: NetworkError, re = this.#helloId): NetworkMessage {
    return this.#host.stamp.make({ kind: 'error', type, to: this.#peer?.node, re, payload: error.toWire() });
  }

  #finish(error: NetworkError): void {
    if (this.#ended) return;
    this.#ended = true;
    const greeter = this.#greeter;
    this.#greeter = undefined;
    this.#outbound = undefined;
    if (this.#peer) this.#host.ended(this, this.#peer, error);
    else greeter?.ended(error);
    this.#host.progressed();
  }

  #name(): string {
    return this.#peer === undefined ? this.address : `${this.#peer.node} (${this.address})`;
  }
}

const isAck = (message: NetworkMessage | undefined): boolean => message?.kind === 'control' && message.type === 'ack';

/** A copy of an ASCII text that a decoder may have cut out of a frame: kept for long, it would keep the frame. */
const unshared = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
