import type { Clock } from '../../base/clock.js';
import type { DeadlineWheel } from '../../base/deadline-wheel.js';
import { fromWire, isNetworkError, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { IdMap } from '../../message/id-map.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Stamp } from '../../message/stamp.js';
import type { Network, SendOutcome } from '../network.js';
import { type Arriving, IncomingBody, type IncomingHost } from './incoming-body.js';
import type { BodyLimits } from './limits.js';
import { PastBodies } from './past-bodies.js';
import { type BodyVerb, CANCEL, CHUNK, END, readChunk, readEnd } from './wire.js';

export interface IncomingParts {
  readonly network: Network;
  readonly stamp: Stamp;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly limits: BodyLimits;
}

export interface IncomingCounters {
  /** Bodies that handlers were given. */
  bodiesTaken: number;
  /** Answered OVERLOADED: too many were coming in. */
  bodiesRefused: number;
  /** The same: too many of that peer. */
  bodiesRefusedOfPeer: number;
  /** Refused under way: a wrong CRC, offset, length or SHA-256. */
  bodiesFailed: number;
  /** Chunks that came again; ignored. */
  chunksRepeated: number;
  /** What came for bodies that are not, or no more, coming in; ignored. */
  chunksLate: number;
  /** Of those that have ended lately: so many that the oldest were forgotten. */
  bodiesForgotten: number;
}

/** The bodies that come in to a node, by the peer that they come through. */
export class IncomingBodies implements IncomingHost {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly past: PastBodies;
  readonly #parts: IncomingParts;
  readonly #byPeer = new Map<NodeId, IdMap<IncomingBody>>();
  #size = 0;
  readonly counters: IncomingCounters = {
    bodiesTaken: 0,
    bodiesRefused: 0,
    bodiesRefusedOfPeer: 0,
    bodiesFailed: 0,
    chunksRepeated: 0,
    chunksLate: 0,
    bodiesForgotten: 0,
  };

  constructor(parts: IncomingParts) {
    const { clock, wheel, limits } = parts;
    this.clock = clock;
    this.wheel = wheel;
    // Whoever comes back does so within `resumeMs`, but may be under way for a while.
    this.past = new PastBodies(clock, wheel, 2 * limits.resumeMs);
    this.#parts = parts;
  }

  /** Bodies whose handlers have not ended. */
  get size(): number {
    return this.#size;
  }

  get windowBytes(): number {
    return this.#parts.limits.windowBytes;
  }

  get resumeMs(): number {
    return this.#parts.limits.resumeMs;
  }

  /** The body of a message that goes to a handler now; its sender may begin. @returns OVERLOADED if it is one too many */
  open(arriving: Arriving): IncomingBody | NetworkError {
    const refused = this.#tooMany(arriving.peer);
    if (refused) return refused;
    const body = new IncomingBody(this, arriving);
    this.#ofPeer(arriving.peer).add(body);
    this.#size += 1;
    this.counters.bodiesTaken += 1;
    body.admit();
    return body;
  }

  #tooMany(peer: NodeId): NetworkError | undefined {
    const { network, limits } = this.#parts;
    const { maxIncoming, maxIncomingPerPeer } = limits;
    if (this.#size >= maxIncoming) {
      this.counters.bodiesRefused += 1;
      return new NetworkError('OVERLOADED', `${network.self} has ${maxIncoming} bodies coming in, its limit`);
    }
    const ofPeer = this.#byPeer.get(peer)?.size ?? 0;
    if (ofPeer < maxIncomingPerPeer || peer === network.upstream) return undefined;
    this.counters.bodiesRefusedOfPeer += 1;
    const text = `${network.self} has ${maxIncomingPerPeer} bodies of ${peer} coming in, its limit for one peer`;
    return new NetworkError('OVERLOADED', text);
  }

  /** Its handler has ended: what is left of it is not wanted. */
  close(body: IncomingBody, reason: NetworkError = unread(body)): void {
    // Who waits for an answer learns by that.
    body.fail(reason, body.message.kind === 'event' ? 'tell' : 'hush');
    body.close();
    const bodies = this.#byPeer.get(body.peer);
    if (bodies?.get(body.message.id) !== body) return;
    bodies.delete(body);
    if (bodies.size === 0) this.#byPeer.delete(body.peer);
    this.#size -= 1;
    this.#remember(body, reason);
  }

  /** What a sender says of its body. */
  control(message: NetworkMessage, peer: NodeId): void {
    const body = message.re === undefined ? undefined : this.#byPeer.get(peer)?.get(message.re);
    if (!body) {
      this.counters.chunksLate += 1;
      return;
    }
    try {
      if (message.type === CHUNK) body.chunk(readChunk(message));
      else if (message.type === END) body.end(readEnd(message));
      else if (message.type === CANCEL) body.givenUp(fromWire(payloadOf(message), message.from));
    } catch (error) {
      if (!isNetworkError(error)) throw error;
      this.counters.bodiesFailed += 1;
      body.fail(error, 'tell');
    }
  }

  /** Tells the sender of a body that nobody takes it. */
  refuse(message: NetworkMessage, peer: NodeId, error: NetworkError): void {
    this.send({ message, peer }, CANCEL, error.toWire());
  }

  send({ message, peer }: Pick<Arriving, 'message' | 'peer'>, type: BodyVerb, payload: unknown): SendOutcome {
    const { network, stamp } = this.#parts;
    const { id: re, component } = message;
    // First of all, and before the answer, which may be critical.
    return network.send(stamp.make({ kind: 'control', type, to: peer, re, priority: 'critical', component, payload }));
  }

  /** An answer is remembered by whoever gives it. What was lost or late may be tried anew; what nobody wants may not. */
  #remember(body: IncomingBody, reason: NetworkError): void {
    const { peer, message } = body;
    const isEvent = message.kind === 'event';
    // With all of its body an event is done, and a request is not.
    const failure = body.failure ?? (isEvent ? undefined : reason);
    const isFinal = failure === undefined || failure.code === 'CANCELLED';
    if (!(isEvent || isFinal) || this.past.has(peer, message.id)) body.forget();
    else this.past.add(peer, message.id, { repeat: () => body.admit(), forget: () => body.forget(), isFinal });
  }

  #ofPeer(peer: NodeId): IdMap<IncomingBody> {
    const bodies = this.#byPeer.get(peer) ?? new IdMap<IncomingBody>();
    this.#byPeer.set(peer, bodies);
    return bodies;
  }
}

const unread = ({ message }: IncomingBody): NetworkError =>
  new NetworkError('CANCELLED', `the handler of '${message.type}' has ended without taking all of its body`);
