import { AbortWatch } from '../../base/abort-watch.js';
import type { Clock, Timer } from '../../base/clock.js';

/** How a pause ended: its time was over, the caller gave up, or everything was stopped. */
export type PauseEnd = 'over' | 'aborted' | 'stopped';

interface Pause {
  readonly signal: AbortSignal | undefined;
  readonly timer: Timer;
  readonly resolve: (end: PauseEnd) => void;
}

/** Waits between tries. Each takes a signal, and all end at once with `stop`. */
export class Pauses {
  readonly #clock: Clock;
  readonly #pauses = new Set<Pause>();
  readonly #signals = new AbortWatch<Pause>((pause) => this.#end(pause, 'aborted'));
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#pauses.size;
  }

  wait(ms: number, signal: AbortSignal | undefined): Promise<PauseEnd> {
    return new Promise((resolve) => {
      if (this.#stopped || signal?.aborted) {
        resolve(this.#stopped ? 'stopped' : 'aborted');
        return;
      }
      const timer = this.#clock.setTimer(ms, () => this.#end(pause, 'over'));
      const pause: Pause = { signal, timer, resolve };
      this.#pauses.add(pause);
      if (signal) this.#signals.add(signal, pause);
    });
  }

  /** Idempotent; what would wait afterwards ends at once. */
  stop(): void {
    this.#stopped = true;
    for (const pause of [...this.#pauses]) this.#end(pause, 'stopped');
  }

  #end(pause: Pause, end: PauseEnd): void {
    if (!this.#pauses.delete(pause)) return;
    pause.timer.cancel();
    if (pause.signal) this.#signals.remove(pause.signal, pause);
    pause.resolve(end);
  }
}
