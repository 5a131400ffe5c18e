import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { chance, integer, pick, type Random, uniform } from '../../base/random.js';
import type { Fault, FaultKind, ScheduledFault } from './fault.js';
import type { LinkFaults } from './options.js';

export interface RandomScheduleOptions {
  /** Whom faults may hit. */
  readonly nodes: readonly NodeId[];
  /** When the last fault has begun, in milliseconds. */
  readonly durationMs: number;
  /** How many faults. @default 8 */
  readonly count?: number | undefined;
  /** The longest that one lasts, in milliseconds. @default a quarter of durationMs */
  readonly longestMs?: number | undefined;
  /** What may happen. Crashes start again only what the hub hosts. @default partition, split, fail, faults */
  readonly kinds?: readonly FaultKind[] | undefined;
}

const DEFAULT_COUNT = 8;
const DEFAULT_KINDS: readonly FaultKind[] = ['partition', 'split', 'fail', 'faults'];
const SHORTEST_MS = 50;

/** What a link may suffer from; a fault has one of these or two. */
const AILMENTS: readonly ((random: Random) => Partial<LinkFaults>)[] = [
  (random) => ({ dropRate: rate(random) }),
  (random) => ({ requestDropRate: rate(random) }),
  (random) => ({ responseDropRate: rate(random) }),
  (random) => ({ duplicateRate: rate(random) }),
  (random) => ({ reorderRate: rate(random) }),
  (random) => ({ corruptRate: rate(random) / 5 }),
  (random) => ({ latency: { kind: 'uniform', minMs: 0, maxMs: 10 + integer(random, 500) } }),
  (random) => ({ latency: { kind: 'log-normal', medianMs: 5 + integer(random, 100), sigma: 1 } }),
  (random) => ({ bytesPerSecond: 500 + integer(random, 10_000) }),
];

/**
 * Faults drawn from a source, in the order of their time. Each has a fork of its own: one more at the end leaves the
 * others as they are.
 * @throws NetworkError INVALID_OPTION without nodes
 */
export function randomSchedule(random: Random, options: RandomScheduleOptions): ScheduledFault[] {
  const { nodes, durationMs, count = DEFAULT_COUNT } = options;
  if (nodes.length === 0) throw new NetworkError('INVALID_OPTION', 'nodes: a random schedule needs one at least');
  const longestMs = Math.max(SHORTEST_MS, options.longestMs ?? durationMs / 4);
  const kinds = options.kinds ?? DEFAULT_KINDS;
  const faults = Array.from({ length: count }, (_, index) => {
    const own = random.fork(`fault ${index}`);
    const at = Math.round(uniform(own, 0, durationMs));
    const forMs = Math.round(uniform(own, SHORTEST_MS, longestMs));
    return { at, forMs, fault: draw(own, pick(own, kinds) ?? 'faults', nodes) };
  });
  return faults.sort((a, b) => a.at - b.at);
}

function draw(random: Random, kind: FaultKind, nodes: readonly NodeId[]): Fault {
  const node = pick(random, nodes) ?? '';
  // What takes two nodes happens to all links where there is one.
  if (nodes.length < 2 && (kind === 'partition' || kind === 'split'))
    return { kind: 'faults', faults: { dropRate: 1 } };
  switch (kind) {
    case 'partition': {
      const other =
        pick(
          random,
          nodes.filter((name) => name !== node),
        ) ?? '';
      return { kind, between: [node, other], ...(chance(random, 0.5) ? { oneWay: true } : {}) };
    }
    case 'split':
      return { kind, groups: halves(random, nodes), ...(chance(random, 0.3) ? { oneWay: true } : {}) };
    case 'fail':
    case 'crash':
      return { kind, node };
    case 'faults':
      return { kind, faults: ailments(random), ...place(random, node) };
    case 'clock':
      if (chance(random, 0.5)) return { kind, node, skewMs: Math.round(uniform(random, -60_000, 60_000)) };
      return { kind, node, driftPpm: Math.round(uniform(random, -100_000, 100_000)) };
  }
}

function ailments(random: Random): Partial<LinkFaults> {
  const faults = pick(random, AILMENTS)?.(random) ?? {};
  return chance(random, 0.5) ? faults : { ...faults, ...pick(random, AILMENTS)?.(random) };
}

/** Everywhere, or around one node, one way. */
function place(random: Random, node: NodeId): { readonly from?: NodeId; readonly to?: NodeId } {
  if (chance(random, 0.5)) return {};
  return chance(random, 0.5) ? { from: node } : { to: node };
}

/** Two groups, none of them empty. */
function halves(random: Random, nodes: readonly NodeId[]): NodeId[][] {
  const first: NodeId[] = [];
  const second: NodeId[] = [];
  for (const node of nodes) (chance(random, 0.5) ? first : second).push(node);
  if (first.length === 0) first.push(second.pop() ?? '');
  if (second.length === 0) second.push(first.pop() ?? '');
  return [first, second];
}

/** Rounded, so that a person can read it. */
const rate = (random: Random): number => Math.round(uniform(random, 0.05, 1) * 100) / 100;
