import { AbortWatch } from '../../base/abort-watch.js';
import type { Clock } from '../../base/clock.js';
import { toNetworkError } from '../../base/errors.js';
import type { NetworkMessage } from '../../message/message.js';
import type { RequestingNetwork } from '../endpoint.js';
import type { RequestDraft, RequestLimits } from '../requester.js';
import type { Lane } from './balancer.js';
import type { Route } from './options.js';
import { outcomeOf } from './policy.js';
import { Race } from './race.js';
import type { Target } from './target.js';

/** What one try is about. */
export interface Try {
  readonly target: Target;
  readonly draft: RequestDraft;
  /** Which route was taken last, so that the next try takes another. */
  lane: Lane<Route> | undefined;
}

interface TransmitterParts {
  readonly network: RequestingNetwork;
  readonly clock: Clock;
  readonly hedgeAfterMs: number | undefined;
  /** Whether there may be a hedge now; one that may is paid for. */
  readonly mayHedge: () => boolean;
}

/** Makes one try: over the network itself, one of the peer's routes, or two of them in a race. */
export class Transmitter {
  readonly #parts: TransmitterParts;
  readonly #watch = new AbortWatch<Race>((race, signal) => race.abort(signal.reason));
  hedges = 0;
  /** Hedges that were answered first. */
  hedgesWon = 0;

  constructor(parts: TransmitterParts) {
    this.#parts = parts;
  }

  send(attempt: Try, limits: RequestLimits): Promise<NetworkMessage> {
    const { hedgeAfterMs } = this.#parts;
    // A caller that has given up already gets its error from the network, and nothing is sent.
    const mayHedge = hedgeAfterMs !== undefined && attempt.draft.body === undefined;
    if (mayHedge && !limits.signal?.aborted) return this.#hedged(attempt, limits, hedgeAfterMs);
    if (attempt.target.balancer) return this.#routed(attempt, limits);
    return this.#parts.network.request(attempt.draft, limits);
  }

  async #routed(attempt: Try, limits: RequestLimits): Promise<NetworkMessage> {
    const { target, draft } = attempt;
    const { clock, network } = this.#parts;
    const { balancer } = target;
    if (!balancer) return network.request(draft, limits);
    const startedAt = clock.now();
    const lane = balancer.pick(startedAt, attempt.lane);
    attempt.lane = lane;
    balancer.started(lane);
    const ended = (outcome: 'success' | 'failure' | 'nothing') => {
      const now = clock.now();
      balancer.ended(lane, outcome, { elapsedMs: now - startedAt, now });
    };
    try {
      const answer = await (lane.route.network ?? network).request({ ...draft, to: lane.route.to }, limits);
      ended('success');
      return answer;
    } catch (error) {
      ended(outcomeOf(toNetworkError(error)));
      throw error;
    }
  }

  async #hedged(attempt: Try, limits: RequestLimits, afterMs: number): Promise<NetworkMessage> {
    const { clock, mayHedge } = this.#parts;
    const startedAt = clock.now();
    const race = new Race({
      clock,
      afterMs,
      signal: limits.signal,
      watch: this.#watch,
      send: (runner, signal) => {
        if (runner === 'first') return this.#routed(attempt, { ...limits, signal });
        if (!mayHedge()) return undefined;
        this.hedges += 1;
        const { timeoutMs } = limits;
        const leftMs = timeoutMs && Math.max(1, timeoutMs - (clock.now() - startedAt));
        return this.#routed({ ...attempt, draft: hedgeOf(attempt.draft) }, { timeoutMs: leftMs, signal });
      },
    });
    const answer = await race.result;
    if (race.winner === 'second') this.hedgesWon += 1;
    return answer;
  }
}

/** Both wait at once, so the second needs an id of its own; `re` says what it repeats. */
function hedgeOf(draft: RequestDraft): RequestDraft {
  const { id, ...rest } = draft;
  return { ...rest, re: id };
}
