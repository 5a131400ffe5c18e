import type { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { MemberStatus, Registration } from './member.js';

/** What a heartbeat says. */
export interface HeartbeatReport {
  /** Jobs that run. */
  readonly busy: number;
  readonly loopLagMs: number;
  /** Round trip of the last heartbeat that was answered. */
  readonly rttMs?: number | undefined;
  /** The interval that the sender keeps now; left out: the one that it was told. */
  readonly intervalMs?: number | undefined;
  /** The sequence of the sender's newest registration: a lost one is noticed by it. */
  readonly registration?: number | undefined;
}

/** What happens to the member table. Frames go through `Membership.touch`, which allocates nothing. */
export type MembershipEvent =
  /** A peer was admitted. Tell it `Membership.intervalMs` in the welcome. */
  | {
      readonly type: 'connected';
      readonly node: NodeId;
      readonly instance: string;
      readonly version: string;
      readonly address: string;
      readonly pid: number;
    }
  /** `draining`: what the member says of itself beside it, if it does. */
  | {
      readonly type: 'registered';
      readonly node: NodeId;
      readonly registration: Registration;
      readonly draining?: boolean | undefined;
    }
  | { readonly type: 'heartbeat'; readonly node: NodeId; readonly report: HeartbeatReport }
  /** `left`: with a goodbye. The end of a connection of another instance than the present one changes nothing. */
  | { readonly type: 'disconnected'; readonly node: NodeId; readonly instance: string; readonly left: boolean }
  | { readonly type: 'draining'; readonly node: NodeId; readonly on: boolean }
  /** An operator removes the node; the process that had the name last may not come back. */
  | { readonly type: 'evicted'; readonly node: NodeId }
  /** Its row is not wanted any more; nothing happens to one that is connected. */
  | { readonly type: 'forgotten'; readonly node: NodeId }
  /** The sweep, every `SWEEP_MS`, from `clock.defer`: after the sockets were read. */
  | { readonly type: 'evaluate' };

export type StatusReason =
  | 'connected'
  | 'registered'
  /** A frame came from a suspect. */
  | 'life'
  /** Nothing came for too long. */
  | 'silent'
  /** The connection ended without a goodbye. */
  | 'disconnected'
  | 'goodbye'
  /** Another process took the name before the end of this one's connection was seen. */
  | 'replaced'
  | 'draining'
  | 'resumed'
  | 'evicted';

/** What the owner of the table has to do, in this order. */
export type MembershipEffect =
  | {
      readonly type: 'statusChanged';
      readonly node: NodeId;
      readonly instance: string;
      /** Undefined: it was not in the table. */
      readonly from: MemberStatus | undefined;
      readonly to: MemberStatus;
      readonly reason: StatusReason;
    }
  /** Answer the heartbeat: which interval to keep from now on, and the sequence of the newest registration, -1 if none. */
  | {
      readonly type: 'answerHeartbeat';
      readonly node: NodeId;
      readonly intervalMs: number;
      readonly registered: number;
    }
  /** A registration was lost on the way: ask for it. */
  | { readonly type: 'askRegistration'; readonly node: NodeId }
  | { readonly type: 'disconnectPeer'; readonly node: NodeId; readonly error: NetworkError }
  /** The row is gone. */
  | { readonly type: 'memberForgotten'; readonly node: NodeId };

/** What was refused, ignored or dropped since the start. */
export interface MembershipCounters {
  /** Faster than twice the assigned rate. */
  heartbeatsRefused: number;
  /** Peers that were to be dropped for a flood of heartbeats. */
  heartbeatFloods: number;
  /** Older than what the member had registered already. */
  registrationsStale: number;
  /** Members that fell silent for too long. */
  membersSilent: number;
  /** Suspects that showed life. */
  suspicionsRefuted: number;
  /** Sweeps that were late by a stall of our own. */
  sweepsLate: number;
  /** Rows of `left` and `lost` members that went after a day. */
  membersExpired: number;
  /** The same, before their time: there were more than 1,000. */
  membersCrowdedOut: number;
  /** Evicted processes that were forgotten, because there were more than 1,000. */
  evictionsForgotten: number;
  namesRefused: number;
}
