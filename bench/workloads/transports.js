/** The networks side by side with each other and with what else asks and answers between two processes. */
import { show } from '../format.js';
import { median } from '../measure.js';
import { Pair } from '../pair.js';
import { rowOf, target } from '../target.js';
import { NAMES } from '../transports/transport.js';

export const name = 'transports';

/** @type {Record<string, { depth: number, size: 'small' | 'large' }>} */
const LOADS = {
  'transports/1': { depth: 1, size: 'small' },
  'transports/64': { depth: 64, size: 'small' },
  'transports/64x10KiB': { depth: 64, size: 'large' },
};
const WARM_UP = { connections: 1, depth: 64, size: /** @type {const} */ ('small') };

export const cases = Object.keys(LOADS);

/** @param {string} transport */
const connectedBy = (transport) => async (/** @type {Pair} */ pair) => {
  const { address } = await pair.answering.call('listen', { transport });
  await pair.asking.call('connect', { transport, address });
};

/** Of each case and transport. @typedef {Map<string, Map<string, import("../pair.js").Measure[]>>} Measures */

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run(plan) {
  const wanted = cases.filter(plan.wants);
  /** @type {Measures} */
  const measures = new Map(wanted.map((name) => [name, new Map(NAMES.map((transport) => [transport, []]))]));
  for (let round = 1; round <= plan.transportRounds; round += 1) await measureRound(plan, round, measures);
  return rowsOf(measures);
}

/**
 * Fresh processes for every transport; then everything in turn, and again.
 * @param {import('../run.js').Plan} plan
 * @param {number} round
 * @param {Measures} measures
 */
async function measureRound(plan, round, measures) {
  /** @type {Map<string, Pair>} */
  const pairs = new Map();
  try {
    for (const transport of NAMES) {
      plan.progress(`transports, round ${round}/${plan.transportRounds}: ${transport}`);
      const pair = await Pair.open(connectedBy(transport));
      pairs.set(transport, pair);
      await pair.asking.call('load', { ...WARM_UP, durationMs: plan.transportCompileMs });
    }
    for (let pass = 1; pass <= plan.transportPasses; pass += 1) {
      for (const [name, byTransport] of measures) {
        plan.progress(`${name}, round ${round}/${plan.transportRounds}, pass ${pass}/${plan.transportPasses}`);
        const load = { ...LOADS[name], connections: 1, durationMs: plan.transportMeasureMs };
        for (const [transport, pair] of pairs) {
          byTransport.get(transport)?.push(await pair.measure(load, plan.transportWarmUpMs));
        }
      }
    }
  } finally {
    for (const pair of pairs.values()) await pair.close();
  }
}

/** @param {Measures} measures */
function rowsOf(measures) {
  return [...measures].flatMap(([name, byTransport]) => {
    const rows = [...byTransport].map(([transport, taken]) => {
      /** @param {keyof import('../pair.js').Measure} key */
      const middle = (key) => median(taken.map((measure) => measure[key]));
      return {
        workload: 'transports',
        case: name,
        peer: transport,
        measures: taken.length,
        requestsPerSecond: middle('requestsPerSecond'),
        askCpuUs: middle('askCpuUs'),
        answerCpuUs: middle('answerCpuUs'),
        p50Us: middle('p50Us'),
        p99Us: middle('p99Us'),
      };
    });
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
