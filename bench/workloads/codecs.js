/** The codecs: how large they make a message, how long that takes, and what it does to requests over one network. */
import { show } from '../format.js';
import { Child } from '../host.js';
import { median } from '../measure.js';
import { measureRounds, middles } from '../rounds.js';
import { CODECS } from '../transports/transport.js';
import { connectedBy } from './transports.js';

export const name = 'codecs';

/** @type {Record<string, import('../rounds.js').Work>} */
const LOADS = {
  'codecs/340B': { connections: 1, depth: 64, size: '340 B' },
  'codecs/10KiB': { connections: 1, depth: 64, size: '10 KiB' },
  'codecs/100KiB': { connections: 1, depth: 8, size: '100 KiB' },
};

export const cases = Object.keys(LOADS);

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run({ wants, progress, effort }) {
  const wanted = Object.fromEntries(Object.entries(LOADS).filter(([name]) => wants(name)));
  const alone = await measureAlone(wanted, effort.codecs, progress);
  const contest = { name, contenders: CODECS, connect: connectedBy, cases: wanted, warmUp: LOADS['codecs/10KiB'] };
  const measures = await measureRounds({ ...contest, effort: effort.codecs, progress });
  return [...measures].flatMap(([name, byCodec]) =>
    [...byCodec].map(([codec, taken]) => ({
      workload: 'codecs',
      case: name,
      peer: codec,
      measures: taken.length,
      ...alone.get(`${name} ${codec}`),
      ...middles(taken),
    })),
  );
}

/** @typedef {{ bytes: number, encodeUs: number, decodeUs: number }} Alone */

/**
 * Of each case and codec the medians.
 * @param {Record<string, import('../rounds.js').Work>} wanted
 * @param {import('../rounds.js').Effort} effort
 * @param {(text: string) => void} progress
 */
async function measureAlone(wanted, effort, progress) {
  /** @type {Map<string, Alone[]>} */
  const taken = new Map();
  for (let round = 1; round <= effort.rounds; round += 1) {
    progress(`codecs by themselves, round ${round}/${effort.rounds}`);
    for (const codec of CODECS) {
      // A process uses one codec, as a node does: the engine compiles for what it sees.
      const child = new Child({ cpu: 0 });
      for (const [name, { size }] of Object.entries(wanted)) {
        await child.call('codec', { codec, size, durationMs: effort.warmUpMs });
        const measure = await child.call('codec', { codec, size, durationMs: effort.measureMs });
        const key = `${name} ${codec}`;
        taken.set(key, [...(taken.get(key) ?? []), measure]);
      }
      await child.end();
    }
  }
  return new Map(Array.from(taken, ([key, measures]) => [key, middleOf(measures)]));
}

/** @param {readonly Alone[]} measures @returns {Alone} */
const middleOf = (measures) => ({
  bytes: measures[0].bytes,
  encodeUs: median(measures.map(({ encodeUs }) => encodeUs)),
  decodeUs: median(measures.map(({ decodeUs }) => decodeUs)),
});

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  codec: (row) => row.peer,
  bytes: (row) => show(row.bytes),
  'encode µs': (row) => show(row.encodeUs),
  'decode µs': (row) => show(row.decodeUs),
  'req/s': (row) => show(row.requestsPerSecond),
  'p50 µs': (row) => show(row.p50Us),
  'asking CPU µs': (row) => show(row.askCpuUs),
  'answering CPU µs': (row) => show(row.answerCpuUs),
};

export const targets = () => [];
