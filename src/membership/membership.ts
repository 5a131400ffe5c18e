import { NetworkError, NetworkTimeoutError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import { EvictedInstances, evictedError, judgeName, type NameClaim, type NameVerdict } from './admission.js';
import {
  heartbeatIntervalMs,
  lostAfterMs,
  SWEEP_MS,
  stepLocalHealth,
  suspectAfterMs,
  sweepTick,
  timeoutMultiplier,
} from './failure-detector.js';
import { HandlerLists } from './handler-lists.js';
import { isPresent, type Member, type MemberStatus } from './member.js';
import { MemberRecord } from './member-record.js';
import { MemberTable, type Turn } from './member-table.js';
import type {
  HeartbeatReport,
  MembershipCounters,
  MembershipEffect,
  MembershipEvent,
  StatusReason,
} from './membership-event.js';

type EventOf<T extends MembershipEvent['type']> = Extract<MembershipEvent, { type: T }>;

const NOTHING: readonly MembershipEffect[] = Object.freeze([]);

/**
 * The leader's table of collaborators: a state machine without I/O and without timers. Events and frames go in with
 * the monotonic time, what is to be done comes out; the table itself has changed by then.
 */
export class Membership {
  readonly #table = new MemberTable();
  readonly #evicted = new EvictedInstances();
  readonly #lists = new HandlerLists();
  readonly #counters: MembershipCounters = {
    heartbeatsRefused: 0,
    heartbeatFloods: 0,
    registrationsStale: 0,
    membersSilent: 0,
    suspicionsRefuted: 0,
    sweepsLate: 0,
    membersExpired: 0,
    membersCrowdedOut: 0,
    evictionsForgotten: 0,
    namesRefused: 0,
  };
  #localHealth = 0;
  #sweptAt: number | undefined;

  /** Grows with each change of a status, of handlers, tags or slots, and with each row that comes or goes. */
  get revision(): number {
    return this.#table.revision;
  }

  get counts(): Readonly<Record<MemberStatus, number>> {
    return this.#table.counts;
  }

  get counters(): Readonly<MembershipCounters> {
    return this.#counters;
  }

  /** Members that are connected. */
  get present(): number {
    const { joining, alive, suspect, draining } = this.#table.counts;
    return joining + alive + suspect + draining;
  }

  /** Rows, those of `left` and `lost` members included. */
  get size(): number {
    return this.#table.size;
  }

  /** The heartbeat interval for as many members as there are: for the welcome. */
  get intervalMs(): number {
    return heartbeatIntervalMs(this.present);
  }

  /** 0 (healthy) to 8: every deadline is multiplied with one more than it. */
  get localHealth(): number {
    return this.#localHealth;
  }

  get(node: NodeId): Member | undefined {
    return this.#table.get(node);
  }

  /** In the order in which the names were first seen. */
  members(): IterableIterator<Member> {
    return this.#table.rows();
  }

  /**
   * Whether a process may have a name. Changes nothing but a counter.
   * @returns NetworkError NAME_IN_USE (says who holds it) or EVICTED
   */
  admit(claim: NameClaim, now: number): NameVerdict {
    const verdict = this.#evicted.refusal(claim) ?? judgeName(claim, this.#table.get(claim.node), now);
    if (typeof verdict !== 'string') this.#counters.namesRefused += 1;
    return verdict;
  }

  /** A frame of any kind came from a connected member: call this for each, before anything else is done with it. */
  touch(node: NodeId, now: number): readonly MembershipEffect[] {
    const member = this.#table.get(node);
    if (member === undefined || !isPresent(member.status)) return NOTHING;
    member.lastFrameAt = Math.floor(now);
    if (member.status !== 'suspect') return NOTHING;
    const turn: Turn = { now: member.lastFrameAt, effects: [] };
    this.#counters.suspicionsRefuted += 1;
    this.#table.move(member, { to: member.heardStatus, reason: 'life' }, turn);
    return turn.effects;
  }

  /** What an event asks for. Events about a node that is not in the table, or not connected, change nothing. */
  apply(event: MembershipEvent, now: number): readonly MembershipEffect[] {
    const turn: Turn = { now: Math.floor(now), effects: [] };
    this.#dispatch(event, turn);
    this.#counters.membersCrowdedOut += this.#table.forgetExcess(turn);
    return turn.effects;
  }

  #dispatch(event: MembershipEvent, turn: Turn): void {
    if (event.type === 'evaluate') {
      this.#evaluate(turn);
    } else if (event.type === 'connected') {
      this.#connected(event, turn);
    } else {
      const member = this.#table.get(event.node);
      if (!member) return;
      if (event.type === 'evicted') this.#evict(member, turn);
      else if (event.type === 'forgotten') this.#table.forget(member, turn);
      else if (isPresent(member.status)) this.#applyTo(member, event, turn);
    }
  }

  #applyTo(
    member: MemberRecord,
    event: EventOf<'registered' | 'heartbeat' | 'draining' | 'disconnected'>,
    turn: Turn,
  ): void {
    switch (event.type) {
      case 'registered':
        this.#registered(member, event, turn);
        return;
      case 'heartbeat':
        this.#heartbeat(member, event.report, turn);
        return;
      case 'draining':
        this.#drain(member, event.on, turn);
        return;
      case 'disconnected':
        if (event.instance !== member.instance) return;
        if (event.left) this.#table.move(member, { to: 'left', reason: 'goodbye' }, turn);
        else this.#table.move(member, { to: 'lost', reason: 'disconnected' }, turn);
        return;
    }
  }

  #connected(event: EventOf<'connected'>, turn: Turn): void {
    const known = this.#table.get(event.node);
    if (known?.instance === event.instance) {
      known.reconnect(event, this.intervalMs, turn.now);
      this.#table.move(known, { to: 'joining', reason: 'connected' }, turn);
      return;
    }
    // Whoever holds work of the old process has to learn that it is gone.
    if (known && isPresent(known.status)) this.#table.move(known, { to: 'lost', reason: 'replaced' }, turn);
    this.#table.add(new MemberRecord(event, this.intervalMs, turn.now), turn);
  }

  #registered(member: MemberRecord, event: EventOf<'registered'>, turn: Turn): void {
    const { registration } = event;
    if (registration.sequence < member.sequence) {
      this.#counters.registrationsStale += 1;
      return;
    }
    if (registration.sequence > member.sequence) {
      const handlers = this.#lists.shared(registration.handlers);
      if (member.register({ ...registration, handlers })) this.#table.revision += 1;
    }
    if (event.draining !== undefined) member.draining = event.draining;
    member.registered = true;
    this.#settle(member, 'registered', turn);
  }

  #heartbeat(member: MemberRecord, report: HeartbeatReport, turn: Turn): void {
    const verdict = member.flood.check(member.intervalMs, turn.now);
    if (verdict !== 'accepted') {
      this.#counters.heartbeatsRefused += 1;
      if (verdict === 'drop') this.#dropForFlood(member, turn);
      return;
    }
    const { node, sequence } = member;
    member.report(report);
    member.tell(this.intervalMs);
    turn.effects.push({ type: 'answerHeartbeat', node, intervalMs: member.intervalMs, registered: sequence });
    if (member.misses(report.registration)) turn.effects.push({ type: 'askRegistration', node });
  }

  #dropForFlood({ node, intervalMs }: MemberRecord, turn: Turn): void {
    this.#counters.heartbeatFloods += 1;
    const message = `${node} was told to send a heartbeat every ${intervalMs} ms and sends far more`;
    turn.effects.push({ type: 'disconnectPeer', node, error: new NetworkError('FLOOD', message, { node }) });
  }

  #drain(member: MemberRecord, on: boolean, turn: Turn): void {
    if (member.draining === on) return;
    member.draining = on;
    this.#settle(member, on ? 'draining' : 'resumed', turn);
  }

  /** Sets the status that follows from what is known of a member; a suspect's is set by the frame that clears it. */
  #settle(member: MemberRecord, reason: StatusReason, turn: Turn): void {
    if (member.status !== 'suspect') this.#table.move(member, { to: member.heardStatus, reason }, turn);
  }

  #evict(member: MemberRecord, turn: Turn): void {
    if (this.#evicted.add(member.instance)) this.#counters.evictionsForgotten += 1;
    const { node } = member;
    const connected = isPresent(member.status);
    this.#table.move(member, { to: 'left', reason: 'evicted' }, turn);
    if (connected) turn.effects.push({ type: 'disconnectPeer', node, error: evictedError(node) });
  }

  #evaluate(turn: Turn): void {
    const lateMs = this.#sweptAt === undefined ? 0 : turn.now - this.#sweptAt - SWEEP_MS;
    const tick = sweepTick(lateMs);
    this.#sweptAt = turn.now;
    this.#localHealth = stepLocalHealth(this.#localHealth, tick);
    if (tick === 'late') {
      this.#counters.sweepsLate += 1;
      for (const member of this.#table.rows()) member.allow(lateMs, turn.now);
    }
    const multiplier = timeoutMultiplier(this.#localHealth);
    for (const member of this.#table.rows()) {
      if (isPresent(member.status)) this.#judge(member, multiplier, turn);
    }
    this.#counters.membersExpired += this.#table.forgetExpired(turn);
  }

  #judge(member: MemberRecord, multiplier: number, turn: Turn): void {
    const silentMs = member.silentMs(turn.now);
    if (silentMs < suspectAfterMs(member.deadlineIntervalMs) * multiplier) return;
    if (silentMs < lostAfterMs(member.deadlineIntervalMs) * multiplier) {
      this.#table.move(member, { to: 'suspect', reason: 'silent' }, turn);
      return;
    }
    this.#counters.membersSilent += 1;
    this.#table.move(member, { to: 'lost', reason: 'silent' }, turn);
    const { node, lastFrameAt } = member;
    const seconds = Math.round((turn.now - lastFrameAt) / 100) / 10;
    const error = new NetworkTimeoutError(`nothing came from ${node} for ${seconds} s`, { node });
    turn.effects.push({ type: 'disconnectPeer', node, error });
  }
}
