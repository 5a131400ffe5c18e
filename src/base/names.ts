/** The rules for everything that is given a name. They are part of the protocol (docs/protocol.md). */

/** Node and cluster names: a DNS-like label, so that it is safe in paths, tables and metrics. */
export const NODE_NAME: RegExp = /^[a-z0-9][a-z0-9._-]{0,62}$/;
/** Handler types, control verbs and component names. */
export const TYPE_NAME: RegExp = /^[A-Za-z][A-Za-z0-9._:-]{0,127}$/;
/** Message ids. */
export const MESSAGE_ID: RegExp = /^[A-Za-z0-9._:-]{1,64}$/;

export type NodeId = string;

/** What a node may do. */
export type Role = 'leader' | 'collaborator' | 'operator' | 'observer';
export const ROLES: readonly Role[] = ['leader', 'collaborator', 'operator', 'observer'];

/** `to`: everyone. */
export const EVERYONE = '*';
/** `to`: the leader picks one. */
export const ANYONE = '?';

/** Types that begin with this are netmgr's own; users cannot register them. */
export const RESERVED_PREFIX = 'netmgr.';
