import type { Clock } from '../base/clock.js';
import type { DeadlineWheel } from '../base/deadline-wheel.js';
import { type Deferred, deferred, isPromise } from '../base/deferred.js';
import { messageOf, NetworkError, NetworkTimeoutError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { Stamp } from '../message/stamp.js';
import { type Answer, handlerError, sendAnswer } from './answer.js';
import type { MessageHandler } from './message-handler.js';
import type { Network, Peer } from './network.js';
import { type Counter, Serving, Servings } from './serving.js';

/** Handlers that may run at once; requests beyond them are answered OVERLOADED, events are dropped. */
const MAX_RUNNING = 10_000;

export interface ReceptionCounters {
  /** Messages that the handler took to its end. */
  handled: number;
  /** Messages whose handler threw. */
  failed: number;
  /** Answered OVERLOADED, or dropped: too many handlers were running. */
  overloaded: number;
  /** Requests that nobody here takes. */
  noHandler: number;
  /** Repeats of a request that is still being handled; one answer serves them all. */
  duplicates: number;
  /** Requests whose caller gave up, was lost, or had no time left before the handler was done. */
  abandoned: number;
  /** Answers that could not be queued: the caller was gone or did not read. */
  unsentAnswers: number;
}

interface ReceptionParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly stamp: Stamp;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
}

/** Runs a MessageHandler for what arrives, and sends its answers. */
export class Reception implements Counter {
  readonly clock: Clock;
  readonly #network: Network;
  readonly #sender: Pick<ReceptionParts, 'network' | 'stamp'>;
  readonly #wheel: DeadlineWheel;
  readonly #log: Log;
  readonly #running = new Servings();
  #idle: Deferred<void> | undefined;
  #closed = false;
  handler: MessageHandler | undefined;
  readonly counters: ReceptionCounters = {
    handled: 0,
    failed: 0,
    overloaded: 0,
    noHandler: 0,
    duplicates: 0,
    abandoned: 0,
    unsentAnswers: 0,
  };

  constructor(parts: ReceptionParts) {
    this.clock = parts.clock;
    this.#network = parts.network;
    this.#sender = parts;
    this.#wheel = parts.wheel;
    this.#log = parts.log;
  }

  /** A request or an event, for the handler. */
  take(message: NetworkMessage, peer: Peer): void {
    if (!this.handler || this.#closed) {
      this.turnAway(message);
      return;
    }
    if (message.kind === 'request' && this.#running.size > 0 && this.#repeats(message, peer)) return;
    if (this.#running.size >= MAX_RUNNING) {
      this.counters.overloaded += 1;
      const text = `${this.#network.self} has ${MAX_RUNNING} messages in hand, its limit`;
      this.#answerError(message, new NetworkError('OVERLOADED', text));
      return;
    }
    this.#run(this.handler, new Serving(this, message, peer));
  }

  /** Answers a request that nobody here takes. */
  turnAway(message: NetworkMessage): void {
    if (message.kind !== 'request') return;
    const { self } = this.#network;
    if (!this.#closed) this.counters.noHandler += 1;
    const error = this.#closed
      ? new NetworkError('UNREACHABLE', `${self} is shutting down`)
      : new NetworkError('NO_HANDLER', `${self} has no handler for '${message.type}'`);
    this.#answerError(message, error);
  }

  /** The caller gave up. Only the peer that handed the request to us may say so. */
  cancel(message: NetworkMessage, peer: Peer): void {
    const serving = message.re === undefined ? undefined : this.#running.get(peer.node, message.re);
    if (!serving) return;
    const text = `${message.from} gave up on '${serving.message.type}'`;
    this.#giveUp(serving, new NetworkError('CANCELLED', text));
  }

  peerLost(peer: NodeId): void {
    for (const serving of this.#running.of(peer)) {
      const text = `${peer} was lost while it waited for '${serving.message.type}'`;
      this.#giveUp(serving, new NetworkError('CLOSED', text));
    }
  }

  expired(serving: Serving): void {
    const { from, type } = serving.message;
    this.#giveUp(serving, new NetworkTimeoutError(`${from} waits no longer for '${type}'`));
  }

  /** Takes nothing new, waits at most `graceMs` for what runs, then aborts it and answers CLOSED. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.#running.size === 0) return;
    this.#idle = deferred();
    const timer = this.clock.setTimer(graceMs, this.#idle.resolve);
    await this.#idle.promise;
    timer.cancel();
    const cut = new NetworkError('CLOSED', `${this.#network.self} was stopped before it was done`);
    for (const serving of this.#running.all()) {
      this.#wheel.remove(serving);
      this.#answerError(serving.message, cut);
      this.#running.abandon(serving, cut);
    }
  }

  /** Whether it is in hand already: then that one answers it as well, and has as much time as the repeat says. */
  #repeats(message: NetworkMessage, peer: Peer): boolean {
    const serving = this.#running.get(peer.node, message.id);
    if (!serving) return false;
    this.counters.duplicates += 1;
    if (message.ttl !== undefined) {
      serving.prolong(message.ttl);
      this.#wheel.add(serving, message.ttl);
    }
    return true;
  }

  #run(handler: MessageHandler, serving: Serving): void {
    let result: unknown;
    try {
      result = handler.handle(serving.message, serving);
    } catch (error) {
      this.#failed(serving, error);
      return;
    }
    if (!isPromise(result)) {
      this.#succeeded(serving, result);
      return;
    }
    this.#running.add(serving);
    if (serving.remainingMs !== undefined) this.#wheel.add(serving, serving.remainingMs);
    // Whatever can be waited for, but each only once.
    Promise.resolve(result).then(
      (value) => {
        this.#ended(serving);
        this.#succeeded(serving, value);
      },
      (error) => {
        this.#ended(serving);
        this.#failed(serving, error);
      },
    );
  }

  #ended(serving: Serving): void {
    this.#wheel.remove(serving);
    this.#running.remove(serving);
    if (this.#running.size === 0) this.#idle?.resolve();
  }

  #succeeded(serving: Serving, value: unknown): void {
    this.counters.handled += 1;
    const { message } = serving;
    if (value === undefined || message.kind !== 'request' || serving.aborted) return;
    try {
      this.#answer(message, 'response', value);
    } catch (error) {
      const text = `'${message.type}' returned what cannot be sent: ${messageOf(error)}`;
      this.#answerError(message, new NetworkError('HANDLER_FAILED', text));
    }
  }

  #failed(serving: Serving, thrown: unknown): void {
    this.counters.failed += 1;
    const { message } = serving;
    if (message.kind !== 'request') {
      this.#log.warn({ type: message.type, from: message.from, err: messageOf(thrown) }, 'an event handler failed');
      return;
    }
    if (!serving.aborted) this.#answerError(message, handlerError(thrown));
  }

  #giveUp(serving: Serving, error: NetworkError): void {
    this.counters.abandoned += 1;
    this.#wheel.remove(serving);
    this.#running.abandon(serving, error);
  }

  #answerError(message: NetworkMessage, error: NetworkError): void {
    if (message.kind === 'request') this.#answer(message, 'error', error.toWire());
  }

  /** @throws NetworkError SERIALIZATION */
  #answer(request: NetworkMessage, kind: Answer['kind'], payload: unknown): void {
    if (!sendAnswer(this.#sender, request, { kind, payload })) this.counters.unsentAnswers += 1;
  }
}
