import type { Style } from '../style.js';
import { type Column, renderTable, type TableLook } from '../table.js';
import { formatDuration } from '../units.js';
import { wrapWords } from '../wrap.js';

export type InviteState = 'open' | 'used up' | 'expired' | 'revoked';

/** What is shown of a join token; its secret is known to nobody here. */
export interface ShownInvite {
  readonly id: string;
  readonly role: string;
  readonly uses: number;
  readonly used: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number | undefined;
  readonly maySubmit: boolean;
  readonly automatic: boolean;
}

/** @param now milliseconds since the epoch */
export function stateOf(invite: ShownInvite, now: number): InviteState {
  if (invite.revokedAt !== undefined && invite.revokedAt !== null) return 'revoked';
  if (invite.used >= invite.uses) return 'used up';
  return now >= invite.expiresAt ? 'expired' : 'open';
}

export function renderInvites(
  invites: readonly (ShownInvite & { readonly state: InviteState })[],
  now: number,
  look: TableLook,
): Promise<string> {
  type Row = (typeof invites)[number];
  const columns: readonly Column<Row>[] = [
    { title: 'ID', rank: 0, cell: ({ id }) => id },
    { title: 'ROLE', rank: 1, cell: (row) => (row.maySubmit ? `${row.role}, can submit` : row.role) },
    { title: 'USED', rank: 3, align: 'right', cell: ({ used, uses }) => `${used}/${uses}` },
    { title: 'STATE', rank: 2, cell: ({ state }) => state, paint: (text, row, style) => paint(text, row.state, style) },
    {
      title: 'EXPIRES',
      rank: 4,
      cell: (row) => (row.state === 'open' ? `in ${formatDuration(row.expiresAt - now)}` : ''),
    },
    { title: 'MADE', rank: 5, cell: ({ createdAt }) => `${formatDuration(Math.max(0, now - createdAt))} ago` },
    { title: 'BY', rank: 6, cell: ({ automatic }) => (automatic ? "the leader's start" : 'an operator') },
  ];
  return renderTable(columns, invites, look);
}

const paint = (text: string, state: InviteState, style: Style): string =>
  state === 'open' ? style.good(text) : style.faint(text);

/** Lines for whoever has made a token: what to do with it. */
export function createdLines(made: {
  readonly role: string;
  readonly uses: number;
  readonly ttlMs: number;
  readonly address: string;
  readonly id: string;
  readonly file: string | undefined;
  /** Characters in a line of the terminal; undefined if it is none. */
  readonly width: number | undefined;
}): readonly string[] {
  const address = made.address.replace(/^wss:\/\//, '');
  const file = made.file ?? 'FILE';
  const use =
    made.role === 'collaborator'
      ? `netmgr join ${address} --token-file ${file}`
      : `netmgr config context add NAME ${address} --token-file ${file}`;
  const whom = made.uses === 1 ? `one ${made.role}` : `${made.uses} ${made.role}s`;
  return [
    wrapWords(
      `for ${whom}, within ${formatDuration(made.ttlMs)}; 'netmgr invite revoke ${made.id}' takes it back`,
      made.width,
    ),
    `use it with:  ${use}`,
  ];
}
