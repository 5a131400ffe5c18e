/**
 * When silence means what. Fixed deadlines with suspicion on the monotonic clock; any frame counts as life.
 * All numbers of the failure detection are here.
 */

const MIN_INTERVAL_MS = 2_000;
/** A leader never takes more than this many heartbeats a second: it stretches the interval instead. */
const MAX_HEARTBEATS_PER_SECOND = 2_000;
/** Intervals are multiples of this, so that a few joins change nothing. */
const INTERVAL_STEP_MS = 100;
/** Members that a leader takes back in a second after its restart. */
const RECONNECTS_PER_SECOND = 350;
const MIN_RECONNECT_WINDOW_MS = 1_000;
const MAX_LOCAL_HEALTH = 8;

/** How often the owner of a `Membership` evaluates it; the truth about a silent member is late by this at most. */
export const SWEEP_MS = 500;
/** A sweep that is this late was held up by a stall of our own: it says nothing about the members. */
const STALL_MS = 1_000;

/** Heartbeat interval for a cluster of `members`: max(2 s, N/2000 s), rounded up to 100 ms. 10,000 members: 5 s. */
export function heartbeatIntervalMs(members: number): number {
  const needed = Math.max(MIN_INTERVAL_MS, (members / MAX_HEARTBEATS_PER_SECOND) * 1_000);
  return Math.ceil(needed / INTERVAL_STEP_MS) * INTERVAL_STEP_MS;
}

/** Silence after which a member is suspect: two heartbeats missed and 2 s for the way. 2 s: 6 s. */
export const suspectAfterMs = (intervalMs: number): number => 2 * intervalMs + 2_000;

/** Silence after which a member is lost: three heartbeats missed and 3 s for the way. 2 s: 9 s; 5 s: 18 s. */
export const lostAfterMs = (intervalMs: number): number => 3 * intervalMs + 3_000;

export type SweepTick = 'late' | 'clean';

/** @param lateMs how much later than planned a sweep runs */
export const sweepTick = (lateMs: number): SweepTick => (lateMs >= STALL_MS ? 'late' : 'clean');

/**
 * Local health multiplier (Lifeguard, arXiv 1707.00788): 0 (healthy) to 8, one up for each late tick of our own,
 * one down for each clean one.
 */
export function stepLocalHealth(localHealth: number, tick: SweepTick): number {
  return tick === 'late' ? Math.min(MAX_LOCAL_HEALTH, localHealth + 1) : Math.max(0, localHealth - 1);
}

/** What every deadline is multiplied with. */
export const timeoutMultiplier = (localHealth: number): number => 1 + localHealth;

/** The window over which `members` spread their return after a leader's loss: N/350 s, at least 1 s. */
export const reconnectWindowMs = (members: number): number =>
  Math.max(MIN_RECONNECT_WINDOW_MS, Math.ceil((members / RECONNECTS_PER_SECOND) * 1_000));
