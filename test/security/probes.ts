import type { MessageDraft } from '../../src/message/message.js';
import { type Action, AUTHORISATION, type Grant } from '../../src/security/authorisation.js';

/** One message, and what the table calls it; undefined for what stands in it nowhere. */
export interface Probe {
  readonly action: Action | undefined;
  readonly draft: MessageDraft;
}

/** Who tries: every role, and collaborators with both kinds of token. */
export interface Attempt {
  readonly role: 'collaborator' | 'operator' | 'observer';
  readonly maySubmit: boolean;
}

export const ATTEMPTS: readonly Attempt[] = [
  { role: 'collaborator', maySubmit: false },
  { role: 'collaborator', maySubmit: true },
  { role: 'operator', maySubmit: true },
  { role: 'observer', maySubmit: false },
];

export const nameOf = ({ role, maySubmit }: Attempt): string => `${role}${maySubmit ? '' : '-mute'}`;

/** What the table says, read as a person would. */
export function isAllowed({ role, maySubmit }: Attempt, action: Action | undefined): boolean {
  const grant: Grant = action === undefined ? 'no' : AUTHORISATION[action][role];
  return grant === 'may-submit' ? maySubmit : grant !== 'no';
}

/** What netmgr itself answers. */
export const OPERATIONS: readonly Action[] = (Object.keys(AUTHORISATION) as Action[]).filter((action) =>
  action.startsWith('netmgr.'),
);

const PAYLOADS: Readonly<Record<string, unknown>> = {
  'netmgr.emit': { type: 'work', nodes: ['w1'] },
  'netmgr.evict': { node: 'nobody' },
  'netmgr.node.forget': { node: 'nobody' },
  'netmgr.invite.create': { role: 'operator' },
  'netmgr.invite.revoke': { id: 'abcdefgh' },
};

const TARGETS = [undefined, 'leader', '?', 'w1'] as const;

/** Every kind, every operation, and every way to address it, for a cluster of `leader` and `w1`. */
export const PROBES: readonly Probe[] = [
  { action: 'session', draft: { kind: 'heartbeat', type: 'heartbeat', payload: {} } },
  { action: 'session', draft: { kind: 'error', type: 'message', re: 'none-1', payload: { code: 'X', message: 'x' } } },
  ...['hello', 'welcome', 'challenge', 'prove', 'enrol', 'register-again', 'conjure'].map(
    (type): Probe => ({ action: 'session', draft: { kind: 'control', type, payload: {} } }),
  ),
  {
    action: 'register',
    draft: { kind: 'control', type: 'register', payload: { sequence: 1, handlers: ['offered'] } },
  },
  { action: 'cancel', draft: { kind: 'control', type: 'cancel', re: 'none-1' } },
  { action: 'answer', draft: { kind: 'response', type: 'work', re: 'none-1', payload: 'forged' } },
  ...TARGETS.map((to): Probe => ({ action: 'call', draft: { kind: 'request', type: 'work', to } })),
  ...[...TARGETS, '*'].map((to): Probe => ({ action: 'emit', draft: { kind: 'event', type: 'work', to } })),
  ...OPERATIONS.flatMap((type): Probe[] => {
    const draft = { kind: 'request', type, payload: PAYLOADS[type] } as const;
    return [
      { action: type, draft },
      { action: type, draft: { ...draft, to: 'leader' } },
      { action: type === 'netmgr.status' ? 'status of a node' : undefined, draft: { ...draft, to: 'w1' } },
      { action: undefined, draft: { ...draft, to: '?' } },
      { action: undefined, draft: { ...draft, to: '*' } },
      { action: undefined, draft: { ...draft, kind: 'event' } },
      { action: undefined, draft: { ...draft, kind: 'event', to: 'w1' } },
    ];
  }),
  { action: undefined, draft: { kind: 'request', type: 'netmgr.unheard-of' } },
  { action: undefined, draft: { kind: 'event', type: 'netmgr.unheard-of' } },
];

export const titleOf = ({ draft: { kind, type, to } }: Probe): string =>
  `${kind} ${type}${to === undefined ? '' : ` to ${to}`}`;
