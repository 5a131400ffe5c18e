/** Contenders measured in turn, so that what slows the machine for a while slows all of them. */
import { median } from './measure.js';
import { Pair } from './pair.js';

/** @typedef {import('./pair.js').Measure} Measure */
/** Of each case, what was taken of each contender. @typedef {Map<string, Map<string, Measure[]>>} Measures */
/** @typedef {Omit<import('./load.js').Load, 'durationMs'>} Work */

/**
 * @typedef {object} Effort
 * @property {number} rounds each with fresh processes
 * @property {number} passes how often the processes of a round measure everything
 * @property {number} compileMs how long each pair of processes works before it is measured at all
 * @property {number} warmUpMs how long at each case before it is measured
 * @property {number} measureMs
 */

/**
 * @typedef {object} Contest
 * @property {string} name of the workload
 * @property {readonly string[]} contenders
 * @property {(contender: string) => (pair: Pair) => Promise<void>} connect
 * @property {Record<string, Work>} cases
 * @property {Work} warmUp what each pair of processes does first
 * @property {Effort} effort
 * @property {(text: string) => void} progress
 */

/** @param {Contest} contest @returns {Promise<Measures>} */
export async function measureRounds(contest) {
  /** @type {Measures} */
  const measures = new Map();
  for (const name of Object.keys(contest.cases)) {
    measures.set(name, new Map(contest.contenders.map((contender) => [contender, []])));
  }
  const { rounds } = contest.effort;
  for (let round = 1; round <= rounds; round += 1) await measureRound(contest, `round ${round}/${rounds}`, measures);
  return measures;
}

/** @param {Contest} contest @param {string} round @param {Measures} measures */
async function measureRound(contest, round, measures) {
  const { contenders, connect, warmUp, progress } = contest;
  const { compileMs, passes } = contest.effort;
  /** @type {Map<string, Pair>} */
  const pairs = new Map();
  try {
    for (const contender of contenders) {
      progress(`${contest.name}, ${round}: ${contender}`);
      const pair = await Pair.open(connect(contender));
      pairs.set(contender, pair);
      // A node runs for days: what the engine compiles in its first seconds is no part of what a request costs.
      await pair.asking.call('load', { ...warmUp, durationMs: compileMs });
    }
    for (let pass = 1; pass <= passes; pass += 1) {
      for (const [name, byContender] of measures) {
        progress(`${name}, ${round}${passes === 1 ? '' : `, pass ${pass}/${passes}`}`);
        await measurePass(contest, { name, pairs, byContender });
      }
    }
  } finally {
    for (const pair of pairs.values()) await pair.close();
  }
}

/** @param {Contest} contest @param {{ name: string, pairs: Map<string, Pair>, byContender: Map<string, Measure[]> }} pass */
async function measurePass({ cases, effort }, { name, pairs, byContender }) {
  const load = { ...cases[name], durationMs: effort.measureMs };
  for (const [contender, pair] of pairs) byContender.get(contender)?.push(await pair.measure(load, effort.warmUpMs));
}

/** The median of each figure. @param {readonly Measure[]} measures */
export function middles(measures) {
  /** @param {keyof Measure} key */
  const middle = (key) => median(measures.map((measure) => measure[key]));
  return {
    requestsPerSecond: middle('requestsPerSecond'),
    askCpuUs: middle('askCpuUs'),
    answerCpuUs: middle('answerCpuUs'),
    p50Us: middle('p50Us'),
    p99Us: middle('p99Us'),
  };
}
