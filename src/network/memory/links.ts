import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import { Link } from './link.js';

/** Every direction between two nodes, made when it is first needed and kept from then on. */
export class Links {
  readonly #random: Random;
  readonly #rows = new Map<NodeId, Map<NodeId, Link>>();

  constructor(random: Random) {
    this.#random = random;
  }

  between(from: NodeId, to: NodeId): Link {
    let row = this.#rows.get(from);
    if (!row) {
      row = new Map();
      this.#rows.set(from, row);
    }
    let link = row.get(to);
    if (!link) {
      link = new Link(from, to, this.#random);
      row.set(to, link);
    }
    return link;
  }
}
