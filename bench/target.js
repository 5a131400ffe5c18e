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
export function target(name, value, relation, bound) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return [];
  return [{ name, value, bound: `${relation} ${bound}`, met: RELATIONS[relation](value, bound) }];
}

/** @param {readonly import('./report.js').Row[]} rows @param {string} name @param {string} peer @returns {any} */
export const rowOf = (rows, name, peer) => rows.find((row) => row.case === name && row.peer === peer);
