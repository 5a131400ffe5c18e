import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import { type GroupParts, ProcessGroup, type StartOptions } from './process-group.js';
import { livingGroups } from './process-table.js';

const DEFAULT_LINGER_MS = 1_000;
const DEFAULT_KILL_AFTER_MS = 10_000;
const SEEN_FOR_MS = 100;

interface Timing {
  readonly lingerMs?: number | undefined;
  readonly killAfterMs?: number | undefined;
}

/** All the process groups that handlers have started and that are not gone yet: nobody is forgotten. */
export class ProcessGroups {
  readonly #parts: GroupParts;
  readonly #groups = new Set<ProcessGroup>();
  readonly #byPid = new Map<number, ProcessGroup>();
  #ending = 0;
  /** One look at all processes serves every group that ends at that time. */
  #seen: ReadonlySet<number> | undefined;
  #seenAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log, timing: Timing = {}) {
    const { lingerMs = DEFAULT_LINGER_MS, killAfterMs = DEFAULT_KILL_AFTER_MS } = timing;
    this.#parts = { clock, log, lingerMs, killAfterMs };
  }

  /** Told to end, and not gone yet. */
  get ending(): number {
    return this.#ending;
  }

  /** Starts a program as the leader of a new group. A start that fails is told to `onEnd`, with `error`. */
  start(options: StartOptions): ProcessGroup {
    const group = new ProcessGroup(options, this.#parts, {
      ending: () => {
        this.#ending += 1;
      },
      gone: (wasEnding) => {
        if (wasEnding) this.#ending -= 1;
        this.#groups.delete(group);
        if (group.pid !== undefined && this.#byPid.get(group.pid) === group) this.#byPid.delete(group.pid);
      },
      isInhabited: (pid, since) => this.#isInhabited(pid, since),
    });
    this.#groups.add(group);
    if (group.pid === undefined) return group;
    // The system gave the number out again, so the old group has no members: it must never be signalled again.
    this.#byPid.get(group.pid)?.markEmpty();
    this.#byPid.set(group.pid, group);
    return group;
  }

  /** TERM to all, KILL to those that are still there after `killAfterMs`; resolves when none is left. */
  async stop(): Promise<void> {
    while (this.#groups.size > 0) {
      const groups = [...this.#groups];
      for (const group of groups) group.end();
      await Promise.all(groups.map((group) => group.gone));
    }
  }

  /** KILL to all, now: for a process that is being forced to end and cannot wait. */
  kill(): void {
    for (const group of this.#groups) group.kill();
  }

  #isInhabited(group: number, since: number): boolean {
    const now = this.#parts.clock.now();
    if (this.#seenAt < since || now - this.#seenAt > SEEN_FOR_MS) {
      this.#seenAt = now;
      this.#seen = livingGroups();
    }
    return this.#seen?.has(group) ?? true;
  }
}
