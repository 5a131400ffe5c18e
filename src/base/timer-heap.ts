import type { Timer } from './clock.js';

/** Whose timers they are, and how many of them may still run. */
export interface Ledger {
  pending: number;
  /** Nothing of it runs any more. */
  halted: boolean;
  readonly parent?: Ledger;
}

/** A callback that runs once, is cancelled, or dies with its ledger. */
export class VirtualTimer implements Timer {
  at = 0;
  sequence = 0;
  readonly #ledger: Ledger;
  #callback: (() => void) | undefined;

  constructor(ledger: Ledger, callback: () => void) {
    this.#ledger = ledger;
    if (ledger.halted) return;
    this.#callback = callback;
    ledger.pending += 1;
    if (ledger.parent) ledger.parent.pending += 1;
  }

  get live(): boolean {
    return this.#callback !== undefined && !this.#ledger.halted;
  }

  cancel(): void {
    this.#take();
  }

  run(): void {
    this.#take()?.();
  }

  #take(): (() => void) | undefined {
    const callback = this.#callback;
    this.#callback = undefined;
    if (callback === undefined || this.#ledger.halted) return undefined;
    this.#ledger.pending -= 1;
    if (this.#ledger.parent) this.#ledger.parent.pending -= 1;
    return callback;
  }
}

const before = (a: VirtualTimer, b: VirtualTimer): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

/** A binary heap of timers by (time, order of setting). Cancelled ones stay until they surface or outnumber the rest. */
export class TimerHeap {
  #items: VirtualTimer[] = [];
  #sequence = 0;

  /** The number of the timer that was set last. */
  get lastSequence(): number {
    return this.#sequence;
  }

  /** @param live how many timers may still run: tells when it is worth sweeping the cancelled ones out */
  push(timer: VirtualTimer, at: number, live: number): void {
    if (!timer.live) return;
    timer.at = at;
    this.#sequence += 1;
    timer.sequence = this.#sequence;
    this.#items.push(timer);
    this.#raiseLast();
    if (this.#items.length > 1024 && this.#items.length > 2 * live) this.#sweep();
  }

  /** When the next live timer is due. */
  nextTime(): number | undefined {
    return this.#surface()?.at;
  }

  /** Takes the next live timer that is due at `now` and was set no later than number `last`. */
  popDue(now: number, last: number): VirtualTimer | undefined {
    const top = this.#surface();
    if (!top || top.at > now || top.sequence > last) return undefined;
    this.#pop();
    return top;
  }

  #surface(): VirtualTimer | undefined {
    for (let top = this.#items[0]; top; top = this.#items[0]) {
      if (top.live) return top;
      this.#pop();
    }
    return undefined;
  }

  #pop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sinkTop();
  }

  #sweep(): void {
    this.#items = this.#items.filter((timer) => timer.live).sort((a, b) => (before(a, b) ? -1 : 1));
  }

  #raiseLast(): void {
    const items = this.#items;
    let index = items.length - 1;
    const item = items[index] as VirtualTimer;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent] as VirtualTimer;
      if (!before(item, above)) break;
      items[index] = above;
      index = parent;
    }
    items[index] = item;
  }

  #sinkTop(): void {
    const items = this.#items;
    const item = items[0] as VirtualTimer;
    let index = 0;
    for (let child = 1; child < items.length; child = 2 * index + 1) {
      const right = items[child + 1];
      if (right && before(right, items[child] as VirtualTimer)) child += 1;
      const below = items[child] as VirtualTimer;
      if (!before(below, item)) break;
      items[index] = below;
      index = child;
    }
    items[index] = item;
  }
}
