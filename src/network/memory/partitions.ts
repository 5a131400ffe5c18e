import type { NodeId } from '../../base/names.js';
import { around, type BarrierOptions, type Barriers, between, split } from './barriers.js';
import { type History, HUB } from './history.js';
import type { LinkOptions } from './options.js';
import type { Switchboard } from './switchboard.js';

export interface PartitionsParts {
  readonly history: History;
  readonly barriers: Barriers;
  readonly switchboard: Switchboard;
}

const GROUPS = 'groups';
const wayKey = (from: NodeId, to: NodeId): string => `way ${from}>${to}`;
const nodeKey = (node: NodeId): string => `node ${node}`;

/** The barriers that a test puts up and takes away by hand, and what is written down of them. */
export class Partitions {
  readonly #parts: PartitionsParts;

  constructor(parts: PartitionsParts) {
    this.#parts = parts;
  }

  cut(a: NodeId, b: NodeId, options: BarrierOptions): void {
    const { history, barriers } = this.#parts;
    history.record({ what: options.oneWay ? 'partition one way' : 'partition', from: a, to: b });
    barriers.raise(wayKey(a, b), between(a, b, options));
    if (!options.oneWay) barriers.raise(wayKey(b, a), between(b, a, options));
  }

  heal(a: NodeId, b: NodeId, options: LinkOptions): void {
    const { history, barriers, switchboard } = this.#parts;
    history.record({ what: options.oneWay ? 'heal one way' : 'heal', from: a, to: b });
    barriers.lower(wayKey(a, b));
    if (!options.oneWay) barriers.lower(wayKey(b, a));
    switchboard.resume((connection) => connection.touches(a) && connection.touches(b));
  }

  /** @throws NetworkError INVALID_OPTION if there is one group only, or a node is in two */
  split(groups: readonly (readonly NodeId[])[], options: BarrierOptions): void {
    const { history, barriers, switchboard } = this.#parts;
    const barrier = groups.length === 0 ? undefined : split(groups, options);
    const detail = groups.map((group) => group.join(' ')).join(' | ');
    history.record({ what: barrier ? 'groups' : 'heal groups', from: HUB, detail });
    if (barrier) barriers.raise(GROUPS, barrier);
    else barriers.lower(GROUPS);
    switchboard.resume();
  }

  fail(node: NodeId, options: BarrierOptions): void {
    this.#parts.history.record({ what: 'fail', from: node });
    this.#parts.barriers.raise(nodeKey(node), around(node, options));
  }

  recover(node: NodeId): void {
    const { history, barriers, switchboard } = this.#parts;
    history.record({ what: 'recover', from: node });
    barriers.lower(nodeKey(node));
    switchboard.resume((connection) => connection.touches(node));
  }
}
