/** The message types that leaders and collaborators answer by themselves. docs/protocol.md describes their payloads. */
export const STATUS = 'netmgr.status';
export const EMIT = 'netmgr.emit';
export const EVICT = 'netmgr.evict';

export interface StatusQuery {
  /** Answer when the revision is no longer this one, or when `waitMs` is over. */
  readonly after?: number | undefined;
  readonly waitMs?: number | undefined;
}

export interface EmitOrder {
  readonly type: string;
  readonly nodes: readonly string[];
  readonly payload?: unknown;
  readonly priority?: string | undefined;
  readonly component?: string | undefined;
}
