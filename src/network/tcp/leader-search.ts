import type { NodeId } from '../../base/names.js';
import type { Pong } from './pings.js';

export interface LeaderSearchParts {
  readonly servers: ReadonlyMap<NodeId, string>;
  ping(node: NodeId): Promise<Pong>;
}

/** What asking all servers has brought to light. */
export interface SearchResult {
  /** Who says that it leads itself; otherwise whom most of the others take for the leader. */
  readonly leader: NodeId | undefined;
  /** Who has answered. */
  readonly present: readonly NodeId[];
}

/** Asks all servers who leads. Those who want to know at the same time share one search. */
export class LeaderSearch {
  readonly #parts: LeaderSearchParts;
  #underWay: Promise<SearchResult> | undefined;

  constructor(parts: LeaderSearchParts) {
    this.#parts = parts;
  }

  /** Never rejects. Over as soon as one says that it leads, or all have answered or failed to. */
  run(): Promise<SearchResult> {
    this.#underWay ??= this.#ask().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  #ask(): Promise<SearchResult> {
    const { servers, ping } = this.#parts;
    const votes = new Map<NodeId, number>();
    const present: NodeId[] = [];
    const result = (leader = mostNamed(votes)): SearchResult => ({ leader, present: [...present] });
    return new Promise((resolve) => {
      const heard = ({ node, leader }: Pong): void => {
        present.push(node);
        if (leader === undefined || !servers.has(leader)) return;
        votes.set(leader, (votes.get(leader) ?? 0) + 1);
        if (leader === node) resolve(result(leader));
      };
      const all = [...servers.keys()].map((node) => ping(node).then(heard, ignore));
      void Promise.all(all).then(() => resolve(result()));
    });
  }
}

function mostNamed(votes: ReadonlyMap<NodeId, number>): NodeId | undefined {
  let best: NodeId | undefined;
  for (const [node, count] of votes) if (best === undefined || count > (votes.get(best) ?? 0)) best = node;
  return best;
}

function ignore(): void {}
