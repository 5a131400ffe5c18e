import type { NodeId } from '../base/names.js';

/** Those who can take a type: any one by its place, and in and out in constant time. Their order means nothing. */
export class Candidates {
  readonly nodes: NodeId[] = [];
  readonly #places = new Map<NodeId, number>();

  add(node: NodeId): void {
    if (this.#places.has(node)) return;
    this.#places.set(node, this.nodes.length);
    this.nodes.push(node);
  }

  /** The last one takes the place of the one that goes. */
  remove(node: NodeId): void {
    const place = this.#places.get(node);
    if (place === undefined) return;
    this.#places.delete(node);
    const last = this.nodes.pop() as NodeId;
    if (last === node) return;
    this.nodes[place] = last;
    this.#places.set(last, place);
  }
}
