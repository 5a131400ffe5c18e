import type { NodeId } from '../base/names.js';
import { FloodGuard } from './flood-guard.js';
import { sameList } from './handler-lists.js';
import type { Member, MemberStatus, Registration } from './member.js';
import type { HeartbeatReport } from './membership-event.js';

export interface ConnectionFacts {
  readonly node: NodeId;
  readonly instance: string;
  readonly version: string;
  readonly address: string;
  readonly pid: number;
}

const NO_HANDLERS: readonly string[] = [];
const NO_TAGS: Readonly<Record<string, string>> = {};
const NEVER = -1;

/**
 * The writable side of a row: one process under one name. Status changes go through the table, which counts them.
 * Times are whole milliseconds: the engine keeps those in the row itself, any other number in an object of its own.
 */
export class MemberRecord implements Member {
  readonly node: NodeId;
  readonly instance: string;
  readonly flood: FloodGuard = new FloodGuard();
  version: string;
  address: string;
  pid: number;
  status: MemberStatus = 'joining';
  statusSince: number;
  joinedAt: number;
  lastFrameAt: number;
  handlers: readonly string[] = NO_HANDLERS;
  tags: Readonly<Record<string, string>> = NO_TAGS;
  slots = 0;
  busy = 0;
  loopLagMs = 0;
  rttMs: number | undefined = undefined;
  intervalMs: number;
  /** Of the newest registration; -1 before the first. */
  sequence = -1;
  /** Whether it has registered on this connection. */
  registered = false;
  draining = false;
  /** The longest of the intervals that it may still keep: told, and not yet overtaken by a confirmed one. */
  #longestMs: number;
  /** Time that our own stalls took from it, and the frame since which it counts: any frame ends it. */
  #allowanceMs = 0;
  #allowanceSince = NEVER;

  constructor(facts: ConnectionFacts, intervalMs: number, now: number) {
    this.node = facts.node;
    this.instance = facts.instance;
    this.version = facts.version;
    this.address = facts.address;
    this.pid = facts.pid;
    this.statusSince = now;
    this.joinedAt = now;
    this.lastFrameAt = now;
    this.intervalMs = intervalMs;
    this.#longestMs = intervalMs;
  }

  /** The same process on a new connection: what it registered stays known, and counts again once it says so. */
  reconnect(facts: ConnectionFacts, intervalMs: number, now: number): void {
    this.version = facts.version;
    this.address = facts.address;
    this.pid = facts.pid;
    this.joinedAt = now;
    this.lastFrameAt = now;
    this.intervalMs = intervalMs;
    this.#longestMs = intervalMs;
    this.registered = false;
  }

  /** The status that it has while it is heard. */
  get heardStatus(): MemberStatus {
    if (!this.registered) return 'joining';
    return this.draining ? 'draining' : 'alive';
  }

  /** The interval that deadlines are to be reckoned with. */
  get deadlineIntervalMs(): number {
    return this.#longestMs;
  }

  /** Whether what it registered last, as its heartbeat says, has not come through. */
  misses(registration: number | undefined): boolean {
    return registration !== undefined && (!this.registered || registration > this.sequence);
  }

  /** @returns whether something that is visible changed */
  register(registration: Registration): boolean {
    this.sequence = registration.sequence;
    if (
      this.slots === registration.slots &&
      sameList(this.handlers, registration.handlers) &&
      sameTags(this.tags, registration.tags)
    ) {
      return false;
    }
    this.handlers = registration.handlers;
    // What is the same is kept: most have no tags, and share that.
    if (!sameTags(this.tags, registration.tags)) this.tags = registration.tags;
    this.slots = registration.slots;
    return true;
  }

  report(report: HeartbeatReport): void {
    this.busy = report.busy;
    this.loopLagMs = report.loopLagMs;
    if (report.rttMs !== undefined) this.rttMs = report.rttMs;
    // Only what we told last is believed: a member cannot buy itself a longer deadline.
    if ((report.intervalMs ?? this.intervalMs) === this.intervalMs) this.#longestMs = this.intervalMs;
  }

  /** It is told another interval; until it keeps that, the longer one counts. */
  tell(intervalMs: number): void {
    this.intervalMs = intervalMs;
    this.#longestMs = Math.max(this.#longestMs, intervalMs);
  }

  /** For how long it could have been heard and was not. */
  silentMs(now: number): number {
    const silent = now - this.lastFrameAt;
    return this.#allowanceSince === this.lastFrameAt ? silent - this.#allowanceMs : silent;
  }

  /** We were held up for the last `stallMs`: a silence that began before that does not count for so long. */
  allow(stallMs: number, now: number): void {
    if (this.lastFrameAt > now - stallMs) return;
    if (this.#allowanceSince !== this.lastFrameAt) {
      this.#allowanceSince = this.lastFrameAt;
      this.#allowanceMs = 0;
    }
    this.#allowanceMs += stallMs;
  }
}

function sameTags(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}
