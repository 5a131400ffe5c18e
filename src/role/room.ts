import { AbortWatch } from '../base/abort-watch.js';
import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { NetworkError } from '../base/errors.js';

interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Whether a connection takes more, and those who wait until it does. */
export class Room {
  readonly #clock: Clock;
  /** Set while there is none. */
  #drained: Deferred<void> | undefined;
  /** Those who wait, by the signal that ends their wait. */
  readonly #waiting = new AbortWatch<(error: NetworkError) => void>((end) => end(gaveUp()));

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#drained !== undefined;
  }

  fill(): void {
    this.#drained ??= deferred();
  }

  clear(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /**
   * Resolves when there is room; whoever waited beside us may have taken it again.
   * @throws NetworkError BACKPRESSURE after `timeoutMs`, CANCELLED
   */
  wait({ timeoutMs, signal }: Patience): Promise<void> {
    const drained = this.#drained?.promise;
    if (!drained) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (error?: NetworkError) => {
        timer.cancel();
        if (signal) this.#waiting.remove(signal, end);
        if (error) reject(error);
        else resolve();
      };
      const full = `the queue to the leader stayed full for ${timeoutMs} ms: it reads more slowly than we write`;
      const timer = this.#clock.setTimer(timeoutMs, () => end(new NetworkError('BACKPRESSURE', full)));
      if (signal?.aborted) end(gaveUp());
      else if (signal) this.#waiting.add(signal, end);
      void drained.then(() => end());
    });
  }
}

const gaveUp = (): NetworkError => new NetworkError('CANCELLED', 'the caller gave up');
