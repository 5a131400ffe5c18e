import { type Deferred, deferred } from '../../base/deferred.js';
import type { InputItem } from './input.js';

export interface ReadAheadBounds {
  /** Items that wait at most. @default 65,536 */
  readonly maxItems: number;
  /** Characters that wait at most, give or take one item. @default 16 Mi */
  readonly maxCharacters: number;
}

const DEFAULT_BOUNDS: ReadAheadBounds = { maxItems: 65_536, maxCharacters: 16 * 1024 * 1024 };

/** Reads a bounded stretch of the input ahead of the work, so that short inputs have a known length early. */
export class ReadAhead {
  readonly #bounds: ReadAheadBounds;
  readonly #source: AsyncIterator<InputItem>;
  #queue: InputItem[] = [];
  #head = 0;
  #characters = 0;
  #count = 0;
  #state: 'reading' | 'ended' | 'stopped' = 'reading';
  #error: unknown;
  #filled: Deferred<void> | undefined;
  #emptied: Deferred<void> | undefined;

  constructor(source: AsyncIterable<InputItem>, bounds: Partial<ReadAheadBounds> = {}) {
    this.#bounds = { ...DEFAULT_BOUNDS, ...bounds };
    this.#source = source[Symbol.asyncIterator]();
    void this.#fill();
  }

  /** How many items there are in all, once the end was read. */
  get total(): number | undefined {
    return this.#state === 'ended' ? this.#count : undefined;
  }

  /** Items that wait. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** The next item; undefined at the end and after `stop`. @throws what the source threw, after the items before it */
  async next(): Promise<InputItem | undefined> {
    while (this.waiting === 0 && this.#state === 'reading') {
      this.#filled ??= deferred();
      await this.#filled.promise;
    }
    if (this.#state === 'stopped') return undefined;
    const item = this.#queue[this.#head];
    if (item === undefined) {
      if (this.#error !== undefined) throw this.#error;
      return undefined;
    }
    this.#take(item);
    return item;
  }

  /** No more items; what waits is dropped. The source itself is the caller's to close. */
  stop(): void {
    this.#state = 'stopped';
    this.#wake();
  }

  #take(item: InputItem): void {
    this.#head += 1;
    this.#characters -= item.text.length;
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (!this.#full) this.#emptied?.resolve();
  }

  get #full(): boolean {
    return this.waiting >= this.#bounds.maxItems || this.#characters >= this.#bounds.maxCharacters;
  }

  async #fill(): Promise<void> {
    try {
      while (this.#state === 'reading') {
        const { done, value } = await this.#source.next();
        if (done) break;
        this.#queue.push(value);
        this.#characters += value.text.length;
        this.#count += 1;
        this.#filled?.resolve();
        this.#filled = undefined;
        await this.#room();
      }
    } catch (error) {
      this.#error = error;
    }
    if (this.#state === 'reading') this.#state = 'ended';
    this.#wake();
  }

  async #room(): Promise<void> {
    while (this.#full && this.#state === 'reading') {
      this.#emptied = deferred();
      await this.#emptied.promise;
    }
  }

  #wake(): void {
    this.#filled?.resolve();
    this.#emptied?.resolve();
  }
}
