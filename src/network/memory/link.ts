import type { NodeId } from '../../base/names.js';
import { chance, type Random, uniform } from '../../base/random.js';
import type { MessageKind } from '../../message/message.js';
import { Bottleneck } from './bandwidth.js';
import type { Barrier } from './barriers.js';
import { drawLatency } from './latency.js';
import type { LinkFaults } from './options.js';

/** What became of a message that was put on a link. */
export interface Fate {
  /** How often it arrives: 0 when it is lost. */
  readonly copies: number;
  /** How much longer it is held back while later ones pass, in milliseconds. */
  readonly heldMs: number;
  /** Its bytes are damaged. */
  readonly corrupt: boolean;
}

/** What happens to nearly every message. */
const ARRIVES: Fate = { copies: 1, heldMs: 0, corrupt: false };

/** One kind of chance: each has a source of its own, so that one fault more or less leaves the others as they were. */
type Lane = 'delay' | 'loss' | 'order' | 'copies' | 'damage';

/** One direction between two nodes, whichever connections run over it. */
export class Link {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly bottleneck: Bottleneck = new Bottleneck();
  /** This link's own faults; everybody's when undefined. */
  own: LinkFaults | undefined = undefined;
  /** What the climate and the barriers said of this link, and at which version of theirs. */
  readonly remembered: {
    version: number;
    faults: LinkFaults | undefined;
    barriers: number;
    barrier: Barrier | undefined;
  } = { version: 0, faults: undefined, barriers: 0, barrier: undefined };
  readonly #random: Random;
  readonly #lanes = new Map<Lane, Random>();

  /** The source of a link is its own: what happens elsewhere does not change its fate. */
  constructor(from: NodeId, to: NodeId, random: Random) {
    this.from = from;
    this.to = to;
    this.#random = random.fork(`${from}>${to}`);
  }

  delayMs(faults: LinkFaults): number {
    const { baseDelayMs, jitter, latency } = faults;
    if (latency) return drawLatency(latency, this.lane('delay'));
    if (jitter === 0) return baseDelayMs;
    return baseDelayMs * uniform(this.lane('delay'), 1 - jitter, 1 + jitter);
  }

  fateOf(kind: MessageKind, faults: LinkFaults): Fate {
    const lost = this.#happens('loss', dropRateOf(kind, faults));
    const held = this.#happens('order', faults.reorderRate);
    const twice = this.#happens('copies', faults.duplicateRate);
    const corrupt = this.#happens('damage', faults.corruptRate);
    if (!(lost || held || twice || corrupt)) return ARRIVES;
    const heldMs = held ? uniform(this.lane('order'), 1, 4) * Math.max(1, faults.baseDelayMs) : 0;
    return { copies: lost ? 0 : twice ? 2 : 1, heldMs, corrupt };
  }

  lane(name: Lane): Random {
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = this.#random.fork(name);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #happens(lane: Lane, rate: number): boolean {
    return rate > 0 && chance(this.lane(lane), rate);
  }
}

function dropRateOf(kind: MessageKind, faults: LinkFaults): number {
  if (kind === 'request') return faults.requestDropRate ?? faults.dropRate;
  if (kind === 'response' || kind === 'error') return faults.responseDropRate ?? faults.dropRate;
  return faults.dropRate;
}
