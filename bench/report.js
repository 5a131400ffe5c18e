/** Rows to people (a table for each workload) and to programs (one JSON document). */
import { show } from './format.js';
import { round } from './measure.js';

/**
 * One line of the result. `case` is what `--only` matches; the rest depends on the workload (bench/README.md).
 * @typedef {{ workload: string, case: string, peer: string, [figure: string]: unknown }} Row
 */

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {readonly string[]} cases
 * @property {(plan: import('./run.js').Plan) => Promise<Row[]>} run
 * @property {Record<string, (row: any) => string>} columns what its table shows, by heading; the first two are text
 * @property {string} [note] what a reader of the table must know
 * @property {(rows: readonly Row[]) => import('./target.js').Target[]} targets the figures to reach, as far as the rows show them
 */

/** Every number of a document to four significant digits. @param {unknown} value @returns {unknown} */
function tidy(value) {
  if (typeof value === 'number') return Number.isInteger(value) ? value : round(value);
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tidy(inner)]));
}

/** @param {readonly Workload[]} workloads @param {readonly Row[]} rows @param {object} machine */
export function toJson(workloads, rows, machine) {
  const targets = workloads
    .flatMap((workload) => workload.targets(rows))
    .map(({ name, ...rest }) => ({ workload: 'target', case: name, peer: 'netmgr', ...rest }));
  return JSON.stringify(tidy({ schema: 1, machine, rows: [...rows, ...targets] }), null, 2);
}

/** @param {readonly Workload[]} workloads @param {readonly Row[]} rows @param {object} machine */
export function toTable(workloads, rows, machine) {
  const tables = workloads.flatMap((workload) => {
    const own = rows.filter((row) => row.workload === workload.name);
    return own.length === 0 ? [] : [...linesOf(workload, own), ''];
  });
  const targets = workloads.flatMap((workload) => workload.targets(rows));
  const nameWidth = Math.max(0, ...targets.map(({ name }) => name.length));
  const verdicts = targets.map(({ name, value, bound, met }) => {
    return `${(met ? 'met' : 'NOT MET').padEnd(7)}  ${name.padEnd(nameWidth)}  ${show(value).padStart(7)}  (${bound})`;
  });
  const conditions = Object.entries(machine).map(([key, value]) => `${key}: ${value}`);
  return [...tables, ...verdicts, '', ...conditions].join('\n');
}

/** @param {Workload} workload @param {readonly Row[]} rows */
function linesOf({ columns, note }, rows) {
  const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((cell) => cell(row)))];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const padded = lines.map((line) =>
    line
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  return note === undefined ? padded : [...padded, note];
}
