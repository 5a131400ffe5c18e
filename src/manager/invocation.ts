import { Abortable } from '../base/abortable.js';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { HandlerContext } from './handler.js';
import type { Lane } from './lane.js';

/** What every invocation of a node shares. */
export interface Workplace {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  expired(invocation: Invocation): void;
}

export interface Arrival {
  readonly lane: Lane<Invocation>;
  readonly message: NetworkMessage;
  readonly via: NodeId;
}

/** One message on its way through a handler; it is the context that the handler sees. */
export class Invocation extends Abortable implements HandlerContext {
  readonly #workplace: Workplace;
  readonly lane: Lane<Invocation>;
  readonly message: NetworkMessage;
  /** The peer that handed it to us: the only one that may cancel it. */
  readonly via: NodeId;
  readonly attempt = 1;
  readonly #receivedAt: number;
  /** Someone has said how it ended; what the handler still returns is dropped. */
  answered = false;
  /** Whether the deadline is the handler's own limit, which deserves an answer, or the caller's. */
  ownLimit = false;

  constructor(workplace: Workplace, arrival: Arrival) {
    super();
    this.#workplace = workplace;
    this.lane = arrival.lane;
    this.message = arrival.message;
    this.via = arrival.via;
    this.#receivedAt = workplace.clock.now();
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

  get remainingMs(): number | undefined {
    const limit = this.limitMs;
    return limit === undefined ? undefined : Math.max(0, this.#receivedAt + limit - this.clock.now());
  }

  /** The sooner of the caller's patience and the handler's own limit. */
  get limitMs(): number | undefined {
    const own = this.lane.handler.options.timeoutMs;
    const { ttl } = this.message;
    this.ownLimit = own !== undefined && (ttl === undefined || own < ttl);
    return this.ownLimit ? own : ttl;
  }

  expire(): void {
    this.#workplace.expired(this);
  }
}
