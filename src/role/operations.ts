/** The message types that leaders and collaborators answer by themselves. docs/protocol.md describes their payloads. */
export const STATUS = 'netmgr.status';
export const EMIT = 'netmgr.emit';
export const EVICT = 'netmgr.evict';
export const FORGET = 'netmgr.node.forget';
export const INVITE_CREATE = 'netmgr.invite.create';
export const INVITE_LIST = 'netmgr.invite.list';
export const INVITE_REVOKE = 'netmgr.invite.revoke';
export const INVITE_ROTATE = 'netmgr.invite.rotate';
export const AUTHORITY_SHOW = 'netmgr.authority.show';
export const AUTHORITY_ROTATE = 'netmgr.authority.rotate';

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
