import type { Clock } from '../../base/clock.js';
import { Deadline, type DeadlineWheel } from '../../base/deadline-wheel.js';
import type { SendOutcome } from '../network.js';
import type { ReceiveWindow } from './receive-window.js';
import { type BodyVerb, CREDIT, TAKEN } from './wire.js';

export interface DuesParts {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly window: ReceiveWindow;
  send(verb: BodyVerb, payload: unknown): SendOutcome;
}

const REFUSED_MS = 100;

/** What the sender of a body is to be told: what it may send, and that all was taken. What cannot be said now is owed. */
export class Dues extends Deadline {
  readonly #parts: DuesParts;
  /** To be said later: it is not due yet, or the network did not take it. */
  #owed: 'credit' | 'taken' | undefined;
  #closed = false;

  constructor(parts: DuesParts) {
    super();
    this.#parts = parts;
  }

  /** @param resend which repeat of the sender's it is the answer to */
  tellCredit(resend?: number): void {
    const { clock, window } = this.#parts;
    const { credit } = window;
    if (this.#tell('credit', CREDIT, resend === undefined ? credit : { ...credit, resend })) window.told(clock.now());
  }

  tellTaken(): void {
    this.#tell('taken', TAKEN, { size: this.#parts.window.received });
  }

  /** Something was taken. */
  tellIfDue(): void {
    const { clock, window } = this.#parts;
    const dueIn = window.dueIn(clock.now());
    if (dueIn === 0) this.tellCredit();
    else if (this.#owed === undefined) this.#owe('credit', dueIn);
  }

  /** Says what is owed. */
  expire(): void {
    const owed = this.#owed;
    this.#owed = undefined;
    if (owed === 'taken') this.tellTaken();
    else if (owed === 'credit') this.tellCredit();
  }

  /** Nothing is owed any more. */
  forget(): void {
    this.#owed = undefined;
    this.#parts.wheel.remove(this);
  }

  /**
   * Nothing more is taken.
   * @param answered by whoever handles it: then nobody waits to hear what was taken. Otherwise that is still said, if the
   *   peer is there and only behind, until `forget`
   */
  close(answered: boolean): void {
    this.#closed = true;
    if (answered || this.#owed !== 'taken') this.forget();
  }

  #tell(what: 'credit' | 'taken', verb: BodyVerb, payload: unknown): boolean {
    const outcome = this.#parts.send(verb, payload);
    if (outcome === 'queued') {
      // Whoever knows that all was taken needs no credit.
      if (what === 'taken' || this.#owed === what) this.forget();
      return true;
    }
    if (!this.#closed || (what === 'taken' && outcome === 'BACKPRESSURE')) this.#owe(what, REFUSED_MS);
    return false;
  }

  #owe(what: 'credit' | 'taken', ms: number): void {
    this.#owed = what;
    this.#parts.wheel.add(this, ms);
  }
}
