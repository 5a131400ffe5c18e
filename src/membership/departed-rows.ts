import type { NodeId } from '../base/names.js';

/** How long the row of a `left` or `lost` member stays. */
const KEEP_MS = 24 * 60 * 60 * 1_000;
const MAX_ROWS = 1_000;

/** Which rows are of members that went, in the order in which they went. */
export class DepartedRows {
  readonly #wentAt = new Map<NodeId, number>();

  add(node: NodeId, now: number): void {
    this.#wentAt.delete(node);
    this.#wentAt.set(node, now);
  }

  delete(node: NodeId): void {
    this.#wentAt.delete(node);
  }

  /** Takes out one that stands above the limit: the one that went first. */
  takeExcess(): NodeId | undefined {
    if (this.#wentAt.size <= MAX_ROWS) return undefined;
    return this.#takeFirst();
  }

  /** Takes out one that went a day ago. */
  takeExpired(now: number): NodeId | undefined {
    const first = this.#wentAt.values().next();
    if (first.done || now - first.value < KEEP_MS) return undefined;
    return this.#takeFirst();
  }

  #takeFirst(): NodeId | undefined {
    const first = this.#wentAt.keys().next();
    if (first.done) return undefined;
    this.#wentAt.delete(first.value);
    return first.value;
  }
}
