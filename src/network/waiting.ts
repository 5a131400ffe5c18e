import { Deadline } from '../base/deadline-wheel.js';
import { fromWire, type NetworkError, toNetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import { payloadOf } from '../message/raw-payload.js';

export type Read = (answer: NetworkMessage) => unknown;

/** A message that waits for what answers it, to whoever has more to do with it than to wait. */
export interface Pending {
  readonly message: NetworkMessage;
  /** Through whom it left. */
  readonly peer: NodeId | undefined;
  /** It is waited for so much longer, from now on. */
  prolong(timeoutMs: number): void;
  /** It has ended. Nothing, if it had before; so does `complete`. */
  fail(error: NetworkError): void;
  complete(value: unknown): void;
}

/** How a peer went: its connection was lost, it said goodbye, or the message did not reach it at all. */
export type Loss = 'lost' | 'left' | 'undelivered';

/** Goes along with a message that waits: a body on its way. */
export interface Attendant {
  /** The message is queued. */
  began(pending: Pending): void;
  /** Nobody will answer it, for all that the network knows. @returns whether it is waited for all the same */
  outlives(error: NetworkError, loss: Loss): boolean;
  /** Its time is over. */
  overdue(): NetworkError;
  /** Called once, however it ended. */
  ended(): void;
}

/** Where messages wait. */
export interface WaitingHost {
  prolong(waiting: Waiting, timeoutMs: number): void;
  /** It waits no more. */
  forget(waiting: Waiting): void;
  /** Its time is over. @param said why, if somebody knows better */
  expired(waiting: Waiting, said: NetworkError | undefined): void;
}

export interface WaitingParts {
  readonly message: NetworkMessage;
  readonly peer: NodeId | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: NetworkError) => void;
  readonly read: Read;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly attendant: Attendant | undefined;
}

/** A request that waits for its answer. */
export class Waiting extends Deadline implements Pending {
  readonly message: NetworkMessage;
  readonly peer: NodeId | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly attendant: Attendant | undefined;
  readonly reject: (error: NetworkError) => void;
  readonly #host: WaitingHost;
  readonly #resolve: (value: unknown) => void;
  readonly #read: Read;
  #settled = false;
  /** How much later than at first its time ends. */
  #prolongedMs = 0;

  constructor(host: WaitingHost, parts: WaitingParts) {
    super();
    this.message = parts.message;
    this.peer = parts.peer;
    this.timeoutMs = parts.timeoutMs;
    this.signal = parts.signal;
    this.attendant = parts.attendant;
    this.reject = parts.reject;
    this.#host = host;
    this.#resolve = parts.resolve;
    this.#read = parts.read;
  }

  /** On the clock's monotonic scale. */
  get startedAt(): number {
    return this.deadline - this.timeoutMs - this.#prolongedMs;
  }

  prolong(timeoutMs: number): void {
    if (this.#settled) return;
    const before = this.deadline;
    this.#host.prolong(this, timeoutMs);
    this.#prolongedMs += this.deadline - before;
  }

  fail(error: NetworkError): void {
    if (this.settle()) this.reject(error);
  }

  complete(value: unknown): void {
    if (this.settle()) this.#resolve(value);
  }

  /** Nobody will answer it, for all that the network knows. */
  lost(error: NetworkError, loss: Loss): void {
    if (this.#settled || this.attendant?.outlives(error, loss)) return;
    this.fail(error);
  }

  answered(message: NetworkMessage): void {
    try {
      if (message.kind === 'response') this.#resolve(this.#read(message));
      else this.reject(fromWire(payloadOf(message), message.from));
    } catch (error) {
      this.reject(toNetworkError(error, 'DESERIALIZATION'));
    }
  }

  expire(): void {
    const said = this.#settled ? undefined : this.attendant?.overdue();
    if (this.settle()) this.#host.expired(this, said);
  }

  /** True the first time: whoever gets it says how the request ended. */
  settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#host.forget(this);
    this.attendant?.ended();
    return true;
  }
}
