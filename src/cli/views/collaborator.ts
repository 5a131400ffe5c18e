import type { CollaboratorStatus } from '../../role/status.js';
import { renderPairs, type TableLook } from '../table.js';
import { formatDuration, formatMilliseconds } from '../units.js';
import { countersText } from './counters.js';
import { tagText } from './nodes.js';

/** What a collaborator says of itself, on a host without a leader. */
export function renderCollaborator(status: CollaboratorStatus, now: number, look: TableLook): string {
  const { leader } = status;
  const since = formatDuration(Math.max(0, now - leader.since));
  const state = leader.connected ? look.style.good('connected') : look.style.bad('not connected');
  const pairs: (readonly [string, string])[] = [
    ['node', `${status.node} (collaborator, pid ${status.pid})`],
    ['cluster', status.cluster ?? 'not known yet'],
    ['leader', `${leader.node ?? 'not known yet'} at ${leader.address}`],
    ['round trip', leader.rttMs === null ? 'not measured yet' : formatMilliseconds(leader.rttMs)],
    ['slots', `${status.slots.busy} of ${status.slots.total} busy`],
    ['handlers', status.handlers.join(' ')],
    ['tags', tagText(status.tags)],
    ['up', formatDuration(status.uptimeMs)],
    ['version', status.version],
  ];
  const counted = countersText(status.counters);
  if (counted !== '') pairs.push(['counted', counted]);
  if (leader.lastError !== null && !leader.connected) {
    pairs.splice(3, 0, ['last error', `${leader.lastError.code}: ${leader.lastError.message}`]);
  }
  return `${state} for ${since}\n${renderPairs(pairs, look)}`;
}
