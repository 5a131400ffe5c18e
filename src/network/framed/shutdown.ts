import type { Clock } from '../../base/clock.js';
import { type Deferred, deferred } from '../../base/deferred.js';
import { NetworkError } from '../../base/errors.js';
import type { Stamp } from '../../message/stamp.js';
import type { Connection } from './connection.js';
import type { FramedCounters } from './counters.js';
import type { FramedLimits } from './limits.js';
import type { OpenLinks } from './open-links.js';
import type { TurnFlush } from './turn-flush.js';

export interface ShutdownParts {
  readonly clock: Clock;
  readonly stamp: Stamp;
  readonly limits: FramedLimits;
  readonly counters: FramedCounters;
  readonly links: OpenLinks;
  readonly flush: TurnFlush;
  /** The open connections, as they are now. */
  connections(): Connection[];
}

/** How the connections of a network end: goodbye, what is queued, close; and a bound for whoever does not play along. */
export class Shutdown {
  readonly #parts: ShutdownParts;
  /** Those that still have something queued, and who waits for them. */
  #draining: Connection[] = [];
  #drained: Deferred<void> | undefined;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /** A connection has written something, or is gone. */
  progressed(): void {
    if (this.#drained === undefined) return;
    while (this.#draining.at(-1)?.drained) this.#draining.pop();
    if (this.#draining.length === 0) this.#drained.resolve();
  }

  /**
   * Resolves when no link is left.
   *
   * @param graceMs how long to wait until everything queued is written
   */
  async run(graceMs: number): Promise<void> {
    const { clock, limits, counters, connections, links } = this.#parts;
    this.#sayGoodbye();
    await this.#drain(graceMs);
    const reason = new NetworkError('STOPPED', 'this node was stopped');
    for (const connection of connections()) connection.close(reason);
    const last = clock.setTimer(limits.closeTimeoutMs, () => {
      counters.terminatedAtStop += links.terminate();
    });
    await links.allClosed();
    last.cancel();
  }

  #sayGoodbye(): void {
    const { stamp, connections, flush } = this.#parts;
    const payload = { reason: 'stopping' };
    for (const connection of connections()) {
      connection.send(stamp.make({ kind: 'control', type: 'goodbye', to: connection.peer?.node, payload }));
    }
    flush.flush();
  }

  async #drain(graceMs: number): Promise<void> {
    this.#draining = this.#parts.connections();
    this.#drained = deferred();
    const timer = this.#parts.clock.setTimer(graceMs, () => this.#drained?.resolve());
    this.progressed();
    await this.#drained.promise;
    timer.cancel();
    this.#drained = undefined;
    this.#draining = [];
  }
}
