import { type Clock, sleep } from '../../base/clock.js';
import { type NetworkError, toNetworkError } from '../../base/errors.js';
import { type Random, uniform } from '../../base/random.js';
import type { Priority } from '../../message/message.js';
import type { OperatorApi } from '../../role/operator-api.js';
import { nodeOf } from '../exit-codes.js';
import { parsePayload } from '../payload.js';
import type { Capacity } from './capacity.js';
import type { InputItem } from './input.js';
import type { MapResult } from './result.js';

export interface AttemptParts {
  readonly operator: OperatorApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly capacity: Pick<Capacity, 'absentMs'>;
  readonly type: string;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly priority: Priority;
  readonly forceJson: boolean;
  readonly onRetry: () => void;
}

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** How long all collaborators with the handler may be gone before inputs fail for it. */
export const MAX_ABSENCE_MS = 60_000;

/** Nobody is there at the moment: waiting for somebody is not a try. */
const ABSENT: ReadonlySet<string> = new Set(['NO_TARGET', 'NO_HANDLER', 'UNREACHABLE']);
/** Everybody has enough to do: being sent away is not a try either. */
const BUSY: ReadonlySet<string> = new Set(['OVERLOADED', 'BACKPRESSURE']);

/** Does one input: asks, and asks again after what may pass, with full jitter between. Never rejects. */
export async function attempt(parts: AttemptParts, item: InputItem, signal: AbortSignal): Promise<MapResult> {
  const { clock } = parts;
  const startedAt = clock.now();
  const ms = () => Math.round((clock.now() - startedAt) * 1000) / 1000;
  const failure = (error: NetworkError): MapResult => {
    return { index: item.index, node: nodeOf(error) ?? null, ok: false, ms: ms(), error: error.toWire() };
  };
  let payload: unknown;
  try {
    payload = parsePayload(item.text, parts.forceJson);
  } catch (error) {
    return failure(toNetworkError(error));
  }
  const tries = { counted: 0, all: 0 };
  for (;;) {
    try {
      const { type, timeoutMs, priority } = parts;
      const answer = await parts.operator.call(type, payload, { timeoutMs, priority, signal });
      return { index: item.index, node: answer.node, ok: true, ms: ms(), payload: answer.payload ?? null };
    } catch (thrown) {
      const error = toNetworkError(thrown);
      if (signal.aborted || !mayTryAgain(parts, error, { tries, elapsedMs: ms() })) return failure(error);
    }
    parts.onRetry();
    await pause(parts, tries.all, signal);
  }
}

function mayTryAgain(
  parts: AttemptParts,
  error: NetworkError,
  so: { readonly tries: { counted: number; all: number }; readonly elapsedMs: number },
): boolean {
  so.tries.all += 1;
  if (ABSENT.has(error.code)) return parts.capacity.absentMs < MAX_ABSENCE_MS && so.elapsedMs < parts.timeoutMs;
  if (BUSY.has(error.code)) return so.elapsedMs < parts.timeoutMs;
  so.tries.counted += 1;
  return error.retryable && so.tries.counted <= parts.retries;
}

async function pause(parts: AttemptParts, tries: number, signal: AbortSignal): Promise<void> {
  const cap = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(tries - 1, 10));
  // An abort is found by the try that follows.
  await sleep(parts.clock, uniform(parts.random, 0, cap), signal).catch(() => {});
}
