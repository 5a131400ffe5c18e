import type { NodeId } from '../../base/names.js';
import { chance, type Random, uniform } from '../../base/random.js';
import type { MessageKind } from '../../message/message.js';
import type { LinkFaults } from './options.js';

/** What became of a message that was put on a link: when each copy arrives, and whether later ones may overtake it. */
export interface Fate {
  /** Delays in milliseconds, one per copy; empty when the message is lost. */
  readonly delaysMs: readonly number[];
  /** How much longer it is held back while later ones pass, in milliseconds. */
  readonly heldMs: number;
}

const LOST: Fate = { delaysMs: [], heldMs: 0 };

/** One direction between two nodes, whichever connections run over it. */
export class Link {
  readonly from: NodeId;
  readonly to: NodeId;
  /** Nothing gets through; what is under way waits. */
  partitioned = false;
  /** This link's own faults; the hub's when undefined. */
  faults: LinkFaults | undefined = undefined;
  readonly #random: Random;

  constructor(from: NodeId, to: NodeId, random: Random) {
    this.from = from;
    this.to = to;
    this.#random = random.fork(`${from}>${to}`);
  }

  delayMs(faults: LinkFaults): number {
    const { baseDelayMs, jitter } = faults;
    if (jitter === 0) return baseDelayMs;
    return baseDelayMs * uniform(this.#random, 1 - jitter, 1 + jitter);
  }

  fateOf(kind: MessageKind, faults: LinkFaults): Fate {
    if (chance(this.#random, dropRateOf(kind, faults))) return LOST;
    const first = this.delayMs(faults);
    const reordered = chance(this.#random, faults.reorderRate);
    const heldMs = reordered ? uniform(this.#random, 1, 4) * Math.max(1, faults.baseDelayMs) : 0;
    if (!chance(this.#random, faults.duplicateRate)) return { delaysMs: [first], heldMs };
    return { delaysMs: [first, first + this.delayMs(faults)], heldMs };
  }
}

function dropRateOf(kind: MessageKind, faults: LinkFaults): number {
  if (kind === 'request') return faults.requestDropRate ?? faults.dropRate;
  if (kind === 'response' || kind === 'error') return faults.responseDropRate ?? faults.dropRate;
  return faults.dropRate;
}
