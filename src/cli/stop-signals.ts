import { NetworkError } from '../base/errors.js';
import type { Environment, StopSignal } from './environment.js';

export interface Stopping extends Disposable {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Which one it was. */
  readonly received: StopSignal | undefined;
}

export interface StopListeners {
  readonly first?: (signal: StopSignal) => void;
  /** The process ends when it returns. */
  readonly second?: () => void;
}

/** Watches for the signals: the first asks to stop, the second forces. Dispose it when there is nothing to stop. */
export function watchStopSignals(environment: Environment, listeners: StopListeners = {}): Stopping {
  const controller = new AbortController();
  let received: StopSignal | undefined;
  const registration = environment.signals.on((signal) => {
    if (received !== undefined) {
      listeners.second?.();
      environment.signals.force(signal);
      return;
    }
    received = signal;
    listeners.first?.(signal);
    controller.abort(new NetworkError('CANCELLED', `interrupted by ${signal}`));
  });
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]: () => registration[Symbol.dispose](),
  };
}
