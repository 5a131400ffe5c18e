import type { Timer } from '../../base/clock.js';
import { fromWire, NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import type { Codec, DecodedFrame, DecodeLimits, EncodedMessage, InvalidMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer, SendOutcome, Traffic } from '../network.js';
import { DEFAULT_OUTBOUND_LIMITS } from '../outbound.js';
import type { NetworkWiring } from '../wiring.js';
import type { Connection, End, SideName } from './connection.js';
import type { MemoryCounters } from './counters.js';
import { type History, messageEvent } from './history.js';
import type { Introduction, Segment } from './pipe.js';

/** What a session tells the node that it belongs to. */
export interface SessionOwner {
  delivered(session: Session, message: NetworkMessage): void;
  pressure(session: Session, type: 'congested' | 'drained'): void;
  ended(session: Session, left: boolean, error: NetworkError): void;
}

export interface SessionParts {
  readonly owner: SessionOwner;
  readonly wiring: NetworkWiring;
  readonly history: History;
  readonly counters: MemoryCounters;
  readonly codec: Codec;
  readonly limits: DecodeLimits;
  readonly connection: Connection;
  readonly side: SideName;
  readonly introduction: Introduction;
}

const { congestedBytes, drainedBytes, maxQueuedBytes } = DEFAULT_OUTBOUND_LIMITS;

/** One side of a connection after the handshake: a Peer to those above. */
export class Session implements Peer, End {
  readonly node: NodeId;
  readonly role: Role;
  readonly maySubmit: boolean;
  readonly instance: string;
  readonly version: string;
  readonly address = 'memory';
  readonly listener: string;
  readonly greeting: Readonly<Record<string, unknown>>;
  readonly traffic: Traffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
  readonly openedAt: number;
  readonly #parts: SessionParts;
  #open = true;
  #congested = false;
  #telling: Timer | undefined;

  constructor(parts: SessionParts) {
    const { node, role, maySubmit, instance, version, greeting } = parts.introduction;
    this.node = node;
    this.role = role;
    this.maySubmit = maySubmit;
    this.instance = instance;
    this.version = version;
    this.greeting = greeting;
    this.listener = parts.side === 'dialer' ? 'dial' : 'memory';
    this.openedAt = parts.wiring.clock.now();
    this.#parts = parts;
    parts.connection.hold(parts.side, this);
  }

  /** Whether this node dialled the peer. */
  get dialled(): boolean {
    return this.#parts.side === 'dialer';
  }

  get queuedMessages(): number {
    return this.#parts.connection.out(this.#parts.side).queuedMessages;
  }

  get queuedBytes(): number {
    return this.#parts.connection.out(this.#parts.side).queuedBytes;
  }

  send(message: NetworkMessage, encoded: EncodedMessage): SendOutcome {
    const outcome = this.#put(message, encoded);
    if (outcome === 'queued') return outcome;
    this.traffic.errors += 1;
    if (outcome === 'TOO_LARGE') this.#parts.counters.tooLarge += 1;
    else if (outcome === 'BACKPRESSURE') this.#parts.counters.backpressure += 1;
    else this.#parts.counters.barred += 1;
    return outcome;
  }

  receive(segment: Segment): void {
    if (!this.#open) return;
    if (segment.kind === 'message') this.#deliver(segment);
    else if (segment.kind === 'refusal') this.#end(false, fromWire(segment.error, this.node));
    else if (segment.kind === 'goodbye') this.#end(true, new NetworkError('CLOSED', `${this.node} said goodbye`));
    else this.#end(false, new NetworkError('CLOSED', `the connection to ${this.node} ended without a goodbye`));
  }

  /** Our own goodbye arrived. */
  closed(): void {
    this.#end(false, new NetworkError('STOPPED', 'this node was stopped'));
  }

  /** Behind everything that is queued. */
  sayGoodbye(): void {
    this.#parts.connection.out(this.#parts.side).push({ kind: 'goodbye' });
  }

  /** Says why behind everything that is queued, and ends: from here on nothing of the peer is heard. */
  refuse(error: NetworkError): void {
    if (!this.#open) return;
    this.#parts.connection.dismiss(this.#parts.side, error);
    this.#end(false, error);
  }

  /** Ends the connection at once, without a goodbye. */
  cut(error: NetworkError): void {
    if (!this.#open) return;
    this.#parts.connection.abandon(this.#parts.side);
    this.#end(false, error);
  }

  /** The process is killed: the connection ends and nobody here is told. */
  kill(): void {
    this.#open = false;
    this.#telling?.cancel();
    this.#parts.connection.abandon(this.#parts.side);
  }

  #put(message: NetworkMessage, encoded: EncodedMessage): SendOutcome {
    if (encoded.inflatedBytes > this.#parts.limits.maxFrameBytes) return 'TOO_LARGE';
    const { codec, connection, side } = this.#parts;
    const pipe = connection.out(side);
    const { refusal } = pipe;
    if (refusal) return refusal;
    if (pipe.queuedBytes > 0 && pipe.queuedBytes + encoded.bytes > maxQueuedBytes) return 'BACKPRESSURE';
    pipe.pushMessage(message, codec.join([encoded]), encoded.bytes);
    this.traffic.messagesOut += 1;
    this.traffic.bytesOut += encoded.bytes;
    this.#weigh();
    return 'queued';
  }

  /** Pressure is told outside of `send`, and only while it lasts. */
  #weigh(): void {
    if (this.#telling || this.#congested || this.queuedBytes <= congestedBytes) return;
    this.#telling = this.#parts.wiring.clock.defer(() => {
      this.#telling = undefined;
      if (!this.#open || this.queuedBytes <= congestedBytes) return;
      this.#congested = true;
      this.#parts.counters.congested += 1;
      this.#parts.owner.pressure(this, 'congested');
    });
  }

  relieved(): void {
    if (!this.#open || !this.#congested || this.queuedBytes >= drainedBytes) return;
    this.#congested = false;
    this.#parts.owner.pressure(this, 'drained');
  }

  #deliver(segment: Segment & { readonly kind: 'message' }): void {
    const { codec, limits, history, wiring, owner, side } = this.#parts;
    const way = { from: this.node, to: wiring.self };
    history.record(messageEvent(segment.mark ?? 'deliver', way, segment.message));
    this.traffic.bytesIn += segment.bytes;
    let decoded: DecodedFrame;
    try {
      decoded = codec.decode(segment.frame, limits, { lazy: side === 'listener' });
    } catch (error) {
      this.#parts.counters.framingErrors += 1;
      this.traffic.errors += 1;
      this.refuse(toNetworkError(error, 'DESERIALIZATION'));
      return;
    }
    for (const message of decoded.messages) {
      this.traffic.messagesIn += 1;
      if (message.from === this.node || this.role === 'leader') owner.delivered(this, message);
      else {
        this.#parts.counters.spoofed += 1;
        this.#refuse(foreign(message, this.node));
      }
    }
    for (const invalid of decoded.invalid) {
      this.#parts.counters.invalidMessages += 1;
      this.#refuse(invalid);
    }
  }

  #refuse({ id, error }: InvalidMessage): void {
    this.traffic.errors += 1;
    if (id === undefined) return;
    const { codec, wiring } = this.#parts;
    const draft = { kind: 'error', type: 'invalid', to: this.node, re: id, payload: error.toWire() } as const;
    const answer = wiring.stamp.make(draft);
    this.send(answer, codec.encode(answer));
  }

  #end(left: boolean, error: NetworkError): void {
    if (!this.#open) return;
    this.#open = false;
    this.#telling?.cancel();
    this.#parts.owner.ended(this, left, error);
  }
}

function foreign(message: NetworkMessage, node: NodeId): InvalidMessage {
  const text = `from: '${message.from}' came over the connection of '${node}'`;
  return { id: message.id, error: new NetworkError('INVALID_MESSAGE', text) };
}
