import type { Clock } from '../base/clock.js';
import type { DeadlineWheel } from '../base/deadline-wheel.js';
import { type Deferred, deferred, isPromise } from '../base/deferred.js';
import { messageOf, NetworkError, NetworkTimeoutError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { Stamp } from '../message/stamp.js';
import { handlerError } from './answer.js';
import type { MessageHandler } from './message-handler.js';
import type { Network, Peer } from './network.js';
import { Replies } from './replies.js';
import { type Counter, isTracked, Serving, Servings } from './serving.js';
import type { Bodies } from './streams/bodies.js';

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
}

interface ReceptionParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly stamp: Stamp;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
  readonly bodies: Bodies;
}

/** Runs a MessageHandler for what arrives, and sends its answers. */
export class Reception implements Counter {
  readonly clock: Clock;
  readonly #network: Network;
  readonly #bodies: Bodies;
  readonly #replies: Replies;
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
  };

  constructor(parts: ReceptionParts) {
    this.clock = parts.clock;
    this.#network = parts.network;
    this.#bodies = parts.bodies;
    this.#replies = new Replies({ ...parts, bodies: parts.bodies.incoming });
    this.#wheel = parts.wheel;
    this.#log = parts.log;
  }

  /** Answers that could not be queued: the caller was gone or did not read. */
  get unsentAnswers(): number {
    return this.#replies.unsent;
  }

  /** A request or an event, for the handler. */
  take(message: NetworkMessage, peer: Peer): void {
    if (isTracked(message) && this.#repeats(message, peer)) return;
    if (!this.handler || this.#closed) {
      this.turnAway(message, peer);
      return;
    }
    if (this.#running.size >= MAX_RUNNING) {
      this.counters.overloaded += 1;
      const text = `${this.#network.self} has ${MAX_RUNNING} messages in hand, its limit`;
      this.#replies.refuse({ message, via: peer.node }, new NetworkError('OVERLOADED', text));
      return;
    }
    const serving = new Serving(this, message, peer);
    const refusal = message.body && this.#open(serving);
    if (refusal) this.#replies.refuse(serving, refusal);
    else this.#run(this.handler, serving);
  }

  /** Answers what nobody here takes. */
  turnAway(message: NetworkMessage, peer: Peer): void {
    if (!isTracked(message)) return;
    const { self } = this.#network;
    if (!this.#closed) this.counters.noHandler += 1;
    const error = this.#closed
      ? new NetworkError('UNREACHABLE', `${self} is shutting down`)
      : new NetworkError('NO_HANDLER', `${self} has no handler for '${message.type}'`);
    this.#replies.refuse({ message, via: peer.node }, error);
  }

  /** The caller gave up. Only the peer that handed the request to us may say so. */
  cancel(message: NetworkMessage, peer: Peer): void {
    const serving = message.re === undefined ? undefined : this.#running.get(peer.node, message.re);
    if (!serving) return;
    const text = `${message.from} gave up on '${serving.message.type}'`;
    this.#giveUp(serving, new NetworkError('CANCELLED', text));
  }

  /** @param left it said goodbye */
  peerLost(peer: NodeId, left: boolean): void {
    for (const serving of this.#running.of(peer)) {
      const text = `${peer} was lost while it waited for '${serving.message.type}'`;
      if (!left && serving.body?.resumable) this.#park(serving);
      else this.#giveUp(serving, new NetworkError('CLOSED', text));
    }
  }

  expired(serving: Serving): void {
    const { message, body, parked } = serving;
    const { from, type } = message;
    if (parked) {
      const text = `${from} did not come back to '${type}' within ${this.#bodies.limits.resumeMs} ms`;
      this.#giveUp(serving, new NetworkError('CLOSED', text));
    } else if (body?.resumable && !body.isOver && !body.failure) this.#park(serving);
    else this.#giveUp(serving, new NetworkTimeoutError(`${from} waits no longer for '${type}'`));
  }

  bodyGotOn(serving: Serving, arrived: boolean): void {
    if (serving.aborted || (serving.parked && !arrived)) return;
    this.#prolong(serving, serving.message.ttl);
  }

  bodyGivenUp(serving: Serving, error: NetworkError): void {
    this.#giveUp(serving, error);
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
      this.#replies.error(serving, cut);
      this.#running.abandon(serving, cut);
      this.#close(serving, cut);
    }
  }

  /** Whether it is in hand already: then that one answers it as well, and has as much time as the repeat says. */
  #repeats(message: NetworkMessage, peer: Peer): boolean {
    const serving = this.#running.size === 0 ? undefined : this.#running.get(peer.node, message.id);
    if (!serving) return message.body !== undefined && this.#bodies.incoming.past.repeat(peer.node, message);
    this.counters.duplicates += 1;
    this.#prolong(serving, message.ttl);
    serving.body?.admit(message.body?.attempt);
    return true;
  }

  #prolong(serving: Serving, ttl: number | undefined): void {
    serving.parked = false;
    if (ttl === undefined) return;
    serving.prolong(ttl);
    this.#wheel.add(serving, ttl);
  }

  /** Its caller is away, and may come back with its body. */
  #park(serving: Serving): void {
    const { resumeMs } = this.#bodies.limits;
    serving.parked = true;
    serving.prolong(resumeMs);
    this.#wheel.add(serving, resumeMs);
  }

  #open(serving: Serving): NetworkError | undefined {
    const { message, peer } = serving;
    const body = this.#bodies.incoming.open({ message, peer: peer.node, owner: serving });
    if (body instanceof NetworkError) return body;
    serving.body = body;
    return undefined;
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
    if (message.kind === 'request' && !serving.aborted) {
      if (value === undefined) this.#replies.none(serving);
      else this.#replies.value(serving, value);
    }
    this.#close(serving, undefined);
  }

  #failed(serving: Serving, thrown: unknown): void {
    this.counters.failed += 1;
    const { message, body } = serving;
    // What went wrong with the body is the sender's to know, whatever it is.
    const error = handlerError(thrown, body?.failure && thrown === body.failure ? body.failure.code : undefined);
    if (message.kind !== 'request') {
      this.#log.warn({ type: message.type, from: message.from, err: messageOf(thrown) }, 'an event handler failed');
    } else if (!serving.aborted) this.#replies.error(serving, error);
    this.#close(serving, error);
  }

  #giveUp(serving: Serving, error: NetworkError): void {
    this.counters.abandoned += 1;
    this.#wheel.remove(serving);
    this.#running.abandon(serving, error);
    this.#close(serving, error);
  }

  /** The body of a message that has ended ends with it. */
  #close({ body }: Serving, reason: NetworkError | undefined): void {
    if (body) this.#bodies.incoming.close(body, reason);
  }
}
