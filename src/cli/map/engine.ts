import { type Deferred, deferred } from '../../base/deferred.js';
import { outcomeOf } from '../fan-out.js';
import { type AttemptParts, attempt, MAX_ABSENCE_MS } from './attempts.js';
import type { Capacity } from './capacity.js';
import { type Halt, isReached } from './halt.js';
import type { InputItem } from './input.js';
import { InOrder } from './order.js';
import type { ReadAhead } from './read-ahead.js';
import { type MapResult, type MapTally, newTally } from './result.js';

export interface EngineParts extends AttemptParts {
  readonly capacity: Capacity;
  readonly input: ReadAhead;
  /** In flight at most; undefined: twice the slots of those who have the handler. */
  readonly jobs: number | undefined;
  readonly keepOrder: boolean;
  readonly halt: Halt | undefined;
  /** Whether an earlier run has done this input. */
  readonly isDone: (item: InputItem) => boolean;
  /** Prints a result; until it resolves the input counts as running, so a slow reader slows the work. */
  readonly print: (result: MapResult) => Promise<void>;
  /** Keeps a record of a result that was printed. */
  readonly record: (result: MapResult, item: InputItem) => void;
  readonly progress: () => void;
}

export const MAX_JOBS = 10_000;
/** Results held by --keep-order for one that is not there yet: so many inputs, so many characters. */
const MAX_HELD_RESULTS = 10_000;
const MAX_HELD_CHARACTERS = 64 * 1024 * 1024;

/** Shares inputs out over the collaborators: so many in flight, each done once, each with one result. */
export class MapEngine {
  readonly #parts: EngineParts;
  readonly tally: MapTally = newTally();
  readonly #cancel = new AbortController();
  readonly #order = new InOrder<MapResult>();
  #printed: Promise<void> = Promise.resolve();
  #running = 0;
  #sequence = 0;
  #wake: Deferred<void> | undefined;
  #stopped: string | undefined;
  #exhausted = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  get running(): number {
    return this.#running;
  }

  /** Why no more input is taken, if it is not that there is none. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  /** Whether every input was taken. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** How much may be in flight now. */
  get limit(): number {
    return Math.min(this.#parts.jobs ?? 2 * this.#parts.capacity.slots, MAX_JOBS);
  }

  /** Resolves when every input that was taken has its result printed. @throws what reading or printing threw */
  async run(): Promise<void> {
    const faults: unknown[] = [];
    try {
      for (;;) {
        const item = await this.#parts.input.next();
        if (item === undefined) break;
        if (this.#skips(item)) continue;
        await this.#room();
        if (this.#stopped !== undefined) break;
        const sequence = this.#sequence;
        this.#sequence += 1;
        this.#running += 1;
        this.#do(item, sequence).catch((error: unknown) => {
          faults.push(error);
          this.stop('a result could not be written');
        });
      }
      this.#exhausted = this.#stopped === undefined;
    } finally {
      await this.#until(() => this.#running === 0);
    }
    if (faults.length > 0) throw faults[0];
  }

  /** Takes no more input; what runs goes on. */
  stop(reason: string): void {
    this.#stopped ??= reason;
    this.#parts.input.stop();
    this.changed();
  }

  /** The same, and what runs is cancelled. */
  cancel(reason: string): void {
    this.stop(reason);
    this.#cancel.abort();
  }

  /** Looks again whether there is room; for those who change the capacity. */
  changed(): void {
    this.#wake?.resolve();
    this.#wake = undefined;
  }

  #skips(item: InputItem): boolean {
    if (!this.#parts.isDone(item)) return false;
    this.tally.skipped += 1;
    return true;
  }

  async #room(): Promise<void> {
    await this.#until(() => {
      if (this.#stopped !== undefined) return true;
      if (this.#parts.capacity.absentMs > MAX_ABSENCE_MS) this.stop('nobody has the handler any more');
      return this.#stopped !== undefined || (this.#running < this.limit && !this.#holdsTooMuch);
    });
  }

  get #holdsTooMuch(): boolean {
    if (!this.#parts.keepOrder || this.#running === 0) return false;
    return this.#sequence - this.#order.next >= MAX_HELD_RESULTS || this.#order.heldSize >= MAX_HELD_CHARACTERS;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      this.#wake ??= deferred();
      await this.#wake.promise;
    }
  }

  async #do(item: InputItem, sequence: number): Promise<void> {
    try {
      const result = await attempt(this.#parts, item, this.#cancel.signal);
      this.#count(result);
      await this.#print(result, sequence);
      this.#parts.record(result, item);
    } finally {
      this.#running -= 1;
      this.#parts.progress();
      this.changed();
    }
  }

  #print(result: MapResult, sequence: number): Promise<void> {
    if (!this.#parts.keepOrder) return this.#parts.print(result);
    const ready = this.#order.push(sequence, result, sizeOf(result));
    // One after the other: a print that waits must not be overtaken by those that were ready later.
    this.#printed = this.#printed.then(async () => {
      for (const each of ready) await this.#parts.print(each);
    });
    return this.#printed;
  }

  #count(result: MapResult): void {
    const { tally } = this;
    tally.done += 1;
    const outcome = outcomeOf(result.ok ? undefined : result.error.code);
    tally[outcome] += 1;
    const { halt } = this.#parts;
    if (halt === undefined || !isReached(halt, tally.failed + tally.silent, tally.done)) return;
    const reason = `${tally.failed + tally.silent} failed`;
    if (halt.when === 'now') this.cancel(reason);
    else this.stop(reason);
  }
}

/** Roughly, in characters. */
function sizeOf(result: MapResult): number {
  if (!result.ok) return result.error.message.length;
  if (typeof result.payload === 'string') return result.payload.length;
  return JSON.stringify(result.payload)?.length ?? 0;
}
