import type { Clock } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import type { Codec, DecodeLimits } from '../../message/codec.js';
import type { CodecName } from '../../message/codec-name.js';
import { CODECS, codecNamed } from '../../message/codecs.js';
import { checkLatency, type Latency } from './latency.js';

/** What one direction of a link does to messages. */
export interface LinkFaults {
  /** How long a message is under way, in milliseconds. @default 1 */
  readonly baseDelayMs: number;
  /** Each delay is uniform in baseDelayMs · (1 ± jitter); 0 to 1. Order is kept all the same. @default 0 */
  readonly jitter: number;
  /** Another distribution of delays, in place of `baseDelayMs` and `jitter`. */
  readonly latency?: Latency | undefined;
  /** Probability that a message is lost. @default 0 */
  readonly dropRate: number;
  /** The same for requests alone; dropRate when left out. */
  readonly requestDropRate?: number | undefined;
  /** The same for answers (responses and errors) alone; dropRate when left out. */
  readonly responseDropRate?: number | undefined;
  /** Probability that a message arrives twice. @default 0 */
  readonly duplicateRate: number;
  /** Probability that a message is held back, so that later ones overtake it. @default 0 */
  readonly reorderRate: number;
  /** Probability that bits of a message are flipped: its receiver cannot read it, and ends the connection. @default 0 */
  readonly corruptRate: number;
  /** Bytes that leave in a second; those that come before them have to wait. @default without bound */
  readonly bytesPerSecond?: number | undefined;
}

/** What does nothing but take a millisecond. */
const CALM: LinkFaults = {
  baseDelayMs: 1,
  jitter: 0,
  dropRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  corruptRate: 0,
};
const RATES = ['jitter', 'dropRate', 'duplicateRate', 'reorderRate', 'corruptRate'] as const;
const OPTIONAL_RATES = ['requestDropRate', 'responseDropRate'] as const;

export interface InMemoryNetworkOptions {
  /** Virtual or real. */
  readonly clock: Clock;
  /** Where every fault comes from; the same seed gives the same faults. */
  readonly random: Random;
  /** Of every link that has none of its own. */
  readonly faults?: Partial<LinkFaults> | undefined;
  /** The codec that every message really goes through. @default 'json' */
  readonly codec?: CodecName | undefined;
  /** What a receiver accepts. @default DEFAULT_DECODE_LIMITS */
  readonly limits?: Partial<DecodeLimits> | undefined;
  /** How long a dial may take, the handshake included, in milliseconds. @default 2000 */
  readonly dialTimeoutMs?: number | undefined;
  /** Events kept for `trace`; the digest covers all of them. @default 10000 */
  readonly historySize?: number | undefined;
}

export interface NodeOptions {
  /** The node to dial; without it the node only listens. */
  readonly dial?: NodeId | undefined;
  /** Whether others can dial this node. @default true for a node that does not dial */
  readonly listen?: boolean | undefined;
  /** Whether the nodes that it dials let it call, emit and submit. @default true */
  readonly maySubmit?: boolean | undefined;
}

export interface LinkOptions {
  /** Only from the first node to the second. @default false */
  readonly oneWay?: boolean | undefined;
}

/**
 * Faults over others: what is left out stays as it is below. A delay in one form takes the place of one in the other.
 * @throws NetworkError INVALID_OPTION naming the field and its range
 */
export function resolveFaults(faults: Partial<LinkFaults>, below: LinkFaults = CALM): LinkFaults {
  const resolved: { -readonly [K in keyof LinkFaults]: LinkFaults[K] } = { ...below, ...faults };
  const simple = faults.baseDelayMs !== undefined || faults.jitter !== undefined;
  if (simple && faults.latency === undefined) resolved.latency = undefined;
  const { baseDelayMs, bytesPerSecond, latency } = resolved;
  if (!(Number.isFinite(baseDelayMs) && baseDelayMs >= 0)) {
    refuse('baseDelayMs', baseDelayMs, 'a number of milliseconds, 0 or more');
  }
  for (const field of RATES) if (!isRate(resolved[field])) refuse(field, resolved[field], 'a number from 0 to 1');
  for (const field of OPTIONAL_RATES) {
    const rate = resolved[field];
    if (rate !== undefined && !isRate(rate)) refuse(field, rate, 'a number from 0 to 1');
  }
  if (bytesPerSecond !== undefined && !(bytesPerSecond > 0)) {
    refuse('bytesPerSecond', bytesPerSecond, 'a number above 0');
  }
  if (latency) checkLatency(latency);
  return resolved;
}

/** @throws NetworkError INVALID_OPTION */
export function resolveCodec(name: CodecName = 'json'): Codec {
  return codecNamed(name) ?? refuse('codec', name, `one of ${[...CODECS.keys()].join(', ')}`);
}

const isRate = (rate: number): boolean => rate >= 0 && rate <= 1;

function refuse(field: string, value: unknown, rule: string): never {
  throw new NetworkError('INVALID_OPTION', `${field}: ${String(value)} is not ${rule}`);
}
