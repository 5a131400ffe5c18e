import { type Random, uniform } from '../base/random.js';
import { lostAfterMs } from './failure-detector.js';

const JITTER = 0.1;
/** What a leader may ask for: what is faster or slower is taken as the nearest of these. */
const MIN_INTERVAL_MS = 200;
const MAX_INTERVAL_MS = 600_000;
/** Heartbeats that may be waiting for their answer at once; the oldest is given up for a newer one. */
const MAX_UNANSWERED = 8;

interface Beat {
  readonly id: string;
  readonly sentAt: number;
}

/**
 * The collaborator's side of the heartbeat, for one connection: when to send the next one, what the answer says
 * about the way, and when to give the leader up. Pure: times are milliseconds on the monotonic clock.
 */
export class HeartbeatPace {
  readonly #random: Random;
  #intervalMs: number;
  #nextAt: number;
  #sentAt: number | undefined;
  #heardAt: number;
  #unanswered: Beat[] = [];
  #abandoned = 0;

  /** @param intervalMs what the leader's welcome said; the first heartbeat is due at once */
  constructor(random: Random, intervalMs: number, now: number) {
    this.#random = random;
    this.#intervalMs = bounded(intervalMs);
    this.#nextAt = now;
    this.#heardAt = now;
  }

  /** The interval that is kept: report it with each heartbeat. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** When the next heartbeat is due. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /** When the leader is to be given up if nothing comes before. Look from `clock.defer`: after the sockets were read. */
  get silentAt(): number {
    return this.#heardAt + lostAfterMs(this.#intervalMs);
  }

  /** Heartbeats that were given up unanswered because too many waited. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** A frame of any kind came from the leader. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** The leader set an interval. It counts from the last heartbeat: none is sent early for it. */
  assign(intervalMs: number, now: number): void {
    const next = bounded(intervalMs);
    if (next === this.#intervalMs) return;
    this.#intervalMs = next;
    if (this.#sentAt !== undefined) this.#nextAt = Math.max(now, this.#sentAt + this.#gap());
  }

  /** A heartbeat goes out now. Those missed in a stall are not made up for. */
  sent(id: string, now: number): void {
    this.#sentAt = now;
    this.#nextAt = now + this.#gap();
    this.#unanswered.push({ id, sentAt: now });
    if (this.#unanswered.length <= MAX_UNANSWERED) return;
    this.#unanswered.shift();
    this.#abandoned += 1;
  }

  /** @returns the round trip in milliseconds; undefined for an answer that nothing waits for (late, or a duplicate) */
  answered(id: string, now: number): number | undefined {
    const at = this.#unanswered.findIndex((beat) => beat.id === id);
    const beat = this.#unanswered[at];
    if (!beat) return undefined;
    // Answers come in order: what is older than this one was lost.
    this.#unanswered.splice(0, at + 1);
    return now - beat.sentAt;
  }

  /** Jittered, so that members that joined together do not beat together for ever. */
  #gap(): number {
    return this.#intervalMs * uniform(this.#random, 1 - JITTER, 1 + JITTER);
  }
}

function bounded(intervalMs: number): number {
  if (!(intervalMs >= MIN_INTERVAL_MS)) return MIN_INTERVAL_MS;
  return Math.min(intervalMs, MAX_INTERVAL_MS);
}
