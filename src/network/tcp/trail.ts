import type { AbortWatch } from '../../base/abort-watch.js';
import { type Clock, sleep } from '../../base/clock.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { type Random, uniform } from '../../base/random.js';

export interface TrailParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Fires when the client is stopped. */
  readonly stopped: AbortSignal;
  /** Shared by all trails of a client: both signals may outlive any number of them. */
  readonly watch: AbortWatch<AbortController>;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** The way of one request from server to server, under one deadline: who was tried, and for how long there is time. */
export class Trail {
  readonly #parts: TrailParts;
  readonly #endsAt: number;
  readonly #tried = new Set<NodeId>();
  #pauses = 0;

  constructor(parts: TrailParts) {
    this.#parts = parts;
    this.#endsAt = parts.clock.now() + parts.timeoutMs;
  }

  /** In milliseconds; 0 if its time is over. */
  get leftMs(): number {
    return Math.max(0, this.#endsAt - this.#parts.clock.now());
  }

  tried(server: NodeId): boolean {
    return this.#tried.has(server);
  }

  add(server: NodeId): void {
    this.#tried.add(server);
  }

  /**
   * Lets some time pass, each time more (full jitter), after which everybody may be tried again.
   * @throws NetworkError CANCELLED, STOPPED
   */
  async pause(): Promise<void> {
    const { random } = this.#parts;
    const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#pauses);
    this.#pauses += 1;
    await this.#wait(Math.min(this.leftMs, uniform(random, 0, ceilingMs)));
    this.#tried.clear();
  }

  /**
   * Waits for a promise that does not reject, no longer than there is time.
   * @throws NetworkError `overdue` when it is over, CANCELLED, STOPPED
   */
  async until<T>(promise: Promise<T>, overdue: NetworkError): Promise<T> {
    const wait = new AbortController();
    try {
      const over = this.#wait(this.leftMs, wait).then(() => {
        throw overdue;
      });
      return await Promise.race([promise, over]);
    } finally {
      wait.abort();
    }
  }

  /** @param wait ends it when it aborts */
  async #wait(ms: number, wait: AbortController = new AbortController()): Promise<void> {
    const { clock, signal, stopped, watch } = this.#parts;
    // Not AbortSignal.any: a signal that lives long remembers for a while each one that was made of it.
    const signals = [stopped, signal].filter((one) => one !== undefined);
    try {
      for (const one of signals) {
        one.throwIfAborted();
        watch.add(one, wait);
      }
      await sleep(clock, ms, wait.signal);
    } catch (reason) {
      if (stopped.aborted) throw new NetworkError('STOPPED', 'this client was stopped');
      if (signal?.aborted) throw new NetworkError('CANCELLED', 'the caller gave up', { cause: signal.reason });
      throw toNetworkError(reason);
    } finally {
      for (const one of signals) watch.remove(one, wait);
    }
  }
}
