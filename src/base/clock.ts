/**
 * The only place that asks the machine for the time or for a timer.
 * Everything else is given a Clock, so that it runs on virtual time in simulations.
 */
export interface Clock {
  /** Milliseconds on a monotonic clock; only differences mean something. */
  now(): number;
  /** Milliseconds since the epoch, for people and for `ts`; may jump. */
  wallNow(): number;
  /** Calls back once after `delayMs`. The process stays alive for it until it ran or was cancelled. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls back once, after the sockets that are ready now have been read. */
  defer(callback: () => void): Timer;
  /** Timers and deferred calls that have not run and are not cancelled. */
  readonly pending: number;
}

export interface Timer {
  /** Idempotent; a timer that ran is not harmed. */
  cancel(): void;
}

const MAX_DELAY_MS = 2 ** 31 - 1;
/** Once: as a global it is a getter, called for every message. */
const { performance } = globalThis;

/** The machine's own clock. One instance per program or per node; `pending` counts its own timers only. */
export class SystemClock implements Clock {
  #pending = 0;

  get pending(): number {
    return this.#pending;
  }

  now(): number {
    return performance.now();
  }

  wallNow(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#track(callback, (run) => setTimeout(run, Math.min(Math.max(0, delayMs), MAX_DELAY_MS)), clearTimeout);
  }

  defer(callback: () => void): Timer {
    return this.#track(callback, setImmediate, clearImmediate);
  }

  #track<H>(callback: () => void, arm: (run: () => void) => H, disarm: (handle: H) => void): Timer {
    let armed = true;
    this.#pending += 1;
    const handle = arm(() => {
      if (!armed) return;
      armed = false;
      this.#pending -= 1;
      callback();
    });
    return {
      cancel: () => {
        if (!armed) return;
        armed = false;
        this.#pending -= 1;
        disarm(handle);
      },
    };
  }
}

/**
 * Resolves after one real turn of the event loop: every microtask and everything that was ready has run by then.
 * Virtual clocks wait for it before they move time on; nothing else should need it.
 */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
