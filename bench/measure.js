/** Middle of the numbers; NaN of none. @param {readonly number[]} numbers */
export const median = (numbers) => quantile(numbers, 0.5);

/**
 * Linear between neighbours, as R's type 7.
 * @param {readonly number[] | Float64Array} numbers
 * @param {number} share 0 to 1
 */
export function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).sort();
  if (sorted.length === 0) return Number.NaN;
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/**
 * The median of the ratios of two series, taken round by round: what slows one round slows both.
 * @param {readonly number[]} numerators
 * @param {readonly number[]} denominators
 */
export const medianRatio = (numerators, denominators) =>
  median(numerators.map((numerator, round) => numerator / denominators[round]));

/** @param {number} value @param {number} digits significant digits */
export const round = (value, digits = 4) => (Number.isFinite(value) ? Number(value.toPrecision(digits)) : value);
