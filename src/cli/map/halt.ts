import { usageError } from '../exit-codes.js';

/** When failures end a run: `soon` finishes what runs, `now` cancels it. */
export interface Halt {
  readonly when: 'soon' | 'now';
  readonly fail: { readonly kind: 'count' | 'percent'; readonly value: number };
}

/** A share means nothing before so many items are done. */
const LEAST_DONE = 3;

/** `soon,fail=1`, `now,fail=3`, `soon,fail=10%`. @throws CommandError (2) */
export function parseHalt(text: string): Halt {
  const match = /^(soon|now),fail=(\d{1,9})(%?)$/.exec(text);
  const value = Number(match?.[2]);
  const percent = match?.[3] === '%';
  if (match === null || value < 1 || (percent && value > 100)) {
    throw usageError(`'${text}' is not a condition to halt`, "It is 'soon,fail=1', 'now,fail=1' or 'soon,fail=10%'.");
  }
  return { when: match[1] as Halt['when'], fail: { kind: percent ? 'percent' : 'count', value } };
}

export function isReached(halt: Halt, failed: number, done: number): boolean {
  if (halt.fail.kind === 'count') return failed >= halt.fail.value;
  return done >= LEAST_DONE && failed * 100 >= halt.fail.value * done;
}
