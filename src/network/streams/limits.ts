import { NetworkError } from '../../base/errors.js';
import { shownValue } from '../../message/guard.js';

/** Bounds of what a node does about bodies. Every one has a row in docs/limits.md. */
export interface BodyLimits {
  /**
   * Bytes of one body that arrive before its handler has taken those before them. 4 KiB to 64 MiB.
   * @default 960 KiB: one body keeps a connection busy, and does not yet congest it
   */
  readonly windowBytes: number;
  /** Bodies that come in at a time; those beyond are answered OVERLOADED. 1 to 100,000. @default 256 */
  readonly maxIncoming: number;
  /**
   * The same, of one peer, so that none takes the places of all; through the node that this one has dialled come the
   * bodies of many, so it has all places. 1 to 100,000. @default a quarter of `maxIncoming`: 64
   */
  readonly maxIncomingPerPeer: number;
  /** Bodies that go out at a time; those beyond are refused with BACKPRESSURE. 1 to 100,000. @default 1,024 */
  readonly maxOutgoing: number;
  /**
   * For how long a body that can be read again outlives its connection, at either end; and half of how long an answer is
   * kept for a caller that did not get it. Milliseconds, 0 to a day; 0: not at all. @default 30,000
   */
  readonly resumeMs: number;
}

const KIB = 1024;
const DAY_MS = 86_400_000;

const DEFAULTS: Omit<BodyLimits, 'maxIncomingPerPeer'> = {
  windowBytes: 960 * KIB,
  maxIncoming: 256,
  maxOutgoing: 1024,
  resumeMs: 30_000,
};

const RANGES: Readonly<Record<keyof BodyLimits, readonly [number, number]>> = {
  windowBytes: [4 * KIB, 64 * KIB * KIB],
  maxIncoming: [1, 100_000],
  maxIncomingPerPeer: [1, 100_000],
  maxOutgoing: [1, 100_000],
  resumeMs: [0, DAY_MS],
};

/** @throws NetworkError INVALID_OPTION naming the field and its range */
export function resolveBodyLimits(given: Partial<BodyLimits> = {}): BodyLimits {
  const { maxIncoming = DEFAULTS.maxIncoming } = given;
  const limits = { ...DEFAULTS, maxIncomingPerPeer: Math.ceil(maxIncoming / 4), ...given };
  for (const field of Object.keys(RANGES) as (keyof BodyLimits)[]) {
    const [least, most] = RANGES[field];
    const value = limits[field];
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    const rule = `a whole number from ${least} to ${most}`;
    throw new NetworkError('INVALID_OPTION', `bodies.${field}: ${shownValue(value)} is not ${rule}`);
  }
  return limits;
}
