/** Rows to people (one table) and to programs (one JSON document). */
import { round } from './measure.js';

/**
 * One line of the result. `case` is what `--only` matches; the rest depends on the workload (bench/README.md).
 * @typedef {{ workload: string, case: string, peer: string, [figure: string]: unknown }} Row
 */

/** A figure to reach. @typedef {{ name: string, value: number, bound: string, met: boolean }} Target */

/** @type {Record<string, (value: number, bound: number) => boolean>} */
const RELATIONS = {
  '>=': (value, bound) => value >= bound,
  '<=': (value, bound) => value <= bound,
  '<': (value, bound) => value < bound,
  '=': (value, bound) => value === bound,
};

/**
 * Nothing if the value was not measured.
 * @param {string} name
 * @param {unknown} value
 * @param {string} relation
 * @param {number} bound
 * @returns {Target[]}
 */
function target(name, value, relation, bound) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return [];
  return [{ name, value, bound: `${relation} ${bound}`, met: RELATIONS[relation](value, bound) }];
}

/** The figures that netmgr has to reach, as far as these rows show them. @param {readonly Row[]} rows */
function targetsOf(rows) {
  /** @param {string} name @param {string} peer @returns {any} */
  const row = (name, peer) => rows.find((candidate) => candidate.case === name && candidate.peer === peer);
  const busy = 'request/8x64';
  const single = 'request/1x1';
  const idle = row('idle', 'netmgr');
  const tls = row(busy, 'netmgr-tls')?.netmgrRatio?.requestsPerSecond;
  return [
    ...target(`${busy}: req/s, netmgr : ws`, row(busy, 'ws')?.netmgrRatio?.requestsPerSecond, '>=', 1.8),
    ...target(`${busy}: req/s, netmgr : socket.io`, row(busy, 'socket.io')?.netmgrRatio?.requestsPerSecond, '>=', 2.2),
    ...target(`${busy}: req/s, netmgr : nats`, row(busy, 'nats')?.netmgrRatio?.requestsPerSecond, '>=', 3),
    ...target(`${busy}: leader CPU per request, netmgr : ws`, row(busy, 'ws')?.netmgrRatio?.askCpuUs, '<=', 0.6),
    ...target(`${busy}: req/s, netmgr-tls : netmgr`, tls === undefined ? undefined : 1 / tls, '>=', 0.8),
    ...target(`${single}: p50 latency, netmgr : ws`, row(single, 'ws')?.netmgrRatio?.p50Us, '<=', 1.15),
    ...target('netmgr --version : node -e 0', row('start-up', 'netmgr --version')?.nodeRatio, '<=', 2),
    ...target('netmgr status : node -e 0', row('start-up', 'netmgr status')?.nodeRatio, '<=', 4),
    ...target(
      'idle: leader RSS per connection, netmgr : ws',
      row('idle', 'ws')?.netmgrRatio?.rssBytesPerConnection,
      '<=',
      1.5,
    ),
    ...target('idle: leader CPU, share of a core', idle?.cpuShare, '<', 0.15),
    ...target('idle: false losses', idle?.falseLosses, '=', 0),
  ];
}

/** Every number of a document to four significant digits. @param {unknown} value @returns {unknown} */
function tidy(value) {
  if (typeof value === 'number') return Number.isInteger(value) ? value : round(value);
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tidy(inner)]));
}

/** @param {readonly Row[]} rows @param {object} machine */
export function toJson(rows, machine) {
  const targets = targetsOf(rows).map(({ name, ...rest }) => ({
    workload: 'target',
    case: name,
    peer: 'netmgr',
    ...rest,
  }));
  return JSON.stringify(tidy({ schema: 1, machine, rows: [...rows, ...targets] }), null, 2);
}

const HEADINGS = [
  'case',
  'peer',
  'req/s',
  'p50 µs',
  'p99 µs',
  'leader CPU µs',
  'worker CPU µs',
  'other',
  '× req/s',
  '× leader CPU',
  '× p50',
];

/** @param {readonly Row[]} rows @param {object} machine */
export function toTable(rows, machine) {
  const lines = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const table = lines.map((line) =>
    line.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  '),
  );
  const targets = targetsOf(rows).map(({ name, value, bound, met }) => {
    return `${(met ? 'met' : 'NOT MET').padEnd(7)}  ${name.padEnd(48)}  ${show(value).padStart(7)}  (${bound})`;
  });
  const conditions = Object.entries(machine).map(([key, value]) => `${key}: ${value}`);
  return [
    ...table,
    '',
    '× is netmgr divided by this peer, the median of the rounds.',
    '',
    ...targets,
    '',
    ...conditions,
  ].join('\n');
}

/** @param {Row} row @returns {string[]} */
function cellsOf(row) {
  const ratio = /** @type {Record<string, unknown>} */ (row.netmgrRatio ?? {});
  return [
    row.case,
    row.peer,
    show(row.requestsPerSecond),
    show(row.p50Us),
    show(row.p99Us),
    show(row.askCpuUs),
    show(row.answerCpuUs),
    otherOf(row),
    show(ratio.requestsPerSecond),
    show(ratio.askCpuUs),
    show(ratio.p50Us),
  ];
}

/** @param {any} row */
function otherOf(row) {
  if (row.workload === 'start-up') return `${show(row.wallMs)} ms, × node ${show(row.nodeRatio)}`;
  if (row.workload !== 'idle') return '';
  const ratio = row.netmgrRatio;
  const kib = (/** @type {number} */ bytes) => `${show(bytes / 1024)} KiB`;
  const times = (/** @type {number | undefined} */ value) => (value === undefined ? '' : ` × ${show(value)}`);
  const parts = [
    `RSS/conn ${kib(row.rssBytesPerConnection)}${times(ratio?.rssBytesPerConnection)}`,
    `growth ${kib(row.rssGrowthPerConnection)}${times(ratio?.rssGrowthPerConnection)}`,
  ];
  if (row.cpuShare !== undefined) parts.push(`${show(row.cpuShare * 100)} % CPU`);
  if (row.falseLosses !== undefined) parts.push(`${row.falseLosses} false losses`);
  return parts.join(', ');
}

/** Whole numbers above a hundred, else three digits. @param {unknown} value */
function show(value) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return '';
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(round(value, 3));
}
