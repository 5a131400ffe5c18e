/** The networks side by side with each other and with what else asks and answers between two processes. */
import { show } from '../format.js';
import { measureRounds, middles } from '../rounds.js';
import { rowOf, target } from '../target.js';
import { NAMES } from '../transports/transport.js';

export const name = 'transports';

/** @type {Record<string, import('../rounds.js').Work>} */
const LOADS = {
  'transports/1': { connections: 1, depth: 1, size: '340 B' },
  'transports/64': { connections: 1, depth: 64, size: '340 B' },
  'transports/64x10KiB': { connections: 1, depth: 64, size: '10 KiB' },
};
const WARM_UP = { connections: 1, depth: 64 };

export const cases = Object.keys(LOADS);

/** @param {string} transport */
export const connectedBy = (transport) => async (/** @type {import('../pair.js').Pair} */ pair) => {
  const { address } = await pair.answering.call('listen', { transport });
  await pair.asking.call('connect', { transport, address });
};

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run({ wants, progress, effort }) {
  const wanted = Object.fromEntries(Object.entries(LOADS).filter(([name]) => wants(name)));
  const contest = { name, contenders: NAMES, connect: connectedBy, cases: wanted, warmUp: WARM_UP };
  return rowsOf(await measureRounds({ ...contest, effort: effort.transports, progress }));
}

/** @param {import('../rounds.js').Measures} measures */
function rowsOf(measures) {
  return [...measures].flatMap(([name, byTransport]) => {
    const rows = [...byTransport].map(([transport, taken]) => ({
      workload: 'transports',
      case: name,
      peer: transport,
      measures: taken.length,
      ...middles(taken),
    }));
    /** @param {string} other */
    const rateOf = (other) => rows.find(({ peer }) => peer === other)?.requestsPerSecond ?? Number.NaN;
    return rows.map((row) => ({
      ...row,
      grpcRatio: row.requestsPerSecond / rateOf('grpc-js'),
      nodeHttpRatio: row.requestsPerSecond / rateOf('node:http'),
    }));
  });
}

export const note = '× is this transport divided by the one named, the ratio of the medians of their req/s.';

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  transport: (row) => row.peer,
  'req/s': (row) => show(row.requestsPerSecond),
  'p50 µs': (row) => show(row.p50Us),
  'p99 µs': (row) => show(row.p99Us),
  'asking CPU µs': (row) => show(row.askCpuUs),
  'answering CPU µs': (row) => show(row.answerCpuUs),
  '× node:http': (row) => show(row.nodeHttpRatio),
  '× grpc-js': (row) => show(row.grpcRatio),
};

/** Ours, what it is compared with, and how many times as many requests per second it has to answer. */
const TARGETS = /** @type {const} */ ([
  ['tcp', 'websocket', 1],
  ['http', 'node:http', 0.8],
  ['websocket', 'grpc-js', 2],
  ['tcp', 'grpc-js', 2],
  ['http', 'grpc-js', 2],
  ['websocket reliable', 'websocket', 0.9],
  ['tcp reliable', 'tcp', 0.9],
]);

/** @type {import('../report.js').Workload['targets']} */
export function targets(rows) {
  return cases.flatMap((name) =>
    TARGETS.flatMap(([ours, other, bound]) => {
      const ratio = rowOf(rows, name, ours)?.requestsPerSecond / rowOf(rows, name, other)?.requestsPerSecond;
      return target(`${name}: req/s, ${ours} : ${other}`, ratio, '>=', bound);
    }),
  );
}
