import type { Clock } from '../base/clock.js';
import type { DeadlineWheel } from '../base/deadline-wheel.js';
import { type Deferred, deferred, isPromise } from '../base/deferred.js';
import { messageOf, NetworkError, NetworkTimeoutError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { type NodeId, RESERVED_PREFIX } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import { rawSizeOf } from '../message/raw-payload.js';
import { handlerError } from '../network/answer.js';
import type { Arrival, Replies } from '../network/replies.js';
import { isTracked } from '../network/serving.js';
import type { Bodies } from '../network/streams/bodies.js';
import { execute } from './execution.js';
import type { Handler } from './handler.js';
import { Invocation, type Workplace } from './invocation.js';
import { Lane } from './lane.js';
import { LiveRequests } from './live-requests.js';
import { Patience } from './patience.js';

export interface DispatcherCounters {
  handled: number;
  failed: number;
  /** Answered OVERLOADED: the handler's queue was full. */
  overloaded: number;
  noHandler: number;
  /** Repeats of a request that is still being handled; one answer serves them all. */
  duplicates: number;
  /** Requests whose caller gave up, or whose time was over, before the handler was done. */
  abandoned: number;
}

interface DispatcherParts {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
  readonly replies: Replies;
  readonly bodies: Bodies;
}

/** Runs handlers for the messages that are meant for this node, within their limits. */
export class Dispatcher implements Workplace {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  readonly #patience: Patience;
  readonly #replies: Replies;
  readonly #bodies: Bodies;
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
    this.#patience = new Patience(parts.wheel, parts.bodies.limits.resumeMs);
    this.#replies = parts.replies;
    this.#bodies = parts.bodies;
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
    const live = isTracked(message) ? this.#live.of(via) : undefined;
    if (live && this.#repeats(message, via)) return;
    const lane = this.#lanes.get(message.type);
    if (this.#closed || !lane) {
      this.#turnAway({ message, via });
      return;
    }
    const invocation = new Invocation(this, { lane, message, via });
    const verdict = lane.enter(invocation, rawSizeOf(message));
    if (verdict === 'full') {
      this.counters.overloaded += 1;
      const text = `${this.node} has ${lane.running} '${message.type}' running and ${lane.waiting} waiting, its limit`;
      this.#replies.refuse(invocation, new NetworkError('OVERLOADED', text));
      return;
    }
    live?.add(invocation);
    const refusal = message.body && this.#open(invocation);
    if (refusal) this.#refuse(invocation, refusal);
    if (verdict === 'run') this.#run(invocation);
    else if (!refusal) this.#patience.begin(invocation);
  }

  /** The caller gave up. Only the peer that handed the request to us may say so. */
  cancel(id: string, via: NodeId): void {
    const invocation = this.#live.get(via, id);
    if (invocation) this.#giveUp(invocation, gaveUp(invocation));
  }

  /**
   * The connection that handed these to us ended: nobody waits for their answers any more, but who may come back.
   * @param left it said goodbye
   */
  abandon(via: NodeId, left: boolean): void {
    for (const invocation of this.#live.leftBy(via)) {
      if (!left && invocation.body?.resumable) this.#patience.park(invocation);
      else this.#giveUp(invocation, gaveUp(invocation));
    }
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
    const { message, body, ownLimit, parked, lane } = invocation;
    const { from, type } = message;
    if (ownLimit) {
      const { timeoutMs } = lane.handler.options;
      const error = new NetworkTimeoutError(`'${type}' on ${this.node} took longer than its limit of ${timeoutMs} ms`);
      this.counters.abandoned += 1;
      this.#refuse(invocation, error);
    } else if (parked) {
      const text = `${from} did not come back to '${type}' within ${this.#bodies.limits.resumeMs} ms`;
      this.#giveUp(invocation, new NetworkError('CLOSED', text));
    } else if (body?.resumable && !body.isOver && !body.failure) this.#patience.park(invocation);
    else this.#giveUp(invocation, new NetworkTimeoutError(`${from} waits no longer for '${type}'`));
  }

  bodyGotOn(invocation: Invocation, arrived: boolean): void {
    this.#patience.bodyGotOn(invocation, arrived);
  }

  bodyGivenUp(invocation: Invocation, error: NetworkError): void {
    this.#giveUp(invocation, error);
  }

  #giveUp(invocation: Invocation, error: NetworkError): void {
    // A client that has seen enough of the status is no news.
    if (!invocation.message.type.startsWith(RESERVED_PREFIX)) this.counters.abandoned += 1;
    this.#end(invocation, error);
    invocation.abort(error);
  }

  /** Whether it is in hand, or was: then its answer serves this one too, and it has as much time as the repeat says. */
  #repeats(message: NetworkMessage, via: NodeId): boolean {
    const { id, ttl, body } = message;
    const invocation = this.#live.get(via, id);
    if (!invocation) return message.body !== undefined && this.#bodies.incoming.past.repeat(via, message);
    this.counters.duplicates += 1;
    this.#patience.prolong(invocation, ttl);
    invocation.body?.admit(body?.attempt);
    return true;
  }

  #open(invocation: Invocation): NetworkError | undefined {
    const { message, via } = invocation;
    const body = this.#bodies.incoming.open({ message, peer: via, owner: invocation });
    if (body instanceof NetworkError) return body;
    invocation.body = body;
    return undefined;
  }

  #run(invocation: Invocation): void {
    this.#running += 1;
    if (invocation.aborted) {
      this.#leave(invocation, undefined);
      return;
    }
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
    if (!invocation.armed) this.#patience.begin(invocation);
    if (!isTracked(invocation.message)) this.#events.add(invocation);
    // Whatever can be waited for, but each only once.
    Promise.resolve(result).then(
      (value) => this.#succeeded(invocation, value),
      (error) => this.#failed(invocation, error),
    );
  }

  #succeeded(invocation: Invocation, value: unknown): void {
    this.counters.handled += 1;
    // First of all: the asker can go on while we keep our books.
    if (!invocation.answered && invocation.message.kind === 'request') this.#replies.value(invocation, value);
    this.#leave(invocation, undefined);
  }

  #failed(invocation: Invocation, thrown: unknown): void {
    this.counters.failed += 1;
    const { answered, message, body } = invocation;
    // What went wrong with the body is the sender's to know, whatever it is.
    const own = body?.failure && thrown === body.failure ? body.failure.code : 'NAME_IN_USE';
    const error = handlerError(thrown, own);
    if (message.kind !== 'request') {
      this.log.warn({ type: message.type, from: message.from, err: messageOf(thrown) }, 'an event handler failed');
    } else if (!answered) this.#replies.error(invocation, error);
    this.#leave(invocation, error);
  }

  /** Gives the place in the lane to the next one. @param error why the handler has ended, if it failed */
  #leave(invocation: Invocation, error: NetworkError | undefined): void {
    this.#end(invocation, error);
    this.#running -= 1;
    if (!isTracked(invocation.message)) this.#events.delete(invocation);
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

  /** From here on nobody waits for this invocation, or for its body. */
  #end(invocation: Invocation, error: NetworkError | undefined): void {
    const { body } = invocation;
    invocation.answered = true;
    this.#patience.end(invocation);
    this.#live.remove(invocation);
    if (body) this.#bodies.incoming.close(body, error);
  }

  /** Its handler has not begun, or is to end. */
  #refuse(invocation: Invocation, error: NetworkError): void {
    if (invocation.answered) return;
    this.#replies.refuse(invocation, error);
    this.#end(invocation, error);
    invocation.abort(error);
  }

  #turnAway(arrival: Arrival): void {
    if (!this.#closed) this.counters.noHandler += 1;
    this.#replies.refuse(arrival, this.#closed ? this.#shuttingDown() : this.#noHandler(arrival.message.type));
  }

  #noHandler(type: string): NetworkError {
    return new NetworkError('NO_HANDLER', `${this.node} has no handler for '${type}'`);
  }

  #shuttingDown(): NetworkError {
    return new NetworkError('UNREACHABLE', `${this.node} is shutting down`);
  }
}

const gaveUp = ({ message: { from, type } }: Invocation): NetworkError =>
  new NetworkError('CANCELLED', `${from} gave up on '${type}'`);
