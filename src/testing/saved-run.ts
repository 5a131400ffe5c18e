import { messageOf, NetworkError } from '../base/errors.js';
import { checkFault, type ScheduledFault } from '../network/memory/fault.js';

/** All that it takes to run a scenario in the same way again. Plain data: `JSON.stringify` saves it. */
export interface SavedRun {
  readonly v: 1;
  /** The scenario's name. */
  readonly scenario: string;
  readonly seed: number;
  readonly schedule: readonly ScheduledFault[];
  /** What the history came to. */
  readonly digest: string;
  /** Why the run failed, in words; absent if it did not. */
  readonly error?: string;
}

/**
 * Reads a run that was saved as JSON.
 * @throws NetworkError DESERIALIZATION, or INVALID_OPTION naming the field of a fault
 */
export function readRun(text: string): SavedRun {
  const run = parse(text);
  const { v, scenario, seed, schedule, digest } = run;
  if (v !== 1) throw unreadable(`v: ${String(v)} is not 1`);
  if (typeof scenario !== 'string') throw unreadable('scenario is not a text');
  if (typeof seed !== 'number' || !Number.isFinite(seed)) throw unreadable('seed is not a number');
  if (typeof digest !== 'string') throw unreadable('digest is not a text');
  if (!Array.isArray(schedule)) throw unreadable('schedule is not a list');
  for (const entry of schedule) checkEntry(entry);
  return run as SavedRun;
}

function parse(text: string): Partial<SavedRun> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NetworkError('DESERIALIZATION', `a saved run: ${messageOf(cause)}`, { cause });
  }
  if (typeof value !== 'object' || value === null) throw unreadable('it is not an object');
  return value;
}

function checkEntry(entry: unknown): void {
  const { at, fault } = (entry ?? {}) as Partial<ScheduledFault>;
  if (typeof at !== 'number' || typeof fault !== 'object') throw unreadable('schedule: an entry needs at and fault');
  try {
    checkFault(fault);
  } catch (cause) {
    // A field of the wrong type, which no list or number can be read from.
    throw unreadable(`schedule: ${messageOf(cause)}`, cause);
  }
}

const unreadable = (text: string, cause?: unknown): NetworkError =>
  new NetworkError('DESERIALIZATION', `a saved run: ${text}`, { cause });
