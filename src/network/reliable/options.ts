import { type Clock, SystemClock } from '../../base/clock.js';
import { type ErrorCode, isErrorCode, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { type Random, systemRandom } from '../../base/random.js';
import { shownValue } from '../../message/guard.js';
import type { RequestingNetwork } from '../endpoint.js';
import type { EjectionOptions } from './balancer.js';
import type { CircuitOptions } from './circuit-breaker.js';
import type { ThrottleOptions } from './client-throttle.js';
import type { RetryPolicy } from './policy.js';
import type { Resolved } from './resolved.js';
import type { RetryBudgetOptions } from './retry-budget.js';

/** One way to a logical peer. */
export interface Route {
  /** What the peer is called there. */
  readonly to: NodeId;
  /** Started and stopped by whoever made it. @default the network that is wrapped */
  readonly network?: RequestingNetwork | undefined;
}

export interface ReliableNetworkOptions {
  /** Tries after the first one, 0 to 100. 0 leaves requests as they are. @default 3 */
  readonly maxRetries?: number | undefined;
  /** How long the first try may take, in milliseconds. @default 1000 */
  readonly initialTimeout?: number | undefined;
  /** The longest that a try may take, in milliseconds. @default 10000 */
  readonly maxTimeout?: number | undefined;
  /** Timeout and wait grow so many times from try to try; 1 to 100. @default 2 */
  readonly backoffMultiplier?: number | undefined;
  /** The wait before the first retry is uniform from 0 to this, in milliseconds. @default 100 */
  readonly initialBackoff?: number | undefined;
  /** The longest wait, in milliseconds. @default 10000 */
  readonly maxBackoff?: number | undefined;
  /** Whether a try that had no answer in time is made again. @default true */
  readonly retryOnTimeout?: boolean | undefined;
  /** Whether other transient failures are. @default true */
  readonly retryOnError?: boolean | undefined;
  /** Codes that are not tried again although they are retryable. @default none */
  readonly permanent?: readonly ErrorCode[] | undefined;
  /** `false`: no limit but maxRetries. */
  readonly budget?: RetryBudgetOptions | false | undefined;
  /** Per peer; `false`: none. */
  readonly circuit?: CircuitOptions | false | undefined;
  /** Per peer. @default none */
  readonly throttle?: ThrottleOptions | undefined;
  /** A second request when the first has had no answer for so long. Only for what may run twice. @default none */
  readonly hedge?: { readonly afterMs: number } | undefined;
  /** Logical peers with several addresses, or on several networks. @default none */
  readonly routes?: Readonly<Record<NodeId, readonly Route[]>> | undefined;
  /** When a route is taken out. */
  readonly ejection?: EjectionOptions | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** @default the machine's */
  readonly random?: Random | undefined;
}

export interface ResolvedOptions extends RetryPolicy {
  readonly maxRetries: number;
  readonly timeout: { readonly initialMs: number; readonly maxMs: number; readonly multiplier: number };
  readonly backoff: { readonly initialMs: number; readonly maxMs: number; readonly multiplier: number };
  readonly budget: Resolved<RetryBudgetOptions> | undefined;
  readonly circuit: Resolved<CircuitOptions> | undefined;
  readonly throttle: Resolved<ThrottleOptions> | undefined;
  readonly hedgeAfterMs: number | undefined;
  readonly routes: ReadonlyMap<NodeId, readonly Route[]>;
  readonly ejection: Resolved<EjectionOptions>;
  readonly clock: Clock;
  readonly random: Random;
}

/** So that a sum of tries stays a number of milliseconds that timers know: about 11 days. */
const MAX_MS = 1e9;
const MAX_RETRIES = 100;

/** @throws NetworkError INVALID_OPTION naming the field and its range */
export function resolveOptions(options: ReliableNetworkOptions): ResolvedOptions {
  const multiplier = numberIn('backoffMultiplier', options.backoffMultiplier ?? 2, [1, 100]);
  const { hedge } = options;
  return {
    maxRetries: checkRetries(options.maxRetries ?? 3),
    timeout: {
      initialMs: numberIn('initialTimeout', options.initialTimeout ?? 1000, [1, MAX_MS]),
      maxMs: numberIn('maxTimeout', options.maxTimeout ?? 10_000, [1, MAX_MS]),
      multiplier,
    },
    backoff: {
      initialMs: numberIn('initialBackoff', options.initialBackoff ?? 100, [0, MAX_MS]),
      maxMs: numberIn('maxBackoff', options.maxBackoff ?? 10_000, [0, MAX_MS]),
      multiplier,
    },
    retryOnTimeout: options.retryOnTimeout ?? true,
    retryOnError: options.retryOnError ?? true,
    permanent: resolvePermanent(options.permanent ?? []),
    budget: options.budget === false ? undefined : resolveBudget(options.budget ?? {}),
    circuit: options.circuit === false ? undefined : resolveCircuit(options.circuit ?? {}),
    throttle: options.throttle && resolveThrottle(options.throttle),
    hedgeAfterMs: hedge && numberIn('hedge.afterMs', hedge.afterMs, [0, MAX_MS]),
    routes: resolveRoutes(options.routes ?? {}),
    ejection: resolveEjection(options.ejection ?? {}),
    clock: options.clock ?? new SystemClock(),
    random: options.random ?? systemRandom,
  };
}

/** @throws NetworkError INVALID_OPTION */
export function checkRetries(maxRetries: number): number {
  return wholeIn('maxRetries', maxRetries, [0, MAX_RETRIES]);
}

function resolveBudget(options: RetryBudgetOptions): Resolved<RetryBudgetOptions> {
  return {
    ratio: numberIn('budget.ratio', options.ratio ?? 0.1, [0, MAX_RETRIES]),
    reserve: wholeIn('budget.reserve', options.reserve ?? 10, [0, 1e6]),
    perSecond: numberIn('budget.perSecond', options.perSecond ?? 1, [0, 1e6]),
  };
}

function resolveCircuit(options: CircuitOptions): Resolved<CircuitOptions> {
  return {
    failures: wholeIn('circuit.failures', options.failures ?? 5, [1, 1e6]),
    failureRate: numberIn('circuit.failureRate', options.failureRate ?? 0.5, [0.01, 1]),
    minimumCalls: wholeIn('circuit.minimumCalls', options.minimumCalls ?? 20, [1, 1e6]),
    windowMs: numberIn('circuit.windowMs', options.windowMs ?? 10_000, [10, MAX_MS]),
    openMs: numberIn('circuit.openMs', options.openMs ?? 1000, [1, MAX_MS]),
    openMultiplier: numberIn('circuit.openMultiplier', options.openMultiplier ?? 2, [1, 100]),
    maxOpenMs: numberIn('circuit.maxOpenMs', options.maxOpenMs ?? 30_000, [1, MAX_MS]),
  };
}

function resolveThrottle(options: ThrottleOptions): Resolved<ThrottleOptions> {
  return {
    windowMs: numberIn('throttle.windowMs', options.windowMs ?? 120_000, [10, MAX_MS]),
    factor: numberIn('throttle.factor', options.factor ?? 2, [1, 100]),
  };
}

function resolveEjection(options: EjectionOptions): Resolved<EjectionOptions> {
  return {
    failures: wholeIn('ejection.failures', options.failures ?? 5, [1, 1e6]),
    ejectMs: numberIn('ejection.ejectMs', options.ejectMs ?? 10_000, [1, MAX_MS]),
    maxEjectMs: numberIn('ejection.maxEjectMs', options.maxEjectMs ?? 300_000, [1, MAX_MS]),
  };
}

function resolvePermanent(codes: readonly ErrorCode[]): ReadonlySet<ErrorCode> {
  for (const code of codes) if (!isErrorCode(code)) refuse('permanent', code, 'an error code');
  return new Set(codes);
}

function resolveRoutes(given: Readonly<Record<NodeId, readonly Route[]>>): ReadonlyMap<NodeId, readonly Route[]> {
  const routes = new Map(Object.entries(given));
  for (const [peer, ways] of routes) if (ways.length === 0) refuse(`routes.${peer}`, ways, 'a list of at least one');
  return routes;
}

type Range = readonly [low: number, high: number];

function numberIn(field: string, value: number, [low, high]: Range): number {
  if (typeof value === 'number' && value >= low && value <= high) return value;
  return refuse(field, value, `a number from ${low} to ${high}`);
}

function wholeIn(field: string, value: number, [low, high]: Range): number {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return value;
  return refuse(field, value, `a whole number from ${low} to ${high}`);
}

function refuse(field: string, value: unknown, rule: string): never {
  throw new NetworkError('INVALID_OPTION', `${field}: ${shownValue(value)} is not ${rule}`);
}
