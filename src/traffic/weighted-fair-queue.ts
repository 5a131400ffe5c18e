import { Ring } from '../base/ring.js';
import { PRIORITIES, type Priority } from '../message/message.js';

/** The share of the bytes that a backlogged class gets, in the order of `PRIORITIES`: heaviest first. */
const WEIGHTS: readonly number[] = [8, 4, 2, 1];
const LANE_OF: Readonly<Record<Priority, number>> = { critical: 0, high: 1, normal: 2, low: 3 };
/** Tags are multiples of 1/8 and exact far beyond this; they are moved back before precision could suffer. */
const REBASE_AT = 2 ** 40;
const NO_LANES: readonly undefined[] = [];

/** The items of one priority, and the finish tag of the first of them. */
class Lane<T> extends Ring<T> {
  readonly weight: number;
  finish = 0;

  constructor(weight: number) {
    super();
    this.weight = weight;
  }
}

/**
 * Self-clocked weighted fair queueing (Golestani, INFOCOM 1994) over the four priorities, weights 8:4:2:1:
 * `F = max(V, F_prev) + size/weight`, smallest F first, ties to the heavier; V is the F of the item served last.
 * First in, first out inside a priority; no priority starves another. All operations take amortised constant time.
 * The queue itself has no bound: its owner looks at `bytes` and `length` before it pushes.
 */
export class WeightedFairQueue<T> {
  /** Made as they are needed: most connections use one or two, and a leader holds ten thousand queues. */
  #lanes: readonly (Lane<T> | undefined)[] = NO_LANES;
  #virtual = 0;
  #length = 0;
  #bytes = 0;

  /** Items that wait. */
  get length(): number {
    return this.#length;
  }

  /** The sum of their sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param size in bytes; counts as 1 if it is less, so that nothing is free */
  push(priority: Priority, size: number, item: T): void {
    const charged = Math.max(1, size);
    const lane = this.#lane(LANE_OF[priority]);
    // While a lane has items F_prev >= V, so the tags of its later items follow from the first one's when they move up.
    // Once it is empty F_prev <= V, so it starts from V and brings no credit along.
    if (lane.length === 0) lane.finish = this.#virtual + charged / lane.weight;
    lane.push(item, charged);
    this.#length += 1;
    this.#bytes += charged;
  }

  /** What `pop` gives next; undefined if there is nothing. */
  peek(): T | undefined {
    return this.#next()?.head;
  }

  pop(): T | undefined {
    const lane = this.#next();
    if (!lane) return undefined;
    this.#virtual = lane.finish;
    this.#length -= 1;
    this.#bytes -= lane.headSize;
    const item = lane.shift();
    if (lane.length > 0) lane.finish += lane.headSize / lane.weight;
    // Nobody waits, so nobody is owed anything: starting from zero again changes no order.
    if (this.#length === 0) this.#virtual = 0;
    else if (this.#virtual > REBASE_AT) this.#rebase();
    return item;
  }

  /** Drops everything. */
  clear(): void {
    this.#lanes = NO_LANES;
    this.#virtual = 0;
    this.#length = 0;
    this.#bytes = 0;
  }

  #lane(index: number): Lane<T> {
    const present = this.#lanes[index];
    if (present) return present;
    const lane = new Lane<T>(WEIGHTS[index] as number);
    this.#lanes = PRIORITIES.map((_, at) => (at === index ? lane : this.#lanes[at]));
    return lane;
  }

  #next(): Lane<T> | undefined {
    let best: Lane<T> | undefined;
    const lanes = this.#lanes;
    for (let index = 0; index < lanes.length; index += 1) {
      const lane = lanes[index];
      if (lane && lane.length > 0 && (!best || lane.finish < best.finish)) best = lane;
    }
    return best;
  }

  #rebase(): void {
    for (const lane of this.#lanes) if (lane) lane.finish -= this.#virtual;
    this.#virtual = 0;
  }
}
