import type { Clock, Timer } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import type { Random } from '../../base/random.js';
import { Attempt, type AttemptParts } from '../framed/attempt.js';
import type { Connection } from '../framed/connection.js';
import type { Greeting } from '../framed/greeter.js';
import type { PeerEvent } from '../network.js';
import { Reconnect } from '../reconnect.js';
import type { ResolvedDial } from './options.js';

export interface DialerParts extends AttemptParts {
  readonly options: Pick<ResolvedDial, 'dialTimeoutMs' | 'retryForMs'>;
  readonly clock: Clock;
  readonly random: Random;
  opened(connection: Connection, greeting: Greeting): void;
  emit(event: PeerEvent): void;
  failed(): void;
}

/** Keeps one connection to one address: dials, greets, and dials again when it is lost, until it is refused for good. */
export class Dialer {
  readonly #parts: DialerParts;
  #stopped = false;
  #reconnect = Reconnect.initial;
  #attempts = 0;
  /** Since when there is no connection. */
  #since = 0;
  /** Of the latest connection, when there was one. */
  #connectedAt: number | undefined;
  #windowMs = 0;
  #timer: Timer | undefined;
  #attempt: Attempt | undefined;

  constructor(parts: DialerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#since = this.#parts.clock.now();
    this.#dial();
  }

  /** Dials no more; a dial under way is given up. An open connection stays. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#attempt?.abandon();
  }

  /** The connection that `opened` announced is gone. */
  lost(connection: Connection): void {
    if (this.#stopped) return;
    const now = this.#parts.clock.now();
    this.#since = now;
    this.#attempts = 0;
    const { farewell } = connection;
    if (farewell && !farewell.retryable) {
      this.#refused(farewell);
      return;
    }
    const { address, options } = this.#parts;
    const { retryForMs } = options;
    if (retryForMs === 0) {
      this.#refused(new NetworkError('CONNECTION_FAILED', `the connection to ${address} ended`, { address }));
      return;
    }
    this.#reconnect = this.#reconnect.lost(this.#windowMs, now - (this.#connectedAt ?? now));
    this.#schedule(Math.min(this.#nextDelay(), retryForMs));
  }

  #dial(): void {
    const { clock, options } = this.#parts;
    this.#attempts += 1;
    const attempt = new Attempt(this.#parts, {
      opened: (connection, greeting) => {
        this.#attempt = undefined;
        this.#connectedAt = clock.now();
        const windowMs = greeting.greeting['reconnectWindowMs'];
        this.#windowMs = typeof windowMs === 'number' ? windowMs : 0;
        this.#parts.opened(connection, greeting);
      },
      failed: (error, proved) => {
        this.#attempt = undefined;
        // Once it has been connected it does not let a stranger at the address send it away for good.
        const isFinal = !error.retryable && (proved || this.#connectedAt === undefined);
        this.#failed(error, isFinal);
      },
    });
    this.#attempt = attempt;
    attempt.start(clock, options.dialTimeoutMs);
  }

  #failed(error: NetworkError, isFinal: boolean): void {
    if (this.#stopped) return;
    const { address, clock, options } = this.#parts;
    this.#parts.failed();
    if (isFinal) {
      this.#refused(error);
      return;
    }
    const leftMs = options.retryForMs - (clock.now() - this.#since);
    if (leftMs <= 0) {
      const tries = this.#attempts === 1 ? '' : ` after ${this.#attempts} attempts`;
      this.#refused(
        new NetworkError(error.code, `${error.message}${tries}`, { cause: error, hint: error.hint, address }),
      );
      return;
    }
    const retryInMs = Math.min(this.#nextDelay(), leftMs);
    this.#schedule(retryInMs);
    this.#parts.emit({ type: 'unreachable', address, error, attempt: this.#attempts, retryInMs });
  }

  #nextDelay(): number {
    const step = this.#reconnect.next(this.#parts.random);
    this.#reconnect = step.next;
    return step.delayMs;
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#parts.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#dial();
    });
  }

  #refused(error: NetworkError): void {
    this.#stopped = true;
    this.#parts.emit({ type: 'refused', address: this.#parts.address, error });
  }
}
