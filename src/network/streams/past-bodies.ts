import type { Clock } from '../../base/clock.js';
import { Deadline, type DeadlineWheel } from '../../base/deadline-wheel.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';

/** What is remembered at a time; the oldest are forgotten. */
const MAX_PAST = 1024;

interface Past {
  /** Says once more how it ended. */
  readonly repeat: () => void;
  /** It is remembered no more, and says nothing from now on. */
  readonly forget?: () => void;
  /** Whoever tries anew is told the same; otherwise only who lost the answer is. */
  readonly isFinal: boolean;
}

/**
 * Messages with bodies that have ended lately. Whoever lost the connection before it heard the answer comes again with
 * the same id: it gets the answer, and nothing is done twice.
 */
export class PastBodies extends Deadline {
  readonly #clock: Clock;
  readonly #wheel: DeadlineWheel;
  readonly #keepMs: number;
  readonly #past = new Map<string, Past & { readonly until: number }>();
  forgotten = 0;

  constructor(clock: Clock, wheel: DeadlineWheel, keepMs: number) {
    super();
    this.#clock = clock;
    this.#wheel = wheel;
    this.#keepMs = keepMs;
  }

  has(peer: NodeId, id: string): boolean {
    return this.#past.has(keyOf(peer, id));
  }

  add(peer: NodeId, id: string, past: Past): void {
    if (this.#keepMs === 0) {
      past.forget?.();
      return;
    }
    const key = keyOf(peer, id);
    this.#past.delete(key);
    this.#past.set(key, { ...past, until: this.#clock.now() + this.#keepMs });
    if (this.#past.size > MAX_PAST) {
      this.#forget(this.#past.keys().next().value as string);
      this.forgotten += 1;
    }
    if (!this.armed) this.#wheel.add(this, this.#keepMs);
  }

  /**
   * A message with a body has come that may have come before.
   * @returns whether it has, and has ended; then how is said again
   */
  repeat(peer: NodeId, { id, body }: NetworkMessage): boolean {
    const past = this.#past.get(keyOf(peer, id));
    // Without a number it is no repeat, but another try, or a copy that the network made.
    if (past === undefined || !(past.isFinal || body?.attempt !== undefined)) return false;
    past.repeat();
    return true;
  }

  expire(): void {
    const now = this.#clock.now();
    for (const [key, { until }] of this.#past) {
      if (until > now) {
        this.#wheel.add(this, until - now);
        return;
      }
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    this.#past.get(key)?.forget?.();
    this.#past.delete(key);
  }
}

const keyOf = (peer: NodeId, id: string): string => `${peer} ${id}`;
