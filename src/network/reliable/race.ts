import type { AbortWatch } from '../../base/abort-watch.js';
import type { Clock, Timer } from '../../base/clock.js';
import type { NetworkMessage } from '../../message/message.js';

export interface RaceParts {
  readonly clock: Clock;
  /** When the second sets out, in milliseconds. */
  readonly afterMs: number;
  /** The caller's; not aborted yet. */
  readonly signal: AbortSignal | undefined;
  /** Shared by all races, so that one signal for many is listened to once. */
  readonly watch: AbortWatch<Race>;
  /** Sends; undefined if there may be no second. */
  readonly send: (runner: 'first' | 'second', signal: AbortSignal) => Promise<NetworkMessage> | undefined;
}

/**
 * A request and, when it has had no answer for a while, one more: the first answer wins and the other is cancelled.
 * It fails when all that have set out have failed, with the last failure.
 */
export class Race {
  readonly #parts: RaceParts;
  readonly #cancels: AbortController[] = [];
  readonly #timer: Timer;
  #resolve: (answer: NetworkMessage) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #running = 0;
  #over = false;
  readonly result: Promise<NetworkMessage>;
  /** Who brought the answer. */
  winner: 'first' | 'second' | undefined;

  constructor(parts: RaceParts) {
    this.#parts = parts;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (parts.signal) parts.watch.add(parts.signal, this);
    this.#timer = parts.clock.setTimer(parts.afterMs, () => this.#run('second'));
    this.#run('first');
  }

  /** The caller gave up: those that run end with it. */
  abort(reason: unknown): void {
    this.#timer.cancel();
    for (const cancel of this.#cancels) cancel.abort(reason);
  }

  #run(runner: 'first' | 'second'): void {
    const cancel = new AbortController();
    const sent = this.#parts.send(runner, cancel.signal);
    if (!sent) return;
    this.#cancels.push(cancel);
    this.#running += 1;
    sent.then(
      (answer) => {
        if (this.#over) return;
        this.winner = runner;
        this.#end();
        for (const other of this.#cancels) if (other !== cancel) other.abort();
        this.#resolve(answer);
      },
      (error) => {
        this.#running -= 1;
        if (this.#over || this.#running > 0) return;
        this.#end();
        this.#reject(error);
      },
    );
  }

  #end(): void {
    this.#over = true;
    this.#timer.cancel();
    if (this.#parts.signal) this.#parts.watch.remove(this.#parts.signal, this);
  }
}
