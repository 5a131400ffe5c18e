import { type NetworkError, NetworkRetryExhaustedError, NetworkTimeoutError } from '../../base/errors.js';
import { ANYONE } from '../../base/names.js';
import type { RequestDraft, RequestLimits } from '../requester.js';
import type { BodyProgress, ProgressListener } from '../streams/body.js';
import type { Lane } from './balancer.js';
import type { Route } from './options.js';
import type { Target } from './target.js';
import type { Try } from './transmitter.js';

/** One request on its way through its tries. */
export class Call implements Try {
  readonly target: Target;
  readonly draft: RequestDraft;
  /** What the caller said, in milliseconds. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ProgressListener | undefined;
  maxRetries = 0;
  /** On the clock's scale; with a body, until it gets on. */
  deadline: number = Number.POSITIVE_INFINITY;
  lane: Lane<Route> | undefined = undefined;
  /** Tries that were made. */
  tries = 0;
  lastError: NetworkError | undefined = undefined;
  /** Of the body, in any try. */
  #acknowledged = 0;

  constructor(target: Target, draft: RequestDraft, limits: RequestLimits) {
    this.target = target;
    this.draft = draft;
    this.timeoutMs = limits.timeoutMs;
    this.signal = limits.signal;
    this.onProgress = limits.onProgress;
  }

  get to(): string {
    const { to } = this.draft;
    return to === ANYONE ? 'anybody' : (to ?? 'the leader');
  }

  /** A new try is told at first what the ones before have brought over; that is no progress. */
  bodyIsAt({ acknowledgedBytes }: BodyProgress, now: number): void {
    if (this.timeoutMs === undefined || acknowledgedBytes <= this.#acknowledged) return;
    this.#acknowledged = acknowledgedBytes;
    this.deadline = now + this.timeoutMs;
  }

  /** @param why no further try is made */
  exhausted(lastError: NetworkError, why: string): NetworkRetryExhaustedError {
    const text = `'${this.draft.type}' to ${this.to} failed after ${this.#triesText} (${why}): ${lastError.message}`;
    return new NetworkRetryExhaustedError(text, { lastError, attempts: this.tries, node: this.draft.to });
  }

  /** The caller's own deadline came while a try was under way. */
  outOfTime(lastError: NetworkError): NetworkError {
    if (this.tries === 1) return lastError;
    const since = this.#acknowledged > 0 ? ` after ${this.#acknowledged} bytes of its body` : '';
    const within = `within ${Math.round(this.timeoutMs ?? 0)} ms${since}`;
    const text = `no answer to '${this.draft.type}' from ${this.to} ${within}, in ${this.#triesText}`;
    return new NetworkTimeoutError(text, { node: this.draft.to, cause: lastError });
  }

  get #triesText(): string {
    return this.tries === 1 ? '1 try' : `${this.tries} tries`;
  }
}
