import type { Clock } from '../base/clock.js';
import type { NodeId } from '../base/names.js';
import { letters, type Random } from '../base/random.js';
import { type MessageDraft, type NetworkMessage, PROTOCOL_VERSION } from './message.js';

/** Makes messages of drafts: version, id, sender and time. One per node and start. */
export class Stamp {
  readonly #clock: Clock;
  readonly #self: NodeId;
  #counter = 0;
  /** Random at each start, so that a restarted sender never takes an old answer for a new one. */
  readonly epoch: string;

  constructor(self: NodeId, clock: Clock, random: Random) {
    this.#self = self;
    this.#clock = clock;
    this.epoch = letters(random, 12);
  }

  nextId(): string {
    this.#counter += 1;
    return `${this.epoch}-${this.#counter}`;
  }

  /** One object shape for every message: the engine's inline caches stay monomorphic. */
  make(draft: MessageDraft): NetworkMessage {
    return {
      v: PROTOCOL_VERSION,
      id: this.nextId(),
      kind: draft.kind,
      type: draft.type,
      from: draft.from ?? this.#self,
      to: draft.to,
      ts: this.#clock.wallNow(),
      re: draft.re,
      ttl: draft.ttl,
      priority: draft.priority,
      component: draft.component,
      payload: draft.payload,
    };
  }
}
