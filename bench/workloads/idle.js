/** Thousands of members that only heartbeat: what one costs the leader, beside idle connections of a bare ws server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { kib, show } from '../format.js';
import { Child } from '../host.js';
import { median, medianRatio } from '../measure.js';
import { unavailable } from '../peers/peer.js';
import { rowOf, target } from '../target.js';

export const name = 'idle';
export const cases = ['idle'];

const PEERS = ['netmgr', 'ws'];
/** Long enough for the joins to be digested and for heartbeats to be under way. */
const SETTLE_MS = 3000;

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run({ progress, effort }) {
  const { connections, rounds, watchMs } = effort.idle;
  const peers = [];
  for (const peer of PEERS) if (!(await unavailable(peer))) peers.push(peer);
  /** @type {Record<string, Held[]>} */
  const held = Object.fromEntries(peers.map((peer) => [peer, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const peer of peers) {
      progress(`idle, ${connections} connections of ${peer}, round ${round}/${rounds}`);
      // CPU needs one long look, at those who heartbeat; memory needs several fresh processes.
      const watched = peer === 'netmgr' && round === rounds;
      held[peer].push(await hold(peer, connections, watched ? watchMs : 0));
    }
  }
  return peers.map((peer) => summary(peer, connections, held));
}

/** Bytes of RSS per connection: of the whole process, and what the connections added. @typedef {{ growth: number, share: number, cpuShare: number | undefined, counts: Record<string, number> }} Held */

/**
 * @param {string} peer
 * @param {number} connections
 * @param {number} watchMs
 * @returns {Promise<Held>}
 */
async function hold(peer, connections, watchMs) {
  const server = new Child({ cpu: 0 });
  const crowd = new Child({ cpu: 1 });
  try {
    const { address } = await server.call('hold', { peer });
    const empty = await server.call('memory');
    await crowd.call('crowd', { protocol: peer, address, connections });
    await sleep(SETTLE_MS);
    const cpuShare = watchMs > 0 ? await watch(server, watchMs) : undefined;
    const full = await server.call('memory');
    const counts = { ...(await server.call('counts')), ...(await crowd.call('counts')) };
    return { growth: (full.rss - empty.rss) / connections, share: full.rss / connections, cpuShare, counts };
  } finally {
    await crowd.end();
    await server.end();
  }
}

/** The share of a core that the process uses. @param {Child} child @param {number} durationMs */
async function watch(child, durationMs) {
  const before = await child.call('cpu');
  const start = performance.now();
  await sleep(durationMs);
  const after = await child.call('cpu');
  const usedMs = (after.user + after.system - before.user - before.system) / 1000;
  return usedMs / (performance.now() - start);
}

/**
 * @param {string} peer
 * @param {number} connections
 * @param {Record<string, Held[]>} held
 */
function summary(peer, connections, held) {
  const rounds = held[peer];
  /** @param {string} name @param {'growth' | 'share'} key */
  const bytes = (name, key) => held[name].map((round) => round[key]);
  return {
    workload: 'idle',
    case: 'idle',
    peer,
    rounds: rounds.length,
    connections,
    rssBytesPerConnection: median(bytes(peer, 'share')),
    rssGrowthPerConnection: median(bytes(peer, 'growth')),
    cpuShare: rounds.at(-1)?.cpuShare,
    counts: rounds.at(-1)?.counts,
    falseLosses: peer === 'netmgr' ? Math.max(...rounds.map(({ counts }) => counts.lost)) : undefined,
    netmgrRatio:
      peer === 'netmgr' || !held.netmgr
        ? undefined
        : {
            rssBytesPerConnection: medianRatio(bytes('netmgr', 'share'), bytes(peer, 'share')),
            rssGrowthPerConnection: medianRatio(bytes('netmgr', 'growth'), bytes(peer, 'growth')),
          },
  };
}

export const note = '× is netmgr divided by this peer, the median of the rounds.';

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  peer: (row) => row.peer,
  'RSS/conn': (row) => kib(row.rssBytesPerConnection),
  'growth/conn': (row) => kib(row.rssGrowthPerConnection),
  '× RSS': (row) => show(row.netmgrRatio?.rssBytesPerConnection),
  '× growth': (row) => show(row.netmgrRatio?.rssGrowthPerConnection),
  'CPU %': (row) => (row.cpuShare === undefined ? '' : show(row.cpuShare * 100)),
  'false losses': (row) => show(row.falseLosses),
};

/** @type {import('../report.js').Workload['targets']} */
export function targets(rows) {
  const ours = rowOf(rows, name, 'netmgr');
  const memory = rowOf(rows, name, 'ws')?.netmgrRatio?.rssBytesPerConnection;
  return [
    ...target('idle: leader RSS per connection, netmgr : ws', memory, '<=', 1.5),
    ...target('idle: leader CPU, share of a core', ours?.cpuShare, '<', 0.15),
    ...target('idle: false losses', ours?.falseLosses, '=', 0),
  ];
}
