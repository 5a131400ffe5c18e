import type { Clock } from '../base/clock.js';
import type { NodeId } from '../base/names.js';
import { letters, type Random } from '../base/random.js';
import { type MessageDraft, type MessageKind, type NetworkMessage, PROTOCOL_VERSION } from './message.js';

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

  make(draft: MessageDraft): NetworkMessage {
    return this.#fill(draft, draft.kind, draft.ttl);
  }

  /** @param ttl how many milliseconds the sender will wait */
  makeRequest(draft: Omit<MessageDraft, 'kind'>, ttl: number): NetworkMessage {
    return this.#fill(draft, 'request', ttl);
  }

  /**
   * One object shape for every message, so that the engine's inline caches stay monomorphic, and no spread of the
   * draft, which costs more than the rest of the message.
   */
  #fill(draft: Omit<MessageDraft, 'kind'>, kind: MessageKind, ttl: number | undefined): NetworkMessage {
    return {
      v: PROTOCOL_VERSION,
      id: draft.id ?? this.nextId(),
      kind,
      type: draft.type,
      from: draft.from ?? this.#self,
      to: draft.to,
      ts: this.#clock.wallNow(),
      re: draft.re,
      ttl,
      priority: draft.priority,
      component: draft.component,
      body: draft.body,
      payload: draft.payload,
    };
  }
}
