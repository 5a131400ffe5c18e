/** Many bytes in one stream between two processes, hashed at both ends. */
import { show } from '../format.js';
import { median, medianRatio } from '../measure.js';
import { Pair } from '../pair.js';
import { NAMES } from '../streams/stream.js';
import { rowOf, target } from '../target.js';

export const name = 'streams';

export const cases = ['streams'];

const MIB = 1024 * 1024;

/** @typedef {{ mibPerSecond: number, sendCpuUs: number, receiveCpuUs: number, sendPeakMib: number, receivePeakMib: number }} Taken */

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run({ progress, effort }) {
  const { rounds, mib, warmUpMib } = effort.streams;
  /** @type {Map<string, Taken[]>} */
  const taken = new Map(NAMES.map((stream) => [stream, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [stream, measures] of taken) {
      progress(`streams, ${mib} MiB, round ${round}/${rounds}: ${stream}`);
      const pair = await Pair.open(connectedBy(stream));
      try {
        measures.push(await measure(pair, warmUpMib, mib));
      } finally {
        await pair.close();
      }
    }
  }
  return rowsOf(taken, mib);
}

/** @param {string} stream */
const connectedBy = (stream) => async (/** @type {Pair} */ pair) => {
  const { address } = await pair.answering.call('receive', { stream });
  await pair.asking.call('send', { stream, address });
};

/** @param {Pair} pair @param {number} warmUpMib @param {number} mib @returns {Promise<Taken>} */
async function measure({ asking, answering }, warmUpMib, mib) {
  await asking.call('upload', { bytes: warmUpMib * MIB });
  const before = await answering.call('cpu');
  const { elapsedMs, cpuUs } = await asking.call('upload', { bytes: mib * MIB });
  const after = await answering.call('cpu');
  return {
    mibPerSecond: mib / (elapsedMs / 1000),
    sendCpuUs: cpuUs / mib,
    receiveCpuUs: (after.user + after.system - before.user - before.system) / mib,
    sendPeakMib: (await asking.call('peakRssBytes')) / MIB,
    receivePeakMib: (await answering.call('peakRssBytes')) / MIB,
  };
}

/** @param {Map<string, Taken[]>} taken @param {number} mib */
function rowsOf(taken, mib) {
  /** @param {string} stream */
  const ratesOf = (stream) => (taken.get(stream) ?? []).map((measure) => measure.mibPerSecond);
  return Array.from(taken, ([stream, measures]) => {
    /** @param {keyof Taken} key */
    const middle = (key) => median(measures.map((measure) => measure[key]));
    return {
      workload: 'streams',
      case: 'streams',
      peer: stream,
      rounds: measures.length,
      mib,
      mibPerSecond: middle('mibPerSecond'),
      sendCpuUs: middle('sendCpuUs'),
      receiveCpuUs: middle('receiveCpuUs'),
      sendPeakMib: middle('sendPeakMib'),
      receivePeakMib: middle('receivePeakMib'),
      netRatio: medianRatio(ratesOf(stream), ratesOf('net')),
    };
  });
}

export const note =
  'CPU is for each MiB. × is this stream divided by bare net, the median of the ratios of each round.';

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  stream: (row) => row.peer,
  'MiB/s': (row) => show(row.mibPerSecond),
  '× net': (row) => show(row.netRatio),
  'sending CPU µs': (row) => show(row.sendCpuUs),
  'receiving CPU µs': (row) => show(row.receiveCpuUs),
  'peak RSS sending MiB': (row) => show(row.sendPeakMib),
  'peak RSS receiving MiB': (row) => show(row.receivePeakMib),
};

/** @type {import('../report.js').Workload['targets']} */
export const targets = (rows) =>
  ['tcp msgpack', 'websocket msgpack'].flatMap((stream) =>
    target(`streams: MiB/s, ${stream} : net`, rowOf(rows, 'streams', stream)?.netRatio, '>=', 0.6),
  );
