import { Abortable } from '../base/abortable.js';
import type { Clock } from '../base/clock.js';
import type { NetworkError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { BodyOwner, IncomingBody } from '../network/streams/incoming-body.js';
import type { HandlerContext } from './handler.js';
import type { Lane } from './lane.js';

/** What every invocation of a node shares. */
export interface Workplace {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  expired(invocation: Invocation): void;
  bodyGotOn(invocation: Invocation, arrived: boolean): void;
  bodyGivenUp(invocation: Invocation, error: NetworkError): void;
}

export interface Arrival {
  readonly lane: Lane<Invocation>;
  readonly message: NetworkMessage;
  readonly via: NodeId;
}

/** One message on its way through a handler; it is the context that the handler sees. */
export class Invocation extends Abortable implements HandlerContext, BodyOwner {
  readonly #workplace: Workplace;
  readonly lane: Lane<Invocation>;
  readonly message: NetworkMessage;
  /** The peer that handed it to us: the only one that may cancel it. */
  readonly via: NodeId;
  readonly attempt = 1;
  body: IncomingBody | undefined = undefined;
  /** Its caller is not there, and may come back. */
  parked = false;
  /** When the caller stops waiting, and when the handler has had all its time; on the clock's scale. */
  #callerEndsAt: number | undefined;
  readonly #ownEndsAt: number | undefined;
  /** Someone has said how it ended; what the handler still returns is dropped. */
  answered = false;

  constructor(workplace: Workplace, arrival: Arrival) {
    super();
    this.#workplace = workplace;
    this.lane = arrival.lane;
    this.message = arrival.message;
    this.via = arrival.via;
    const own = arrival.lane.handler.options.timeoutMs;
    const { ttl } = arrival.message;
    if (own === undefined && ttl === undefined) return;
    const now = workplace.clock.now();
    if (own !== undefined) this.#ownEndsAt = now + own;
    if (ttl !== undefined) this.#callerEndsAt = now + ttl;
  }

  /** The caller waits for so many milliseconds from now. */
  prolong(ttl: number): void {
    this.#callerEndsAt = this.clock.now() + ttl;
  }

  get node(): NodeId {
    return this.#workplace.node;
  }

  get clock(): Clock {
    return this.#workplace.clock;
  }

  get log(): Log {
    return this.#workplace.log;
  }

  /** Until the sooner of the caller's patience and the handler's own limit. */
  get remainingMs(): number | undefined {
    const endsAt = this.ownLimit ? this.#ownEndsAt : this.#callerEndsAt;
    return endsAt === undefined ? undefined : Math.max(0, endsAt - this.clock.now());
  }

  /** Whether the deadline is the handler's own limit, which deserves an answer, or the caller's. */
  get ownLimit(): boolean {
    const [own, caller] = [this.#ownEndsAt, this.#callerEndsAt];
    return own !== undefined && (caller === undefined || own < caller);
  }

  expire(): void {
    this.#workplace.expired(this);
  }

  bodyGotOn(arrived: boolean): void {
    this.#workplace.bodyGotOn(this, arrived);
  }

  bodyGivenUp(error: NetworkError): void {
    this.#workplace.bodyGivenUp(this, error);
  }
}
