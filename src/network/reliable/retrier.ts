import { NetworkError } from '../../base/errors.js';
import { grownMs, jitteredMs } from './backoff.js';
import type { Call } from './call.js';
import type { ResolvedOptions } from './options.js';
import type { Pauses } from './pauses.js';
import { isTransient } from './policy.js';
import type { RetryBudget } from './retry-budget.js';

/** Waits between tries at once; a request that would be one more is not tried again. */
const MAX_PAUSES = 100_000;

export interface RetryCounters {
  /** Tries after the first one. */
  retries: number;
  /** Requests that ended with RETRIES_EXHAUSTED, for whichever reason. */
  retriesExhausted: number;
  /** Of these: the retry budget was used up. */
  retryBudgetExhausted: number;
  /** Of these: too many requests were waiting for their next try. */
  pausesRefused: number;
  /** Callers that gave up while their request waited for its next try. */
  pausesAborted: number;
}

interface RetrierParts {
  readonly options: ResolvedOptions;
  readonly budget: RetryBudget | undefined;
  readonly pauses: Pauses;
  readonly retrying: (call: Call, error: NetworkError, waitMs: number) => void;
}

/** Decides, after a try has failed, whether there is another, and waits until it may set out. */
export class Retrier {
  readonly #parts: RetrierParts;
  readonly counters: RetryCounters = {
    retries: 0,
    retriesExhausted: 0,
    retryBudgetExhausted: 0,
    pausesRefused: 0,
    pausesAborted: 0,
  };

  constructor(parts: RetrierParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the next try may set out.
   * @throws NetworkError how the request has ended, if there is no next try
   */
  async next(call: Call, error: NetworkError, now: number): Promise<void> {
    const { options, pauses, retrying } = this.#parts;
    if (call.maxRetries === 0 || !isTransient(error, options)) throw error;
    if (error.code === 'TIMEOUT' && now >= call.deadline) throw call.outOfTime(error);
    const waitMs = jitteredMs(options.random, grownMs(options.backoff, call.tries - 1));
    const why = this.#hindrance(call, waitMs, now);
    if (why !== undefined) throw this.exhausted(call, error, why);
    retrying(call, error, waitMs);
    const end = await pauses.wait(waitMs, call.signal);
    if (end === 'aborted') {
      this.counters.pausesAborted += 1;
      const text = `the caller gave up on '${call.draft.type}'`;
      throw new NetworkError('CANCELLED', text, { cause: call.signal?.reason });
    }
    if (end === 'stopped')
      throw new NetworkError(
        'STOPPED',
        `this node was stopped while '${call.draft.type}' to ${call.to} waited for another try`,
        { cause: error },
      );
    this.counters.retries += 1;
  }

  exhausted(call: Call, error: NetworkError, why: string): NetworkError {
    this.counters.retriesExhausted += 1;
    return call.exhausted(error, why);
  }

  /** Why there is no next try; the budget is asked last, so that only a try that is made is paid for. */
  #hindrance(call: Call, waitMs: number, now: number): string | undefined {
    const { budget, pauses } = this.#parts;
    if (call.tries > call.maxRetries) return 'no more are allowed';
    if (now + waitMs >= call.deadline) return `no time for another within ${Math.round(call.timeoutMs ?? 0)} ms`;
    const closedForMs = call.target.circuit?.waitMs(now) ?? 0;
    if (closedForMs > waitMs) return `it is not asked again for ${Math.ceil(closedForMs)} ms`;
    if (pauses.size >= MAX_PAUSES) {
      this.counters.pausesRefused += 1;
      return `${MAX_PAUSES} requests wait for another already`;
    }
    if (!budget || budget.take(now)) return undefined;
    this.counters.retryBudgetExhausted += 1;
    return 'the retry budget is used up';
  }
}
