import type { Clock } from '../base/clock.js';
import type { DeadlineWheel } from '../base/deadline-wheel.js';
import { type Deferred, deferred, isPromise } from '../base/deferred.js';
import { messageOf, NetworkError, NetworkTimeoutError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { type NodeId, RESERVED_PREFIX } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import { rawSizeOf } from '../message/raw-payload.js';
import { handlerError } from '../network/answer.js';
import { execute } from './execution.js';
import type { Handler } from './handler.js';
import { Invocation, type Workplace } from './invocation.js';
import { Lane } from './lane.js';
import { LiveRequests } from './live-requests.js';

export interface DispatcherCounters {
  handled: number;
  failed: number;
  /** Answered OVERLOADED: the handler's queue was full. */
  overloaded: number;
  noHandler: number;
  /** Repeats of a request that is still being handled; ignored. */
  duplicates: number;
  /** Requests whose caller gave up, or whose time was over, before the handler was done. */
  abandoned: number;
}

/** How an answer leaves. */
export type Reply = (request: NetworkMessage, kind: 'response' | 'error', payload: unknown) => void;

interface DispatcherParts {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
  readonly reply: Reply;
}

/** Runs handlers for the messages that are meant for this node, within their limits. */
export class Dispatcher implements Workplace {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  readonly #wheel: DeadlineWheel;
  readonly #reply: Reply;
  readonly #lanes = new Map<string, Lane<Invocation>>();
  readonly #live = new LiveRequests();
  /** Events whose handlers have not come to their end: nobody waits for them, but they are told of a stop. */
  readonly #events = new Set<Invocation>();
  #running = 0;
  #idle: Deferred<void> | undefined;
  #closed = false;
  readonly counters: DispatcherCounters = {
    handled: 0,
    failed: 0,
    overloaded: 0,
    noHandler: 0,
    duplicates: 0,
    abandoned: 0,
  };

  constructor(parts: DispatcherParts) {
    this.node = parts.node;
    this.clock = parts.clock;
    this.log = parts.log;
    this.#wheel = parts.wheel;
    this.#reply = parts.reply;
  }

  /** Handlers that run at this moment, over all types. */
  get running(): number {
    return this.#running;
  }

  /** How many of one type run. */
  runningOf(type: string): number {
    return this.#lanes.get(type)?.running ?? 0;
  }

  get types(): readonly string[] {
    return [...this.#lanes.keys()];
  }

  has(type: string): boolean {
    return this.#lanes.has(type);
  }

  /** Replaces what was registered for the type; what already runs or waits there ends as it began. */
  register(handler: Handler): void {
    this.#lanes.set(handler.type, new Lane(handler));
  }

  /** What waits is answered NO_HANDLER; what runs may end. */
  remove(type: string): boolean {
    const lane = this.#lanes.get(type);
    if (!lane) return false;
    this.#lanes.delete(type);
    for (const invocation of lane.clear()) this.#refuse(invocation, this.#noHandler(type));
    return true;
  }

  /** @param via the peer that handed it to us */
  dispatch(message: NetworkMessage, via: NodeId): void {
    const lane = this.#lanes.get(message.type);
    if (this.#closed || !lane) {
      this.#turnAway(message);
      return;
    }
    const live = message.kind === 'request' ? this.#live.of(via) : undefined;
    if (live?.has(message.id)) {
      this.counters.duplicates += 1;
      return;
    }
    const invocation = new Invocation(this, { lane, message, via });
    const verdict = lane.enter(invocation, rawSizeOf(message));
    if (verdict === 'full') {
      this.counters.overloaded += 1;
      const text = `${this.node} has ${lane.running} '${message.type}' running and ${lane.waiting} waiting, its limit`;
      this.#answerError(message, new NetworkError('OVERLOADED', text));
      return;
    }
    live?.add(invocation);
    if (verdict === 'run') this.#run(invocation);
    else this.#arm(invocation);
  }

  /** The caller gave up. Only the peer that handed the request to us may say so. */
  cancel(id: string, via: NodeId): void {
    const invocation = this.#live.get(via, id);
    if (invocation) this.#giveUp(invocation);
  }

  /** The connection that handed these to us ended: nobody waits for their answers any more. */
  abandon(via: NodeId): void {
    for (const invocation of this.#live.take(via)) this.#giveUp(invocation);
  }

  /** Takes nothing new, waits at most `graceMs` for what runs, then aborts it. What waits is refused at once. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const refusal = this.#shuttingDown();
    for (const lane of this.#lanes.values()) {
      for (const invocation of lane.clear()) this.#refuse(invocation, refusal);
    }
    if (this.#running === 0) return;
    this.#idle ??= deferred();
    const timer = this.clock.setTimer(graceMs, () => this.#idle?.resolve());
    await this.#idle.promise;
    timer.cancel();
    // These have begun: an answer that says otherwise would have the leader give them to another node as well.
    const cut = new NetworkError('CLOSED', `${this.node} was stopped before it was done`);
    for (const invocation of this.#live.all()) this.#refuse(invocation, cut);
    for (const invocation of this.#events) invocation.abort(cut);
  }

  expired(invocation: Invocation): void {
    const { message } = invocation;
    const { timeoutMs } = invocation.lane.handler.options;
    this.counters.abandoned += 1;
    this.#end(invocation);
    const error = invocation.ownLimit
      ? new NetworkTimeoutError(`'${message.type}' on ${this.node} took longer than its limit of ${timeoutMs} ms`)
      : new NetworkTimeoutError(`${message.from} waits no longer for '${message.type}'`);
    if (invocation.ownLimit) this.#answerError(message, error);
    invocation.abort(error);
  }

  #giveUp(invocation: Invocation): void {
    const { from, type } = invocation.message;
    // A client that has seen enough of the status is no news.
    if (!type.startsWith(RESERVED_PREFIX)) this.counters.abandoned += 1;
    this.#end(invocation);
    invocation.abort(new NetworkError('CANCELLED', `${from} gave up on '${type}'`));
  }

  #run(invocation: Invocation): void {
    this.#running += 1;
    let result: unknown;
    try {
      result = execute(invocation);
    } catch (error) {
      this.#failed(invocation, error);
      return;
    }
    if (!isPromise(result)) {
      this.#succeeded(invocation, result);
      return;
    }
    if (!invocation.armed) this.#arm(invocation);
    if (invocation.message.kind !== 'request') this.#events.add(invocation);
    // Whatever can be waited for, but each only once.
    Promise.resolve(result).then(
      (value) => this.#succeeded(invocation, value),
      (error) => this.#failed(invocation, error),
    );
  }

  #succeeded(invocation: Invocation, value: unknown): void {
    this.counters.handled += 1;
    // First of all: the asker can go on while we keep our books.
    if (!invocation.answered && invocation.message.kind === 'request') this.#answer(invocation.message, value);
    this.#leave(invocation);
  }

  #answer(message: NetworkMessage, value: unknown): void {
    try {
      this.#reply(message, 'response', value);
    } catch (error) {
      const text = `'${message.type}' returned what cannot be sent: ${messageOf(error)}`;
      this.#answerError(message, new NetworkError('HANDLER_FAILED', text));
    }
  }

  #failed(invocation: Invocation, thrown: unknown): void {
    this.counters.failed += 1;
    const answered = invocation.answered;
    this.#leave(invocation);
    const { message } = invocation;
    if (message.kind !== 'request') {
      this.log.warn({ type: message.type, from: message.from, err: messageOf(thrown) }, 'an event handler failed');
      return;
    }
    if (!answered) this.#answerError(message, handlerError(thrown, 'NAME_IN_USE'));
  }

  /** Gives the place in the lane to the next one. */
  #leave(invocation: Invocation): void {
    this.#end(invocation);
    this.#running -= 1;
    if (invocation.message.kind !== 'request') this.#events.delete(invocation);
    const next = this.#nextIn(invocation.lane);
    if (next) this.#run(next);
    if (this.#running === 0) this.#idle?.resolve();
  }

  /** Whoever waits in the lane of a handler that was replaced before the stop is still there. */
  #nextIn(lane: Lane<Invocation>): Invocation | undefined {
    let next = lane.leave();
    while (next && this.#closed) {
      this.#refuse(next, this.#shuttingDown());
      next = lane.leave();
    }
    return next;
  }

  /** From here on nobody waits for this invocation. */
  #end(invocation: Invocation): void {
    invocation.answered = true;
    this.#wheel.remove(invocation);
    this.#live.remove(invocation);
  }

  #refuse(invocation: Invocation, error: NetworkError): void {
    if (invocation.answered) return;
    this.#end(invocation);
    this.#answerError(invocation.message, error);
    invocation.abort(error);
  }

  #arm(invocation: Invocation): void {
    const limitMs = invocation.limitMs;
    if (limitMs !== undefined) this.#wheel.add(invocation, limitMs);
  }

  #turnAway(message: NetworkMessage): void {
    if (!this.#closed) this.counters.noHandler += 1;
    this.#answerError(message, this.#closed ? this.#shuttingDown() : this.#noHandler(message.type));
  }

  #answerError(message: NetworkMessage, error: NetworkError): void {
    if (message.kind === 'request') this.#reply(message, 'error', error.toWire());
  }

  #noHandler(type: string): NetworkError {
    return new NetworkError('NO_HANDLER', `${this.node} has no handler for '${type}'`);
  }

  #shuttingDown(): NetworkError {
    return new NetworkError('UNREACHABLE', `${this.node} is shutting down`);
  }
}
