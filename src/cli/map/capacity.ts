import type { Clock } from '../../base/clock.js';
import { sleep } from '../../base/clock.js';
import type { OperatorApi } from '../../role/operator-api.js';
import type { ClusterStatus } from '../../role/status.js';
import { slotsFor } from '../selection.js';

const REFRESH_MS = 5000;
const AGAIN_MS = 500;

/** How much the collaborators that have the handler can do at once; follows them as they come and go. */
export class Capacity {
  readonly #operator: OperatorApi;
  readonly #clock: Clock;
  readonly #type: string;
  readonly #changed: () => void;
  #slots: number;
  #revision: number;
  /** When the last of them went away; undefined while there is one. */
  #absentSince: number | undefined;

  constructor(
    parts: {
      readonly operator: OperatorApi;
      readonly clock: Clock;
      readonly type: string;
      readonly changed: () => void;
    },
    first: ClusterStatus,
  ) {
    this.#operator = parts.operator;
    this.#clock = parts.clock;
    this.#type = parts.type;
    this.#changed = parts.changed;
    this.#revision = first.revision;
    this.#slots = slotsFor(parts.type, first.nodes);
  }

  get slots(): number {
    return this.#slots;
  }

  /** For how long nobody has been able, in milliseconds. */
  get absentMs(): number {
    return this.#absentSince === undefined ? 0 : this.#clock.now() - this.#absentSince;
  }

  /** Follows until the signal aborts; a leader that cannot be asked is asked again. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const status = await this.#operator.status({ after: this.#revision, timeoutMs: REFRESH_MS, signal });
        this.#revision = status.revision;
        this.#set(slotsFor(this.#type, status.nodes));
      } catch {
        if (signal.aborted) return;
        this.#set(0);
        await sleep(this.#clock, AGAIN_MS, signal).catch(() => {});
        // The leader may be another process by now, whose revisions begin anew.
        this.#revision = -1;
      }
    }
  }

  #set(slots: number): void {
    if (slots > 0) this.#absentSince = undefined;
    else this.#absentSince ??= this.#clock.now();
    this.#slots = slots;
    this.#changed();
  }
}
