import type { NodeId } from '../base/names.js';
import { DepartedRows } from './departed-rows.js';
import { isPresent, type MemberStatus } from './member.js';
import type { MemberRecord } from './member-record.js';
import type { MembershipEffect, StatusReason } from './membership-event.js';

/** One event's time, and what came out of it so far. */
export interface Turn {
  readonly now: number;
  readonly effects: MembershipEffect[];
}

/** Where a member goes, and why. */
export interface Transition {
  readonly to: MemberStatus;
  readonly reason: StatusReason;
}

/** The rows, and what has to agree with them: counts by status, the revision, the order of going. */
export class MemberTable {
  readonly #rows = new Map<NodeId, MemberRecord>();
  readonly #departed = new DepartedRows();
  readonly counts: Record<MemberStatus, number> = { joining: 0, alive: 0, suspect: 0, lost: 0, draining: 0, left: 0 };
  revision = 0;

  get size(): number {
    return this.#rows.size;
  }

  get(node: NodeId): MemberRecord | undefined {
    return this.#rows.get(node);
  }

  rows(): MapIterator<MemberRecord> {
    return this.#rows.values();
  }

  /** A process takes its row, or that of the one that had the name before it. */
  add(member: MemberRecord, turn: Turn): void {
    const before = this.#rows.get(member.node);
    this.#rows.set(member.node, member);
    if (before) this.counts[before.status] -= 1;
    this.counts[member.status] += 1;
    this.#departed.delete(member.node);
    this.#announce(member, before?.status, { turn, reason: 'connected' });
  }

  move(member: MemberRecord, { to, reason }: Transition, turn: Turn): void {
    const from = member.status;
    if (from === to) return;
    this.counts[from] -= 1;
    this.counts[to] += 1;
    member.status = to;
    member.statusSince = turn.now;
    if (isPresent(to)) this.#departed.delete(member.node);
    else this.#departed.add(member.node, turn.now);
    this.#announce(member, from, { turn, reason });
  }

  /** Takes out the row of a member that is gone. */
  forget(member: MemberRecord, turn: Turn): void {
    if (isPresent(member.status)) return;
    this.#departed.delete(member.node);
    this.#remove(member, turn);
  }

  /** @returns how many rows went because there were too many of `left` and `lost` members */
  forgetExcess(turn: Turn): number {
    let forgotten = 0;
    for (let node = this.#departed.takeExcess(); node !== undefined; node = this.#departed.takeExcess()) {
      this.#forgetName(node, turn);
      forgotten += 1;
    }
    return forgotten;
  }

  /** @returns how many rows went because the members had gone a day ago */
  forgetExpired(turn: Turn): number {
    let forgotten = 0;
    for (let node = this.#departed.takeExpired(turn.now); node !== undefined; ) {
      this.#forgetName(node, turn);
      forgotten += 1;
      node = this.#departed.takeExpired(turn.now);
    }
    return forgotten;
  }

  #announce(
    member: MemberRecord,
    from: MemberStatus | undefined,
    { turn, reason }: { readonly turn: Turn; readonly reason: StatusReason },
  ): void {
    this.revision += 1;
    const { node, instance, status } = member;
    turn.effects.push({ type: 'statusChanged', node, instance, from, to: status, reason });
  }

  #forgetName(node: NodeId, turn: Turn): void {
    const member = this.#rows.get(node);
    if (member) this.#remove(member, turn);
  }

  #remove({ node, status }: MemberRecord, turn: Turn): void {
    this.#rows.delete(node);
    this.counts[status] -= 1;
    this.revision += 1;
    turn.effects.push({ type: 'memberForgotten', node });
  }
}
