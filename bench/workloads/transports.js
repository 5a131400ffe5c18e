/** The networks side by side with each other and with what else asks and answers between two processes. */
import { show } from '../format.js';
import { medianRatio } from '../measure.js';
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

/** With what others are compared. */
const MEASURES = [...new Set(TARGETS.map(([, other]) => other))];

/** @param {import('../rounds.js').Measures} measures */
function rowsOf(measures) {
  return [...measures].flatMap(([name, byTransport]) => {
    /** @param {string} transport */
    const ratesOf = (transport) => (byTransport.get(transport) ?? []).map((taken) => taken.requestsPerSecond);
    return [...byTransport].map(([transport, taken]) => ({
      workload: 'transports',
      case: name,
      peer: transport,
      measures: taken.length,
      ...middles(taken),
      /** Of the requests per second. */
      ratios: Object.fromEntries(MEASURES.map((other) => [other, medianRatio(ratesOf(transport), ratesOf(other))])),
    }));
  });
}

export const note = '× is this transport divided by the one named, in req/s: the median of the ratios of each pass.';

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  transport: (row) => row.peer,
  'req/s': (row) => show(row.requestsPerSecond),
  'p50 µs': (row) => show(row.p50Us),
  'p99 µs': (row) => show(row.p99Us),
  'asking CPU µs': (row) => show(row.askCpuUs),
  'answering CPU µs': (row) => show(row.answerCpuUs),
  '× node:http': (row) => show(row.ratios['node:http']),
  '× grpc-js': (row) => show(row.ratios['grpc-js']),
};

/** @type {import('../report.js').Workload['targets']} */
export const targets = (rows) =>
  cases.flatMap((name) =>
    TARGETS.flatMap(([ours, other, bound]) =>
      target(`${name}: req/s, ${ours} : ${other}`, rowOf(rows, name, ours)?.ratios[other], '>=', bound),
    ),
  );
