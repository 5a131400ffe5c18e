/** Request/response of a small JSON message between two processes. */
import { show } from '../format.js';
import { Child } from '../host.js';
import { medianRatio } from '../measure.js';
import { PEERS, peerOf, unavailable } from '../peers/peer.js';
import { measureRounds, middles } from '../rounds.js';
import { rowOf, target } from '../target.js';

export const name = 'request';

/** Connections that are open; a case may use fewer of them. */
const CONNECTIONS = 8;

/** @type {Record<string, { connections: number, depth: number }>} */
const LOADS = {
  'request/1x1': { connections: 1, depth: 1 },
  'request/1x64': { connections: 1, depth: 64 },
  'request/1x512': { connections: 1, depth: 512 },
  'request/8x64': { connections: CONNECTIONS, depth: 64 },
};
const WARM_UP = { connections: CONNECTIONS, depth: 64 };

export const cases = Object.keys(LOADS);

/** The address of what stands between the two processes. @param {string} peer @param {import('../pair.js').Pair} pair */
async function brokerOf(peer, pair) {
  const child = new Child({});
  pair.onClose(() => child.end());
  const { address } = await child.call('broker', { peer });
  return address;
}

/** @param {string} peer */
const connectedBy = (peer) => async (/** @type {import('../pair.js').Pair} */ pair) => {
  const broker = (await peerOf(peer)).broker && (await brokerOf(peer, pair));
  const { address } = await pair.asking.call('ask', { peer, connections: CONNECTIONS, broker });
  await pair.answering.call('answer', { peer, address, connections: CONNECTIONS });
  await pair.asking.call('ready');
};

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run({ wants, progress, effort }) {
  const contenders = [];
  for (const peer of PEERS) {
    const reason = await unavailable(peer);
    if (reason) progress(`${peer} is not measured: ${reason}`);
    else contenders.push(peer);
  }
  const wanted = Object.fromEntries(Object.entries(LOADS).filter(([name]) => wants(name)));
  const contest = { name, contenders, connect: connectedBy, cases: wanted, warmUp: WARM_UP, effort: effort.request };
  return rowsOf(await measureRounds({ ...contest, progress }));
}

/** @param {import('../rounds.js').Measures} measures */
function rowsOf(measures) {
  return [...measures].flatMap(([name, byPeer]) => {
    const ours = byPeer.get('netmgr') ?? [];
    return [...byPeer].map(([peer, taken]) => ({
      workload: 'request',
      case: name,
      peer,
      rounds: taken.length,
      ...middles(taken),
      netmgrRatio: peer === 'netmgr' ? undefined : ratiosOf(ours, taken),
    }));
  });
}

/** @param {readonly import('../pair.js').Measure[]} ours @param {readonly import('../pair.js').Measure[]} theirs */
function ratiosOf(ours, theirs) {
  /** @param {keyof import('../pair.js').Measure} key */
  const ratio = (key) =>
    medianRatio(
      ours.map((measure) => measure[key]),
      theirs.map((measure) => measure[key]),
    );
  return {
    requestsPerSecond: ratio('requestsPerSecond'),
    askCpuUs: ratio('askCpuUs'),
    answerCpuUs: ratio('answerCpuUs'),
    p50Us: ratio('p50Us'),
  };
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
