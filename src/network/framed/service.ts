import { NetworkError } from '../../base/errors.js';
import type { Hub } from './hub.js';
import type { Listener } from './listen.js';
import type { BoundAddress } from './listen-options.js';

export interface ServiceParts {
  readonly hub: Hub;
  readonly listeners: readonly Listener[];
  /** Everything listens: dialling may begin. */
  started(): void;
  /** It is to end: nothing may be dialled any more. */
  stopping(): void;
}

const DEFAULT_GRACE_MS = 1_000;

/** The life of a network: started once, stopped once, in good order. */
export class Service {
  readonly #parts: ServiceParts;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #stopped: Promise<void> | undefined;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** Where the listeners really listen, by name, once started. */
  get boundAddresses(): ReadonlyMap<string, BoundAddress> {
    const bound = new Map<string, BoundAddress>();
    for (const { bound: address, name } of this.#parts.listeners) if (address) bound.set(name, address);
    return bound;
  }

  /** @throws NetworkError what a listener has against it, or CANCELLED, STOPPED */
  async start(signal: AbortSignal | undefined): Promise<void> {
    if (this.#state !== 'new') throw new NetworkError('STOPPED', 'a network is started once');
    if (signal?.aborted) throw new NetworkError('CANCELLED', 'the start was cancelled', { cause: signal.reason });
    const onAbort = () => void this.stop();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#state = 'running';
    this.#parts.hub.awake.start();
    try {
      await this.#listen();
      if (!this.running) throw new NetworkError('CANCELLED', 'the network was stopped while it started');
    } catch (error) {
      await this.stop(0);
      throw error;
    } finally {
      // The signal is for the start: how a network that runs is stopped, with how much grace, is its owner's to say.
      signal?.removeEventListener('abort', onAbort);
    }
    this.#parts.started();
  }

  /** Takes nobody in, says goodbye, drains for at most `graceMs`, closes. Idempotent. @param graceMs @default 1000 */
  stop(graceMs: number = DEFAULT_GRACE_MS): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #listen(): Promise<void> {
    for (const listener of this.#parts.listeners) {
      await listener.start();
      if (this.#state === 'running') continue;
      listener.stop();
      await listener.closed;
      return;
    }
  }

  async #stop(graceMs: number): Promise<void> {
    const { hub, listeners, stopping } = this.#parts;
    this.#state = 'stopping';
    stopping();
    for (const listener of listeners) listener.stop();
    hub.gate.clear();
    await hub.shutdown.run(graceMs);
    await Promise.all(listeners.map((listener) => listener.closed));
    hub.stop();
    this.#state = 'stopped';
  }
}
