import { seededRandom } from '../base/random.js';
import { faultText, type ScheduledFault } from '../network/memory/fault.js';
import { randomSchedule } from '../network/memory/random-schedule.js';
import { sequenceDiagram } from './diagram.js';
import type { SavedRun } from './saved-run.js';
import { DEFAULT_DURATION_MS, firstLine, type RunResult, runScenario, type Scenario, sameKind } from './scenario.js';
import { DEFAULT_SHRINK_RUNS, shrink } from './shrink.js';
import { simplify } from './simplify.js';

export interface ExploreOptions {
  /** How many seeds, from 1 on, or which. @default 100 */
  readonly seeds?: number | readonly number[] | undefined;
  /** Whether a failing schedule is reduced to the fewest faults. @default true */
  readonly shrink?: boolean | undefined;
  /** How many runs that may take. @default 200 */
  readonly maxShrinkRuns?: number | undefined;
  /** These faults in every run, in place of random ones. */
  readonly schedule?: readonly ScheduledFault[] | undefined;
}

/** What came of it: the first seed that failed, if one did. */
export interface Exploration {
  /** Seeds that were run. */
  readonly seeds: number;
  /** Runs in all, those of the reduction included. */
  readonly runs: number;
  readonly failure: Failure | undefined;
}

export interface Failure {
  readonly seed: number;
  /** What the scenario threw, with the fewest faults. */
  readonly error: unknown;
  /** The fewest faults that make it fail in the same way. */
  readonly schedule: readonly ScheduledFault[];
  /** The faults that it failed with at first. */
  readonly original: readonly ScheduledFault[];
  /** Without any one of its faults it does not fail; false when the runs were used up before that was known. */
  readonly minimal: boolean;
  /** The same seed and the same faults gave the same history twice. If not, something real is in the scenario. */
  readonly repeatable: boolean;
  /** For `replay`, and for a file. */
  readonly saved: SavedRun;
  /** What happened, message by message. */
  readonly diagram: string;
  /** All of it, for people. */
  readonly report: string;
}

const DEFAULT_SEEDS = 100;

/**
 * Runs a scenario under random faults, seed by seed, until one fails; then finds the fewest faults that make it fail.
 * Everything is virtual: the same call gives the same result, on any machine.
 *
 * @example
 * const { failure } = await explore(scenario, { seeds: 500 });
 * if (failure) throw new Error(failure.report);
 */
export async function explore(scenario: Scenario, options: ExploreOptions = {}): Promise<Exploration> {
  const { seeds = DEFAULT_SEEDS } = options;
  const list = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds;
  let runs = 0;
  for (const [index, seed] of list.entries()) {
    const schedule = options.schedule ?? scheduleOf(scenario, seed);
    const result = await runScenario(scenario, seed, schedule);
    runs += 1;
    if (!result.failed) continue;
    const found = await reduce({ scenario, seed, schedule, error: result.error }, options);
    return { seeds: index + 1, runs: runs + found.runs, failure: found.failure };
  }
  return { seeds: list.length, runs, failure: undefined };
}

/** What a run that is done again came to. */
export interface Replay {
  /** It went as it was saved. If not, the scenario, or netmgr, is another by now. */
  readonly same: boolean;
  readonly error: unknown;
  readonly digest: string;
  readonly diagram: string;
}

/** Does a saved run again. */
export async function replay(scenario: Scenario, { seed, schedule, digest }: SavedRun): Promise<Replay> {
  const result = await runScenario(scenario, seed, schedule);
  return {
    same: result.digest === digest,
    error: result.error,
    digest: result.digest,
    diagram: diagramOf(result, scenario),
  };
}

function scheduleOf({ nodes, durationMs = DEFAULT_DURATION_MS, faults }: Scenario, seed: number): ScheduledFault[] {
  return randomSchedule(seededRandom(seed).fork('schedule'), { ...faults, nodes, durationMs });
}

/** A run that failed. */
interface Found {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly schedule: readonly ScheduledFault[];
  readonly error: unknown;
}

async function reduce(found: Found, options: ExploreOptions): Promise<{ failure: Failure; runs: number }> {
  const { scenario, seed, error } = found;
  const fails = async (schedule: readonly ScheduledFault[]): Promise<boolean> => {
    const result = await runScenario(scenario, seed, schedule);
    return result.failed && sameKind(result.error, error);
  };
  const maxRuns = options.shrink === false ? 0 : (options.maxShrinkRuns ?? DEFAULT_SHRINK_RUNS);
  const { schedule, minimal, runs } = await least(found.schedule, fails, maxRuns);
  const [last, again] = [await runScenario(scenario, seed, schedule), await runScenario(scenario, seed, schedule)];
  const repeatable = last.failed && last.digest === again.digest;
  return { failure: makeFailure(found, { last, schedule, minimal, repeatable }), runs: runs + 2 };
}

/** The fewest faults in their simplest form: of simpler ones fewer may do, or may be simpler still. */
async function least(
  faults: readonly ScheduledFault[],
  fails: (schedule: readonly ScheduledFault[]) => Promise<boolean>,
  maxRuns: number,
): Promise<{ schedule: readonly ScheduledFault[]; minimal: boolean; runs: number }> {
  let schedule = faults;
  for (let runs = 0; ; ) {
    const fewest = await shrink(schedule, fails, { maxRuns: maxRuns - runs });
    runs += fewest.runs;
    const simplest = await simplify(fewest.items, fails, maxRuns - runs);
    runs += simplest.runs;
    schedule = simplest.schedule;
    if (simplest.schedule === fewest.items || !fewest.minimal) {
      return { schedule, minimal: fewest.minimal, runs };
    }
  }
}

interface Reduced {
  readonly last: RunResult;
  readonly schedule: readonly ScheduledFault[];
  readonly minimal: boolean;
  readonly repeatable: boolean;
}

function makeFailure({ scenario, seed, schedule: original, error: first }: Found, reduced: Reduced): Failure {
  const { last, schedule, minimal, repeatable } = reduced;
  const error = last.failed ? last.error : first;
  const { name = 'scenario' } = scenario;
  const saved: SavedRun = { v: 1, scenario: name, seed, schedule, digest: last.digest, error: firstLine(error) };
  const diagram = diagramOf(last, scenario);
  const report = [
    `${name} fails with seed ${seed}: ${firstLine(error)}`,
    faultsText(original.length, schedule, minimal),
    ...schedule.map(scheduledText),
    ...(repeatable ? [] : ['It does not repeat: the scenario uses time or chance that is not of its world.']),
    '',
    diagram,
  ].join('\n');
  return { seed, error, schedule, original, minimal, repeatable, saved, diagram, report };
}

function faultsText(before: number, { length }: readonly ScheduledFault[], minimal: boolean): string {
  if (length === 0) return 'No fault is needed.';
  const few = `${length} ${length === 1 ? 'fault' : 'faults'}`;
  if (!minimal) return `With ${few} of ${before}; fewer were not tried:`;
  return `${few} of ${before} ${length === 1 ? 'is' : 'are'} enough:`;
}

function scheduledText({ at, forMs, fault }: ScheduledFault): string {
  return `  at ${at} ms${forMs === undefined ? '' : `, for ${forMs} ms`}: ${faultText(fault)}`;
}

const diagramOf = ({ hub }: RunResult, { nodes }: Scenario): string => sequenceDiagram(hub.events(), { nodes });
