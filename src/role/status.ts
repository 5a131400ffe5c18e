import type { NodeId, Role } from '../base/names.js';
import type { MemberStatus } from '../membership/member.js';

export { MEMBER_STATUSES, type MemberStatus } from '../membership/member.js';

/** `netmgr status --json`: what scripts may rely on. Times are milliseconds since the epoch. */
export interface ClusterStatus {
  readonly schema: 1;
  readonly cluster: string;
  readonly leader: LeaderStatus;
  readonly counts: Readonly<Record<MemberStatus, number>>;
  readonly nodes: readonly NodeStatus[];
  /** Grows with each change of a member's status, handlers or tags; see `Operator.status({ after })`. */
  readonly revision: number;
}

export interface LeaderStatus {
  readonly node: NodeId;
  /** What collaborators dial. */
  readonly address: string;
  readonly version: string;
  readonly pid: number;
  readonly state: 'serving' | 'draining';
  readonly startedAt: number;
  readonly uptimeMs: number;
  /** What was refused or dropped since the start, by reason. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface NodeStatus {
  readonly node: NodeId;
  readonly role: Role;
  readonly status: MemberStatus;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly handlers: readonly string[];
  readonly slots: { readonly busy: number; readonly total: number };
  /** Round trip of the last heartbeat; null until one was answered. */
  readonly rttMs: number | null;
  /** Since the last frame of any kind. */
  readonly heartbeatAgeMs: number;
  readonly loopLagMs: number;
  readonly version: string;
  readonly pid: number;
  readonly joinedAt: number;
  readonly lastSeenAt: number;
  /** Public id of the key that it proves itself by; null where there are no keys. */
  readonly device: string | null;
  readonly messages: { readonly in: number; readonly out: number; readonly errors: number };
  readonly bytes: { readonly in: number; readonly out: number };
}

/** `netmgr status` on a host that has only a collaborator: its own view, over its own socket. */
export interface CollaboratorStatus {
  readonly schema: 1;
  readonly cluster: string | null;
  readonly view: 'collaborator';
  readonly node: NodeId;
  readonly version: string;
  readonly pid: number;
  readonly leader: {
    readonly node: NodeId | null;
    readonly address: string;
    readonly connected: boolean;
    /** Since when that is so. */
    readonly since: number;
    readonly rttMs: number | null;
    readonly lastError: { readonly code: string; readonly message: string } | null;
  };
  readonly tags: Readonly<Record<string, string>>;
  readonly handlers: readonly string[];
  readonly slots: { readonly busy: number; readonly total: number };
  /** What was refused or dropped since the start, by reason. */
  readonly counters: Readonly<Record<string, number>>;
  readonly startedAt: number;
  readonly uptimeMs: number;
}
