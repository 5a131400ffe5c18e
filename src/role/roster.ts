import type { Clock, Timer } from '../base/clock.js';
import { NetworkError, NetworkTimeoutError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { NetworkManager } from '../manager/manager.js';
import { reconnectWindowMs, SWEEP_MS } from '../membership/failure-detector.js';
import { isPresent, type MemberStatus } from '../membership/member.js';
import { Membership } from '../membership/membership.js';
import type { MembershipEffect, MembershipEvent, StatusReason } from '../membership/membership-event.js';
import type { NetworkMessage } from '../message/message.js';
import type { AdmissionGranted, Candidate, Peer, PeerEvent } from '../network/network.js';
import type { Balancer } from './balancer.js';
import {
  HEARTBEAT,
  type HeartbeatAnswer,
  type Pace,
  REGISTER,
  REGISTER_AGAIN,
  readHeartbeat,
  readPid,
  readRegistration,
} from './wire.js';

/** A member's status changed. */
export interface MemberEvent {
  readonly node: NodeId;
  /** Undefined: it is new. */
  readonly from: MemberStatus | undefined;
  readonly to: MemberStatus;
  readonly reason: StatusReason;
}

interface RosterParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly cluster: string;
  readonly balancer: Balancer;
  readonly manager: () => NetworkManager;
  readonly onMember: (event: MemberEvent) => void;
  /** Handlers, tags or statuses changed: who waits for news is told. */
  readonly onChange: () => void;
}

/** Whose heartbeat is answered, and with what. */
interface Answering {
  readonly node: NodeId;
  readonly intervalMs: number;
  readonly registered: number | undefined;
}

/** How long an operator's or observer's connection may be silent. */
const CLIENT_SILENCE_MS = 30_000;

/**
 * The leader's side of the membership: feeds the member table with what the network tells, and does what the table
 * says. The table itself (src/membership) does no I/O.
 */
export class Roster {
  readonly table: Membership = new Membership();
  readonly #parts: RosterParts;
  /** When clients that are no members were last heard. */
  readonly #clients = new Map<NodeId, number>();
  #timer: Timer | undefined;
  #lastRevision = 0;

  constructor(parts: RosterParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Registers the control verbs of members. */
  listen(manager: NetworkManager): void {
    manager.onControl(REGISTER, (message, peer) => this.#register(message, peer));
    manager.onControl(HEARTBEAT, (message, peer) => this.#heartbeat(message, peer));
  }

  /** The network asks whether a candidate may come in. */
  admit(candidate: Candidate): NetworkError | AdmissionGranted {
    const { role, maySubmit } = candidate;
    if (role === 'leader') return secondLeader(candidate);
    const welcome = { cluster: this.#parts.cluster, maySubmit, ...this.#pace() };
    if (role !== 'collaborator') {
      // The same process back, while its old connection still looks open from here.
      const free = candidate.present === undefined || candidate.present.instance === candidate.instance;
      if (free) return { welcome };
      return clientPresent(candidate);
    }
    const { node, instance } = candidate;
    const verdict = this.table.admit({ node, instance }, this.#parts.clock.now());
    return typeof verdict === 'string' ? { welcome } : verdict;
  }

  /** Whatever arrives is a sign of life. */
  arrived(peer: Peer): void {
    const now = this.#parts.clock.now();
    if (peer.role === 'collaborator') this.#perform(this.table.touch(peer.node, now));
    else this.#clients.set(peer.node, now);
  }

  peerEvent(event: PeerEvent): void {
    if (!('peer' in event)) return;
    const { peer } = event;
    if (event.type === 'congested' || event.type === 'drained') {
      this.#parts.balancer.congested(peer.node, event.type === 'congested');
      return;
    }
    if (peer.role !== 'collaborator') {
      if (event.type === 'connected') this.#clients.set(peer.node, this.#parts.clock.now());
      else this.#clients.delete(peer.node);
      return;
    }
    const { node, instance, version, address } = peer;
    if (event.type === 'disconnected') this.#apply({ type: 'disconnected', node, instance, left: event.left });
    else this.#apply({ type: 'connected', node, instance, version, address, pid: readPid(peer.greeting) });
  }

  /** @returns whether there was such a member */
  evict(node: NodeId): boolean {
    if (!this.table.get(node)) return false;
    this.#apply({ type: 'evicted', node });
    return true;
  }

  /** @returns whether there was a row, of one that is gone */
  forget(node: NodeId): boolean {
    const member = this.table.get(node);
    if (!member || isPresent(member.status)) return false;
    this.#apply({ type: 'forgotten', node });
    return true;
  }

  /** Why a node that is not connected is not. */
  absence(node: NodeId): string {
    const member = this.table.get(node);
    if (!member) return `no node is called '${node}'`;
    return member.status === 'left' ? `${node} has left the cluster` : `${node} is ${member.status}`;
  }

  #pace(): Pace {
    return { heartbeatMs: this.table.intervalMs, reconnectWindowMs: reconnectWindowMs(this.table.present) };
  }

  #register(message: NetworkMessage, peer: Peer): void {
    if (peer.role !== 'collaborator') return;
    this.#apply({ type: 'registered', node: peer.node, ...readRegistration(message) });
    this.#offer(peer.node);
  }

  #heartbeat(message: NetworkMessage, peer: Peer): void {
    if (peer.role === 'collaborator') {
      this.#apply({ type: 'heartbeat', node: peer.node, report: readHeartbeat(message) }, message);
      return;
    }
    const { intervalMs } = this.table;
    this.#answerHeartbeat({ node: peer.node, intervalMs, registered: undefined }, message);
  }

  /** Work goes to those who are alive, for what they have registered. */
  #offer(node: NodeId): void {
    const member = this.table.get(node);
    if (member?.status === 'alive') this.#parts.balancer.offer(node, member.handlers, member.slots);
    else this.#parts.balancer.withdraw(node);
  }

  #answerHeartbeat({ node, intervalMs, registered }: Answering, heartbeat: NetworkMessage | undefined): void {
    // Two thousand a second of these, so no spread.
    const window = reconnectWindowMs(this.table.present);
    const payload: HeartbeatAnswer = { heartbeatMs: intervalMs, reconnectWindowMs: window, registered };
    const manager = this.#parts.manager();
    manager.sendMessage({ kind: 'heartbeat', type: HEARTBEAT, to: node, re: heartbeat?.id, payload });
  }

  #apply(event: MembershipEvent, heartbeat?: NetworkMessage): void {
    this.#perform(this.table.apply(event, this.#parts.clock.now()), heartbeat);
  }

  #perform(effects: readonly MembershipEffect[], heartbeat?: NetworkMessage): void {
    for (const effect of effects) this.#performOne(effect, heartbeat);
    if (this.table.revision === this.#lastRevision) return;
    this.#lastRevision = this.table.revision;
    this.#parts.onChange();
  }

  #performOne(effect: MembershipEffect, heartbeat: NetworkMessage | undefined): void {
    const { balancer, log } = this.#parts;
    const manager = this.#parts.manager();
    switch (effect.type) {
      case 'statusChanged': {
        const { node, from, to, reason } = effect;
        if (to === 'lost' || to === 'left') balancer.forget(node);
        else this.#offer(node);
        log.info({ node, from, to, reason }, `${node} is ${to}`);
        this.#parts.onMember({ node, from, to, reason });
        return;
      }
      case 'answerHeartbeat':
        this.#answerHeartbeat(effect, heartbeat);
        return;
      case 'askRegistration':
        manager.sendMessage({ kind: 'control', type: REGISTER_AGAIN, to: effect.node });
        return;
      case 'disconnectPeer':
        manager.network.disconnect(effect.node, effect.error);
        return;
      case 'memberForgotten':
        balancer.forget(effect.node);
        return;
    }
  }

  #arm(): void {
    const { clock } = this.#parts;
    this.#timer = clock.setTimer(SWEEP_MS, () => {
      // After the sockets were read: what waited in them while we were held up is heard first.
      this.#timer = clock.defer(() => {
        this.#arm();
        this.#apply({ type: 'evaluate' });
        this.#sweepClients(clock.now());
      });
    });
  }

  #sweepClients(now: number): void {
    const { network } = this.#parts.manager();
    for (const [node, heardAt] of [...this.#clients]) {
      if (now - heardAt <= CLIENT_SILENCE_MS) continue;
      this.#clients.delete(node);
      const silentMs = Math.round(now - heardAt);
      network.disconnect(node, new NetworkTimeoutError(`nothing was heard of ${node} for ${silentMs} ms`));
    }
  }
}

const secondLeader = ({ node, address }: Candidate): NetworkError =>
  new NetworkError(
    'NOT_ALLOWED',
    `${node} at ${address} comes as a leader, and a cluster has one, which is this node`,
    {
      node,
    },
  );

const clientPresent = ({ node, role, present }: Candidate): NetworkError =>
  new NetworkError('NAME_IN_USE', `the name ${node} is in use by ${present?.role ?? role} at ${present?.address}`, {
    node,
    hint: 'Choose another name, or stop that one.',
  });
