import type { NodeId } from '../base/names.js';

/** `left` said goodbye (or was evicted); `lost` did not. */
export type MemberStatus = 'joining' | 'alive' | 'suspect' | 'lost' | 'draining' | 'left';
export const MEMBER_STATUSES: readonly MemberStatus[] = ['joining', 'alive', 'suspect', 'lost', 'draining', 'left'];

/** Whether a member in this status is connected: all but `lost` and `left`. */
export const isPresent = (status: MemberStatus): boolean => status !== 'lost' && status !== 'left';

/** What a collaborator says it can do. */
export interface Registration {
  /** Grows with each registration of one process: an older one never overwrites a newer one. */
  readonly sequence: number;
  readonly handlers: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** How many jobs it runs at once. */
  readonly slots: number;
}

/** A row of the member table. It is live: read it, do not keep it. Times are milliseconds on the monotonic clock. */
export interface Member {
  readonly node: NodeId;
  /** Random at each start of the process. */
  readonly instance: string;
  readonly version: string;
  readonly address: string;
  readonly pid: number;
  readonly status: MemberStatus;
  /** Since when it has this status. */
  readonly statusSince: number;
  /** When its connection, or its last one, was made. */
  readonly joinedAt: number;
  /** When the last frame of any kind came. */
  readonly lastFrameAt: number;
  /** Of its newest registration; -1 before the first. */
  readonly sequence: number;
  readonly handlers: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Of its last heartbeat. */
  readonly busy: number;
  readonly loopLagMs: number;
  /** Undefined until it has measured one. */
  readonly rttMs: number | undefined;
  /** The heartbeat interval that it was told last. */
  readonly intervalMs: number;
}
