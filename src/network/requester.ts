import { AbortWatch } from '../base/abort-watch.js';
import type { DeadlineWheel } from '../base/deadline-wheel.js';
import { NetworkError, NetworkTimeoutError } from '../base/errors.js';
import { ANYONE, type NodeId } from '../base/names.js';
import { IdMap } from '../message/id-map.js';
import type { MessageDraft, NetworkMessage } from '../message/message.js';
import type { Stamp } from '../message/stamp.js';
import type { Network } from './network.js';
import { type Refused, refusalOf } from './refusal.js';
import type { RequestTimer } from './request-timer.js';
import type { Body, ProgressListener } from './streams/body.js';
import { type Attendant, type Loss, type Read, Waiting, type WaitingHost } from './waiting.js';

/** What a caller says of a request. */
export interface RequestDraft extends Omit<MessageDraft, 'kind' | 'body'> {
  /** Bytes that go with it, however many: docs/streams.md. */
  readonly body?: Body | undefined;
}

/** One that has no body. */
export type PlainDraft = RequestDraft & { readonly body?: undefined };

export interface RequestLimits {
  /**
   * How long to wait for the answer, in milliseconds; with a body, from the last progress of that on, and from its end.
   * @default 5000
   */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how far the body is: at most every 100 ms, and when the receiver has taken all. */
  readonly onProgress?: ProgressListener | undefined;
}

/** A message that is ready to be sent, and what becomes of it. */
export interface Carriage {
  readonly message: NetworkMessage;
  readonly limits: RequestLimits;
  readonly attendant: Attendant;
  /** What the promise resolves with when an answer comes. */
  readonly read: (answer: NetworkMessage) => unknown;
}

export interface RequesterCounters {
  /** Answers that came after their request had ended, or twice; dropped. */
  lateAnswers: number;
  /** Answers of another peer than the one that was asked; dropped. */
  foreignAnswers: number;
  timeouts: number;
  cancelled: number;
  /** Requests refused because too many were waiting. */
  refused: number;
}

export interface RequesterParts {
  readonly network: Network;
  readonly stamp: Stamp;
  readonly wheel: DeadlineWheel;
  /** Told how long each took that had an answer. @default nobody */
  readonly timer?: RequestTimer | undefined;
}

export const DEFAULT_TIMEOUT_MS = 5000;
/** Requests that may wait for their answers at once; more are refused with BACKPRESSURE. */
const MAX_WAITING_REQUESTS = 1_000_000;

/**
 * Requests over any network: each ends exactly once, with the answer, the peer's error, the deadline,
 * the caller's abort, or the loss of the peer. Late and repeated answers are dropped and counted.
 */
export class Requester implements WaitingHost {
  readonly #network: Network;
  readonly #stamp: Stamp;
  readonly #wheel: DeadlineWheel;
  readonly #timer: RequestTimer | undefined;
  readonly #waiting = new IdMap<Waiting>();
  /** Set once stopped. */
  #stopped: NetworkError | undefined;
  readonly #signals = new AbortWatch<Waiting>((waiting, signal) => this.#aborted(waiting, signal));
  readonly counters: RequesterCounters = { lateAnswers: 0, foreignAnswers: 0, timeouts: 0, cancelled: 0, refused: 0 };

  constructor(parts: RequesterParts) {
    this.#network = parts.network;
    this.#stamp = parts.stamp;
    this.#wheel = parts.wheel;
    this.#timer = parts.timer;
  }

  /** Requests that wait for their answers. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * @param read what the promise resolves with; default the answer itself, kind `response`
   * @throws NetworkError: what the handler said, or TIMEOUT, CANCELLED, CLOSED, UNREACHABLE, BACKPRESSURE, TOO_LARGE,
   *   SERIALIZATION, STOPPED
   */
  request(draft: PlainDraft, limits?: RequestLimits): Promise<NetworkMessage>;
  request<T>(draft: PlainDraft, limits: RequestLimits, read: (answer: NetworkMessage) => T): Promise<T>;
  request(draft: PlainDraft, limits: RequestLimits = {}, read: Read = itself): Promise<unknown> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = limits;
    const message = this.#stamp.makeRequest(draft, Math.max(1, Math.ceil(timeoutMs)));
    return this.#begin(message, limits, { read, attendant: undefined });
  }

  /** Sends a message that somebody attends, and waits for it as for a request. */
  carry<T>({ message, limits, attendant, read }: Carriage): Promise<T> {
    return this.#begin(message, limits, { read, attendant }) as Promise<T>;
  }

  /** Who attends the message of this id, if it was sent through `via`. */
  attendant(id: string | undefined, via: NodeId): Attendant | undefined {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    return waiting?.peer === via ? waiting.attendant : undefined;
  }

  #begin(
    message: NetworkMessage,
    limits: RequestLimits,
    { read, attendant }: { read: Read; attendant: Attendant | undefined },
  ): Promise<unknown> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = limits;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled(message, signal));
        return;
      }
      if (this.#stopped) {
        reject(this.#stopped);
        return;
      }
      if (this.#waiting.size >= MAX_WAITING_REQUESTS) {
        this.counters.refused += 1;
        const text = `${this.#network.self} has ${MAX_WAITING_REQUESTS} requests that wait for answers, its limit`;
        reject(new NetworkError('BACKPRESSURE', text));
        return;
      }
      // An answer never comes inside a call of `send`, so nothing is lost by waiting only afterwards.
      const outcome = this.#network.send(message);
      if (outcome !== 'queued') {
        reject(refusalOf(outcome, this.#refused(message)));
        return;
      }
      const peer = this.#peerOf(message.to);
      const waiting = new Waiting(this, { message, peer, resolve, reject, read, timeoutMs, signal, attendant });
      this.#waiting.add(waiting);
      this.#wheel.add(waiting, timeoutMs);
      if (signal) this.#signals.add(signal, waiting);
      attendant?.began(waiting);
    });
  }

  /**
   * Takes a response or an error that arrived; false if nobody waits for it any more.
   * @param via the peer that sent it: ids can be guessed, so only the one that was asked may answer
   */
  answer(message: NetworkMessage, via: NodeId): boolean {
    const waiting = message.re === undefined ? undefined : this.#waiting.get(message.re);
    if (waiting?.peer !== via) {
      this.counters[waiting ? 'foreignAnswers' : 'lateAnswers'] += 1;
      return false;
    }
    waiting.settle();
    this.#timer?.ended(waiting.startedAt);
    waiting.answered(message);
    return true;
  }

  /** The connection to `peer` ended: whatever went there will not be answered any more. */
  peerLost(peer: NodeId, error: NetworkError, loss: Loss): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.peer === peer) waiting.lost(error, loss);
    }
  }

  /** It is known that this one will not be answered. */
  failed(id: string, error: NetworkError): void {
    this.#waiting.get(id)?.lost(error, 'undelivered');
  }

  /** Ends every request that waits, and every one that is still to come. */
  stop(error: NetworkError): void {
    this.#stopped = error;
    for (const waiting of this.#waiting.values()) waiting.fail(error);
  }

  /** @internal */
  prolong(waiting: Waiting, timeoutMs: number): void {
    this.#wheel.add(waiting, timeoutMs);
  }

  /** @internal */
  forget(waiting: Waiting): void {
    this.#wheel.remove(waiting);
    this.#waiting.delete(waiting);
    if (waiting.signal) this.#signals.remove(waiting.signal, waiting);
  }

  /** @internal */
  expired(waiting: Waiting, said: NetworkError | undefined): void {
    this.counters.timeouts += 1;
    const { to, type } = waiting.message;
    const text = `no answer to '${type}' from ${nameOf(to)} within ${Math.round(waiting.timeoutMs)} ms`;
    waiting.reject(said ?? new NetworkTimeoutError(text, { node: to }));
  }

  #aborted(waiting: Waiting, signal: AbortSignal): void {
    if (!waiting.settle()) return;
    this.counters.cancelled += 1;
    const { id, to } = waiting.message;
    this.#network.send(this.#stamp.make({ kind: 'control', type: 'cancel', to, re: id }));
    waiting.reject(cancelled(waiting.message, signal));
  }

  #refused({ type, to }: NetworkMessage): Refused {
    const { self, upstream } = this.#network;
    return { self, type, to, target: to === undefined || to === ANYONE ? (upstream ?? 'the leader') : to };
  }

  /** The connection that a message to `to` leaves through. */
  #peerOf(to: NodeId | undefined): NodeId | undefined {
    return to !== undefined && this.#network.peers.has(to) ? to : (this.#network.upstream ?? to);
  }
}

const itself: Read = (answer) => answer;

/** Whom a message is for, in words. */
export const nameOf = (to: NodeId | undefined): string => (to === ANYONE ? 'anybody' : (to ?? 'the leader'));

function cancelled(message: NetworkMessage, signal: AbortSignal): NetworkError {
  return new NetworkError('CANCELLED', `the caller gave up on '${message.type}'`, { cause: signal.reason });
}
