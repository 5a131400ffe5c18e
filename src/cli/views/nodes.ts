import type { MemberStatus, NodeStatus } from '../../role/status.js';
import type { Style } from '../style.js';
import { type Column, renderPairs, renderTable, type TableLook } from '../table.js';
import { formatDuration, formatMilliseconds, formatSize } from '../units.js';

const COLUMNS: readonly Column<NodeStatus>[] = [
  { title: 'NODE', rank: 0, least: 16, cell: (node) => node.node },
  {
    title: 'STATUS',
    rank: 1,
    cell: (node) => node.status,
    paint: (text, node, style) => paintStatus(text, node.status, style),
  },
  { title: 'BUSY', rank: 2, align: 'right', cell: (node) => `${node.slots.busy}/${node.slots.total}` },
  { title: 'HANDLERS', rank: 3, least: 10, cell: (node) => node.handlers.join(' ') },
  { title: 'SEEN', rank: 4, align: 'right', cell: (node) => seen(node) },
  {
    title: 'RTT',
    rank: 6,
    align: 'right',
    cell: (node) => (node.rttMs === null ? '' : formatMilliseconds(node.rttMs)),
  },
  { title: 'TAGS', rank: 5, least: 8, cell: (node) => tagText(node.tags) },
  { title: 'ADDRESS', rank: 7, least: 12, cell: (node) => node.address },
  { title: 'VERSION', rank: 8, cell: (node) => node.version },
];

export const renderNodes = (nodes: readonly NodeStatus[], look: TableLook): Promise<string> =>
  renderTable(COLUMNS, nodes, look);

const seen = (node: NodeStatus): string => `${formatDuration(node.heartbeatAgeMs)} ago`;

export const tagText = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(' ');

export function paintStatus(text: string, status: MemberStatus, style: Style): string {
  switch (status) {
    case 'alive':
      return style.good(text);
    case 'lost':
      return style.bad(text);
    case 'left':
      return style.faint(text);
    default:
      return style.warning(text);
  }
}

/** Everything about one node. */
export function renderNode(node: NodeStatus, look: TableLook): string {
  return renderPairs(
    [
      ['node', node.node],
      ['role', node.role],
      ['status', node.status],
      ['address', node.address],
      ['slots', `${node.slots.busy} of ${node.slots.total} busy`],
      ['handlers', node.handlers.join(' ')],
      ['tags', tagText(node.tags)],
      ['last seen', `${seen(node)} (${new Date(node.lastSeenAt).toISOString()})`],
      ['joined', new Date(node.joinedAt).toISOString()],
      ['round trip', node.rttMs === null ? 'not measured yet' : formatMilliseconds(node.rttMs)],
      ['loop lag', formatMilliseconds(node.loopLagMs)],
      ['messages', `${node.messages.in} in, ${node.messages.out} out, ${node.messages.errors} errors`],
      ['bytes', `${formatSize(node.bytes.in)} in, ${formatSize(node.bytes.out)} out`],
      ['key', node.device ?? ''],
      ['version', node.version],
      ['pid', String(node.pid)],
    ],
    look,
  );
}
