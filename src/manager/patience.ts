import type { DeadlineWheel } from '../base/deadline-wheel.js';
import type { Invocation } from './invocation.js';

/** For how long invocations are waited for: their deadlines, in one wheel. */
export class Patience {
  readonly #wheel: DeadlineWheel;
  readonly #resumeMs: number;

  /** @param resumeMs for how long a caller that was lost may come back to its body */
  constructor(wheel: DeadlineWheel, resumeMs: number) {
    this.#wheel = wheel;
    this.#resumeMs = resumeMs;
  }

  begin(invocation: Invocation): void {
    const { remainingMs } = invocation;
    if (remainingMs !== undefined) this.#wheel.add(invocation, remainingMs);
  }

  end(invocation: Invocation): void {
    this.#wheel.remove(invocation);
  }

  /** The caller is there, and waits so long from now on. */
  prolong(invocation: Invocation, ttl: number | undefined): void {
    invocation.parked = false;
    if (ttl === undefined) return;
    invocation.prolong(ttl);
    this.begin(invocation);
  }

  /** The caller is away, and may come back with its body. */
  park(invocation: Invocation): void {
    invocation.parked = true;
    invocation.prolong(this.#resumeMs);
    this.begin(invocation);
  }

  /** @param arrived bytes of its body have come, rather than were taken */
  bodyGotOn(invocation: Invocation, arrived: boolean): void {
    if (invocation.answered || (invocation.parked && !arrived)) return;
    this.prolong(invocation, invocation.message.ttl);
  }
}
