/** Request/response of a small JSON message between two processes. */
import { show } from '../format.js';
import { median, medianRatio } from '../measure.js';
import { Pair } from '../pair.js';
import { PEERS, peerOf, unavailable } from '../peers/peer.js';
import { rowOf, target } from '../target.js';

export const name = 'request';

const CONNECTIONS = [1, 8];
const DEPTHS = [1, 64, 512];
const WARM_UP_DEPTH = 64;

/** @param {number} connections @param {number} depth */
const caseOf = (connections, depth) => `request/${connections}x${depth}`;

export const cases = CONNECTIONS.flatMap((connections) => DEPTHS.map((depth) => caseOf(connections, depth)));

/** @param {string} peer @param {number} connections */
const connectedBy = (peer, connections) => async (/** @type {Pair} */ pair) => {
  const broker = await (await peerOf(peer)).broker?.();
  if (broker) pair.onClose(broker.stop);
  const { address } = await pair.asking.call('ask', { peer, connections, broker: broker?.address });
  await pair.answering.call('answer', { peer, address, connections });
  await pair.asking.call('ready');
};

/** @typedef {import('../pair.js').Measure} Measure */
/** Measures by case and peer, one for each round. @typedef {Map<string, Map<string, Measure[]>>} Rounds */

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run(plan) {
  /** @type {Rounds} */
  const rounds = new Map();
  const peers = [];
  for (const peer of PEERS) {
    const reason = await unavailable(peer);
    if (reason) plan.progress(`${peer} is not measured: ${reason}`);
    else peers.push(peer);
  }
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const connections of CONNECTIONS) await measureRound({ plan, round, connections, peers, rounds });
  }
  return rowsOf(rounds);
}

/**
 * One round at one number of connections: fresh processes for every peer, then each depth, peer after peer.
 * @param {{ plan: import('../run.js').Plan, round: number, connections: number, peers: string[], rounds: Rounds }} options
 */
async function measureRound({ plan, round, connections, peers, rounds }) {
  const depths = DEPTHS.filter((depth) => plan.wants(caseOf(connections, depth)));
  if (depths.length === 0) return;
  /** @type {Map<string, Pair>} */
  const pairs = new Map();
  try {
    for (const peer of peers) {
      const pair = await Pair.open(connectedBy(peer, connections));
      pairs.set(peer, pair);
      // A leader runs for days: what the engine compiles in its first seconds is no part of what a request costs.
      await pair.asking.call('load', { connections, depth: WARM_UP_DEPTH, durationMs: plan.compileMs });
    }
    for (const depth of depths) {
      const name = caseOf(connections, depth);
      plan.progress(`${name} round ${round}/${plan.rounds}`);
      for (const [peer, pair] of pairs) {
        const measure = await pair.measure({ connections, depth, durationMs: plan.measureMs }, plan.warmUpMs);
        const byPeer = rounds.get(name) ?? new Map();
        rounds.set(name, byPeer);
        byPeer.set(peer, [...(byPeer.get(peer) ?? []), measure]);
      }
    }
  } finally {
    for (const pair of pairs.values()) await pair.close();
  }
}

/** @param {Rounds} rounds */
function rowsOf(rounds) {
  /** @type {import('../report.js').Row[]} */
  const rows = [];
  for (const name of cases) {
    const byPeer = rounds.get(name);
    const ours = byPeer?.get('netmgr');
    for (const [peer, measures] of byPeer ?? []) {
      /** @param {keyof Measure} key */
      const middle = (key) => median(measures.map((measure) => measure[key]));
      /** @param {keyof Measure} key */
      const ratio = (key) =>
        ours &&
        medianRatio(
          ours.map((measure) => measure[key]),
          measures.map((measure) => measure[key]),
        );
      rows.push({
        workload: 'request',
        case: name,
        peer,
        rounds: measures.length,
        requestsPerSecond: middle('requestsPerSecond'),
        askCpuUs: middle('askCpuUs'),
        answerCpuUs: middle('answerCpuUs'),
        p50Us: middle('p50Us'),
        p99Us: middle('p99Us'),
        netmgrRatio:
          peer === 'netmgr' || !ours
            ? undefined
            : {
                requestsPerSecond: ratio('requestsPerSecond'),
                askCpuUs: ratio('askCpuUs'),
                answerCpuUs: ratio('answerCpuUs'),
                p50Us: ratio('p50Us'),
              },
      });
    }
  }
  return rows;
}

export const note = '× is netmgr divided by this peer, the median of the rounds.';

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  peer: (row) => row.peer,
  'req/s': (row) => show(row.requestsPerSecond),
  'p50 µs': (row) => show(row.p50Us),
  'p99 µs': (row) => show(row.p99Us),
  'leader CPU µs': (row) => show(row.askCpuUs),
  'worker CPU µs': (row) => show(row.answerCpuUs),
  '× req/s': (row) => show(row.netmgrRatio?.requestsPerSecond),
  '× leader CPU': (row) => show(row.netmgrRatio?.askCpuUs),
  '× p50': (row) => show(row.netmgrRatio?.p50Us),
};

/** @type {import('../report.js').Workload['targets']} */
export function targets(rows) {
  const busy = 'request/8x64';
  const single = 'request/1x1';
  /** @param {string} peer @param {string} [at] */
  const ratio = (peer, at = busy) => rowOf(rows, at, peer)?.netmgrRatio;
  const tls = ratio('netmgr-tls')?.requestsPerSecond;
  return [
    ...target(`${busy}: req/s, netmgr : ws`, ratio('ws')?.requestsPerSecond, '>=', 1.8),
    ...target(`${busy}: req/s, netmgr : socket.io`, ratio('socket.io')?.requestsPerSecond, '>=', 2.2),
    ...target(`${busy}: req/s, netmgr : nats`, ratio('nats')?.requestsPerSecond, '>=', 3),
    ...target(`${busy}: leader CPU per request, netmgr : ws`, ratio('ws')?.askCpuUs, '<=', 0.6),
    ...target(`${busy}: req/s, netmgr-tls : netmgr`, tls === undefined ? undefined : 1 / tls, '>=', 0.8),
    ...target(`${single}: p50 latency, netmgr : ws`, ratio('ws', single)?.p50Us, '<=', 1.15),
  ];
}
