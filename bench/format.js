/** Numbers for people. */
import { round } from './measure.js';

/** Whole numbers above a hundred, else three digits; nothing for what is no number. @param {unknown} value */
export function show(value) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return '';
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(round(value, 3));
}

/** @param {number} bytes */
export const kib = (bytes) => `${show(bytes / 1024)} KiB`;
