import { visible } from '../../message/escape.js';
import { type ClusterStatus, MEMBER_STATUSES } from '../../role/status.js';
import { clip, type TableLook } from '../table.js';
import { formatDuration } from '../units.js';
import { countersText } from './counters.js';
import { paintStatus, renderNodes } from './nodes.js';

/** The roll-up, then the table of nodes. */
export async function renderStatus(status: ClusterStatus, look: TableLook): Promise<string> {
  const lines = [headline(status, look), countsLine(status, look), ''];
  const counters = countersText(status.leader.counters);
  if (status.nodes.length === 0) {
    lines.push(...nobodyYet(visible(status.leader.address)));
    return `${lines.join('\n')}\n`;
  }
  const table = await renderNodes(status.nodes, look);
  return `${lines.join('\n')}\n${table}${counters === '' ? '' : `\n${look.style.faint(clipLine(`counted: ${counters}`, look))}\n`}`;
}

/** Not clipped on a narrow terminal: they are there to be copied. */
function nobodyYet(address: string): readonly string[] {
  if (!address.startsWith('wss://')) return ['No collaborators yet.', `On this host:  netmgr join ${address}`];
  const elsewhere = `netmgr join ${address.slice('wss://'.length)} --token-file FILE`;
  return [
    'No collaborators yet.',
    'On this host:  netmgr join',
    `On another:    ${elsewhere}`,
    'A token:       netmgr invite create',
  ];
}

function headline(status: ClusterStatus, look: TableLook): string {
  const { leader } = status;
  const start = `${visible(status.cluster)}  ${visible(leader.node)} ${leader.state} at ${visible(leader.address)}`;
  const more = `up ${formatDuration(leader.uptimeMs)}, pid ${leader.pid}, netmgr ${visible(leader.version)}`;
  const full = `${start}  ${more}`;
  const text = look.width !== undefined && full.length > look.width ? clipLine(start, look) : full;
  return look.style.strong(text);
}

function countsLine(status: ClusterStatus, look: TableLook): string {
  const parts = MEMBER_STATUSES.filter((name) => status.counts[name] > 0 || name === 'alive');
  return parts.map((name) => paintStatus(`${status.counts[name]} ${name}`, name, look.style)).join('  ');
}

const clipLine = (text: string, look: TableLook): string => (look.width === undefined ? text : clip(text, look.width));
