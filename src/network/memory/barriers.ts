import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';

export type BarrierCode = 'PARTITIONED' | 'NODE_FAILED';

/** Something that lets nothing pass on some links. */
export interface Barrier {
  readonly code: BarrierCode;
  /** Senders are told, as by a firewall that rejects; otherwise what they send waits, as with one that drops. */
  readonly reject: boolean;
  covers(from: NodeId, to: NodeId): boolean;
}

/** A direction between two nodes, which remembers what it was told at a version of the barriers. */
export interface Way {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly remembered: { barriers: number; barrier: Barrier | undefined };
}

/** What stands between nodes. Each barrier has a key: raising it twice is raising it once. */
export class Barriers {
  readonly #standing = new Map<string, Barrier>();
  #version = 1;

  raise(key: string, barrier: Barrier): void {
    this.#standing.set(key, barrier);
    this.#version += 1;
  }

  lower(key: string): void {
    if (this.#standing.delete(key)) this.#version += 1;
  }

  clear(): void {
    this.#standing.clear();
    this.#version += 1;
  }

  blocks(way: Way): boolean {
    return this.#on(way) !== undefined;
  }

  /** Why a sender is refused; undefined where it is told nothing. */
  refusal(way: Way): BarrierCode | undefined {
    const barrier = this.#on(way);
    return barrier?.reject ? barrier.code : undefined;
  }

  #on(way: Way): Barrier | undefined {
    const { remembered } = way;
    if (remembered.barriers === this.#version) return remembered.barrier;
    let found: Barrier | undefined;
    for (const barrier of this.#standing.values()) {
      if (!barrier.covers(way.from, way.to)) continue;
      // One that tells hides one that does not: somebody answers.
      if (!found || barrier.reject) found = barrier;
    }
    remembered.barriers = this.#version;
    remembered.barrier = found;
    return found;
  }
}

export interface BarrierOptions {
  /** Only from the first node to the second, or from earlier groups to later ones. @default false */
  readonly oneWay?: boolean | undefined;
  /** Senders are refused with PARTITIONED or NODE_FAILED instead of being left in the dark. @default false */
  readonly reject?: boolean | undefined;
}

export const between = (a: NodeId, b: NodeId, { reject = false }: BarrierOptions): Barrier => ({
  code: 'PARTITIONED',
  reject,
  covers: (from, to) => from === a && to === b,
});

export const around = (node: NodeId, { reject = false }: BarrierOptions): Barrier => ({
  code: 'NODE_FAILED',
  reject,
  covers: (from, to) => from === node || to === node,
});

/**
 * Groups that do not hear one another; who is in no group hears everybody.
 * @throws NetworkError INVALID_OPTION if there are fewer than two groups, or a node is in two
 */
export function split(groups: readonly (readonly NodeId[])[], options: BarrierOptions): Barrier {
  const { oneWay = false, reject = false } = options;
  const groupOf = new Map<NodeId, number>();
  for (const [index, group] of groups.entries()) {
    for (const node of group) {
      if (groupOf.has(node)) throw new NetworkError('INVALID_OPTION', `groups: ${node} is in two of them`);
      groupOf.set(node, index);
    }
  }
  if (groups.length < 2) throw new NetworkError('INVALID_OPTION', `groups: ${groups.length} is not two or more`);
  const covers = (from: NodeId, to: NodeId): boolean => {
    const [here, there] = [groupOf.get(from), groupOf.get(to)];
    if (here === undefined || there === undefined) return false;
    return oneWay ? here < there : here !== there;
  };
  return { code: 'PARTITIONED', reject, covers };
}
