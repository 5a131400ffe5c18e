import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';

const OUT_MS = 60_000;
const MAX_OUTCASTS = 1_000;

/** Nodes that were cut off for what nobody does by mistake, and that would come back at once to go on. */
export class Outcasts {
  readonly #until = new Map<NodeId, number>();

  add(node: NodeId, now: number): void {
    this.#until.delete(node);
    this.#until.set(node, now + OUT_MS);
    if (this.#until.size > MAX_OUTCASTS) this.#until.delete(this.#until.keys().next().value as NodeId);
  }

  /** @throws NetworkError OVERLOADED while the node may not come in again */
  check(node: NodeId, now: number): void {
    const until = this.#until.get(node);
    if (until === undefined) return;
    if (until > now) {
      const wait = `${Math.ceil((until - now) / 1_000)} s`;
      throw new NetworkError('OVERLOADED', `${node} was cut off for a flood; it may come in again in ${wait}`);
    }
    this.#until.delete(node);
  }
}
