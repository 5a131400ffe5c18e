import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PRIORITIES, type Priority } from '../../src/message/message.js';
import { WeightedFairQueue } from '../../src/traffic/weighted-fair-queue.js';

const WEIGHT: Readonly<Record<Priority, number>> = { critical: 8, high: 4, normal: 2, low: 1 };
const anyPriority = fc.constantFrom(...PRIORITIES);
const anySize = fc.integer({ min: 1, max: 10_000 });

function drain<T>(queue: WeightedFairQueue<T>): T[] {
  const items: T[] = [];
  for (let item = queue.pop(); item !== undefined; item = queue.pop()) items.push(item);
  return items;
}

interface Tagged<T> {
  readonly priority: Priority;
  readonly size: number;
  readonly item: T;
  readonly finish: number;
}

const goesBefore = <T>(a: Tagged<T>, b: Tagged<T>): boolean =>
  a.finish < b.finish || (a.finish === b.finish && WEIGHT[a.priority] > WEIGHT[b.priority]);

/** The definition, word by word: every item has its own tag, nothing is ever reset. */
class NaiveQueue<T> {
  #waiting: Tagged<T>[] = [];
  #virtual = 0;
  readonly #last: Record<Priority, number> = { critical: 0, high: 0, normal: 0, low: 0 };

  push(priority: Priority, size: number, item: T): void {
    const finish = Math.max(this.#virtual, this.#last[priority]) + size / WEIGHT[priority];
    this.#last[priority] = finish;
    this.#waiting.push({ priority, size, item, finish });
  }

  pop(): T | undefined {
    let best = this.#waiting[0];
    if (!best) return undefined;
    for (const entry of this.#waiting) if (goesBefore(entry, best)) best = entry;
    this.#waiting.splice(this.#waiting.indexOf(best), 1);
    this.#virtual = best.finish;
    return best.item;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#waiting.reduce((sum, entry) => sum + entry.size, 0);
  }
}

test('four backlogged priorities of equal sizes are served in the known order', () => {
  const queue = new WeightedFairQueue<string>();
  for (let i = 0; i < 24; i += 1) for (const p of ['low', 'normal', 'high', 'critical'] as const) queue.push(p, 100, p);
  const served = Array.from({ length: 45 }, () => (queue.pop() as string).charAt(0).toUpperCase()).join('');
  assert.equal(served, 'CCHCCHNCCHCCHNL'.repeat(3));
});

test('it agrees with the naive model, whatever is pushed and popped', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ priority: anyPriority, size: anySize }) },
    { weight: 2, arbitrary: fc.constant('pop' as const) },
    { weight: 1, arbitrary: fc.constant('drain' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new WeightedFairQueue<number>();
      const model = new NaiveQueue<number>();
      steps.forEach((action, item) => {
        if (action === 'pop') assert.equal(queue.pop(), model.pop());
        else if (action === 'drain') while (model.length > 0) assert.equal(queue.pop(), model.pop());
        else {
          queue.push(action.priority, action.size, item);
          model.push(action.priority, action.size, item);
        }
        assert.equal(queue.length, model.length);
        assert.equal(queue.bytes, model.bytes);
      });
      while (model.length > 0) assert.equal(queue.pop(), model.pop());
      assert.equal(queue.pop(), undefined);
    }),
    { numRuns: 300 },
  );
});

test('inside a priority it is first in, first out, through growing and shrinking', () => {
  const queue = new WeightedFairQueue<number>();
  let pushed = 0;
  let popped = 0;
  for (const [pushes, pops] of [
    [5, 3],
    [1000, 900],
    [7, 100],
    [300, 309],
    [20, 20],
  ] as const) {
    for (let i = 0; i < pushes; i += 1) queue.push('normal', 10, pushed++);
    for (let i = 0; i < pops; i += 1) assert.equal(queue.pop(), popped++);
  }
  assert.equal(queue.length, 0);
  assert.equal(queue.bytes, 0);
});

test('peek is what comes next', () => {
  const queue = new WeightedFairQueue<string>();
  assert.equal(queue.peek(), undefined);
  queue.push('low', 10, 'small');
  queue.push('critical', 800, 'large');
  assert.equal(queue.peek(), 'small');
  assert.equal(queue.pop(), 'small');
  assert.equal(queue.peek(), 'large');
  assert.equal(queue.length, 1);
  assert.equal(queue.pop(), 'large');
});

test('nothing starves: under a flood of everything heavier the lightest item is served within 18', () => {
  const queue = new WeightedFairQueue<string>();
  const flood = ['critical', 'high', 'normal'] as const;
  for (let i = 0; i < 100; i += 1) for (const priority of flood) queue.push(priority, 100, priority);
  for (let i = 0; i < 40; i += 1) queue.pop();
  queue.push('low', 100, 'low');
  // Whatever has its turn within one weighted round (8 + 4 + 2), and one tie of each, goes before it.
  for (let served = 1; served <= 18; served += 1) {
    const item = queue.pop();
    if (item === 'low') return;
    for (const priority of flood) queue.push(priority, 100, priority);
  }
  assert.fail('the low item was not among the next 18');
});

test('items without a size are not free: they cannot starve the others', () => {
  const queue = new WeightedFairQueue<string>();
  queue.push('low', 1, 'low');
  for (let i = 0; i < 50; i += 1) queue.push('critical', 0, 'empty');
  const order = drain(queue);
  assert.equal(order.indexOf('low'), 8);
  assert.equal(queue.bytes, 0);
});

test('backlogged priorities share the bytes by weight, to within one item of each', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(sizes, anyPriority, anyPriority, (lengths, a, b) => {
      fc.pre(a !== b);
      const queue = new WeightedFairQueue<{ priority: Priority; size: number }>();
      for (const size of lengths) for (const priority of [a, b]) queue.push(priority, size, { priority, size });
      const served: Record<string, number> = { [a]: 0, [b]: 0 };
      const left: Record<string, number> = { [a]: lengths.length, [b]: lengths.length };
      const largest = Math.max(...lengths);
      while ((left[a] as number) > 1 && (left[b] as number) > 1) {
        const item = queue.pop();
        assert.ok(item);
        served[item.priority] = (served[item.priority] as number) + item.size;
        left[item.priority] = (left[item.priority] as number) - 1;
        const apart = Math.abs((served[a] as number) / WEIGHT[a] - (served[b] as number) / WEIGHT[b]);
        assert.ok(apart <= largest / WEIGHT[a] + largest / WEIGHT[b], `${apart} apart`);
      }
    }),
    { numRuns: 100 },
  );
});

test('a priority that was idle brings no credit along', () => {
  const queue = new WeightedFairQueue<string>();
  for (let i = 0; i < 1000; i += 1) queue.push('low', 100, 'low');
  for (let i = 0; i < 900; i += 1) queue.pop();
  for (let i = 0; i < 100; i += 1) queue.push('normal', 100, 'normal');
  const next = Array.from({ length: 30 }, () => queue.pop());
  assert.equal(next.filter((item) => item === 'low').length, 10);
});

test('a queue that never runs empty is as exact after an exabyte as on the first day', () => {
  const queue = new WeightedFairQueue<string>();
  const huge = 2 ** 48;
  queue.push('high', huge, 'H');
  queue.push('high', huge, 'H');
  for (let i = 0; i < 5_000; i += 1) {
    assert.equal(queue.pop(), 'H');
    queue.push('high', huge, 'H');
  }
  for (let i = 0; i < 16; i += 1) {
    for (const [priority, letter] of [['low', 'L'] as const, ['normal', 'N'] as const, ['critical', 'C'] as const]) {
      queue.push(priority, 100, letter);
    }
  }
  assert.equal(Array.from({ length: 22 }, () => queue.pop()).join(''), 'CCCCNCCCCNL'.repeat(2));
});

test('who comes and goes gets its share, no more, beside one that never ends', () => {
  const queue = new WeightedFairQueue<string>();
  const size = 2 ** 38;
  for (let i = 0; i < 20; i += 1) queue.push('critical', size, 'critical');
  queue.push('low', size, 'low');
  let low = 0;
  for (let i = 0; i < 9_000; i += 1) {
    const item = queue.pop() as Priority;
    if (item === 'low') low += 1;
    queue.push(item, size, item);
  }
  assert.equal(low, 1_000);
});

test('clear drops everything', () => {
  const queue = new WeightedFairQueue<number>();
  for (let i = 0; i < 100; i += 1) queue.push('high', 10, i);
  queue.clear();
  assert.deepEqual([queue.length, queue.bytes, queue.pop(), queue.peek()], [0, 0, undefined, undefined]);
  queue.push('low', 5, 1);
  assert.equal(queue.pop(), 1);
});
