import { NetworkError } from '../base/errors.js';
import { ANYONE, EVERYONE, type NodeId, RESERVED_PREFIX, type Role } from '../base/names.js';
import type { MessageKind } from '../message/message.js';

/**
 * Who may do what: the one table. The roles ask it about every message, docs/security.md shows it, and the tests are
 * made from it. What is not in it is denied.
 */

/** The roles of those who connect; a cluster has one leader, and no peer of a listener is one. */
type PeerRole = Exclude<Role, 'leader'>;

/**
 * `own`: what concerns itself. `may-submit`: if its token said so. `redacted`: without the payload of any message.
 */
export type Grant = 'yes' | 'own' | 'may-submit' | 'redacted' | 'no';

/** What a message asks for; operations go by its type. */
export type Action =
  | 'session'
  | 'register'
  | 'answer'
  | 'cancel'
  | 'call'
  | 'emit'
  | 'netmgr.status'
  | 'status of a node'
  | 'netmgr.emit'
  | 'netmgr.evict'
  | 'netmgr.node.forget'
  | 'netmgr.invite.create'
  | 'netmgr.invite.list'
  | 'netmgr.invite.revoke'
  | 'netmgr.invite.rotate'
  | 'netmgr.authority.show'
  | 'netmgr.authority.rotate';

interface Rule extends Readonly<Record<PeerRole, Grant>> {
  /** What it is, for people. */
  readonly what: string;
}

const EVERYBODY = { collaborator: 'yes', operator: 'yes', observer: 'yes' } as const;
const COLLABORATORS = { collaborator: 'own', operator: 'no', observer: 'no' } as const;
const WORK = { collaborator: 'may-submit', operator: 'yes', observer: 'no' } as const;
const OPERATORS = { collaborator: 'no', operator: 'yes', observer: 'no' } as const;

export const AUTHORISATION: Readonly<Record<Action, Rule>> = {
  session: {
    what: 'heartbeat, acknowledge, say goodbye, say what could not be read; control verbs that the leader does not know have no effect',
    ...EVERYBODY,
  },
  register: { what: 'offer handlers, take work, drain itself', ...COLLABORATORS },
  answer: { what: 'answer a request that it was given', ...COLLABORATORS },
  cancel: { what: 'give up a request of its own', collaborator: 'own', operator: 'own', observer: 'own' },
  call: { what: 'call: a request to a node, to whichever is best, or to the leader', ...WORK },
  emit: { what: 'emit: an event to a node, to all, or to the leader', ...WORK },
  'netmgr.status': { what: 'status of the cluster', collaborator: 'own', operator: 'yes', observer: 'redacted' },
  'status of a node': {
    what: "a collaborator's view of itself, through the leader or on its own socket",
    collaborator: 'no',
    operator: 'yes',
    observer: 'redacted',
  },
  'netmgr.emit': { what: 'one event to each of many nodes', ...OPERATORS },
  'netmgr.evict': { what: 'shut a node or client out', ...OPERATORS },
  'netmgr.node.forget': { what: 'free the name of one that is gone', ...OPERATORS },
  'netmgr.invite.create': { what: 'make a join token', ...OPERATORS },
  'netmgr.invite.list': { what: 'list join tokens, without their secrets', ...OPERATORS },
  'netmgr.invite.revoke': { what: 'revoke a join token', ...OPERATORS },
  'netmgr.invite.rotate': { what: 'revoke all join tokens', ...OPERATORS },
  'netmgr.authority.show': { what: "look at the leader's certificates", ...OPERATORS },
  'netmgr.authority.rotate': { what: "replace the leader's certificate authority", ...OPERATORS },
};

const STATUS = 'netmgr.status';

/** What of a message decides. */
export interface Asked {
  readonly kind: MessageKind;
  readonly type: string;
  readonly to?: NodeId | undefined;
}

/** Who asks: a peer, or a node that looks at its own rights. */
export interface Asker {
  readonly node: NodeId;
  readonly role: Role;
  readonly maySubmit: boolean;
}

/**
 * What a message asks for.
 * @param self the node that it came to
 * @returns undefined for what is not in the table
 */
function actionOf(message: Asked, self: NodeId | undefined): Action | undefined {
  switch (message.kind) {
    case 'heartbeat':
    case 'error':
      return 'session';
    case 'response':
      return 'answer';
    case 'control':
      return message.type === 'register' || message.type === 'cancel' ? message.type : 'session';
    case 'request':
      return message.type.startsWith(RESERVED_PREFIX) ? operationOf(message, self) : 'call';
    case 'event':
      // An operation is asked for with a request: nobody learns what becomes of an event.
      return message.type.startsWith(RESERVED_PREFIX) ? undefined : 'emit';
  }
}

function operationOf({ type, to }: Asked, self: NodeId | undefined): Action | undefined {
  if (to === undefined || to === self) return Object.hasOwn(AUTHORISATION, type) ? (type as Action) : undefined;
  return type === STATUS && to !== ANYONE && to !== EVERYONE ? 'status of a node' : undefined;
}

/** By name rather than by key: it is asked of every message, and a key that varies is looked up anew each time. */
function grantIn(rule: Rule, role: PeerRole): Grant {
  if (role === 'collaborator') return rule.collaborator;
  return role === 'operator' ? rule.operator : rule.observer;
}

/** @returns undefined: it may not */
export function grantOf(asker: Asker, action: Action | undefined): 'yes' | 'own' | 'redacted' | undefined {
  if (action === undefined || asker.role === 'leader') return undefined;
  const grant = grantIn(AUTHORISATION[action], asker.role);
  if (grant === 'may-submit') return asker.maySubmit ? 'yes' : undefined;
  return grant === 'no' ? undefined : grant;
}

/**
 * Why a message is refused, if it is.
 * @returns NetworkError NOT_ALLOWED naming who, what and who may
 */
export function refusalOf(asker: Asker, message: Asked, self: NodeId | undefined): NetworkError | undefined {
  const action = actionOf(message, self);
  if (grantOf(asker, action) !== undefined) return undefined;
  return new NetworkError(
    'NOT_ALLOWED',
    `${asker.node} is ${withArticle(asker.role)}: ${reason(asker, message, action)}`,
    {
      node: asker.node,
    },
  );
}

function reason({ role }: Asker, { kind, type, to }: Asked, action: Action | undefined): string {
  const what = `${kind === 'request' ? '' : `${kind} `}'${type}'${to === undefined ? '' : ` to ${to}`}`;
  if (action === undefined) return `${what} is for nobody`;
  const rule = AUTHORISATION[action];
  if (role === 'collaborator' && rule.collaborator === 'may-submit') {
    return `it may not ask others for ${what}, because it joined with a token without --can-submit`;
  }
  const roles = (['collaborator', 'operator', 'observer'] as const).filter((each) => rule[each] !== 'no');
  return `${what} is for ${roles.map((each) => `${each}s`).join(' and ')}`;
}

const withArticle = (role: Role): string => (role.startsWith('o') ? `an ${role}` : `a ${role}`);
