import { sleep } from '../base/clock.js';
import { isNetworkError, messageOf, NetworkTimeoutError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import { type Random, seededRandom } from '../base/random.js';
import { VirtualClock } from '../base/virtual-clock.js';
import type { ScheduledFault } from '../network/memory/fault.js';
import { InMemoryNetwork } from '../network/memory/in-memory-network.js';
import type { InMemoryNetworkOptions } from '../network/memory/options.js';
import type { RandomScheduleOptions } from '../network/memory/random-schedule.js';

/** What is tried under many fault schedules. */
export interface Scenario {
  /** For reports. @default 'scenario' */
  readonly name?: string | undefined;
  /** The nodes that random faults may hit. */
  readonly nodes: readonly NodeId[];
  /** Random faults begin within this much virtual time, in milliseconds. @default 10000 */
  readonly durationMs?: number | undefined;
  /** A run that goes on for longer has failed, in milliseconds of virtual time. @default durationMs + 60000 */
  readonly limitMs?: number | undefined;
  /** What random faults there are. */
  readonly faults?: Omit<RandomScheduleOptions, 'nodes' | 'durationMs'> | undefined;
  /** The network: its standing faults, its codec. */
  readonly network?: Omit<InMemoryNetworkOptions, 'clock' | 'random'> | undefined;
  /** What happens, and what must hold: it fails by throwing, or by `world.violated`. Time moves by itself. */
  run(world: World): Promise<void>;
}

/** One run's world: nothing in it comes from outside, so that the same seed gives the same run. */
export interface World {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly hub: InMemoryNetwork;
  /** Resolves after so much virtual time, in milliseconds. */
  sleep(delayMs: number): Promise<void>;
  /** A line in the diagram. */
  note(who: string, text: string): void;
  /** What must not be has happened: the run ends here and has failed. For where a throw would be caught. */
  violated(text: string): void;
}

/** How a run ended. */
export interface RunResult {
  /** Why it failed; undefined if it did not. */
  readonly error: unknown;
  readonly failed: boolean;
  readonly digest: string;
  readonly hub: InMemoryNetwork;
}

export const DEFAULT_DURATION_MS = 10_000;
const DEFAULT_REST_MS = 60_000;

/** What a scenario says must not be. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Runs a scenario once, to its end. Never throws for what the scenario does. */
export async function runScenario(
  scenario: Scenario,
  seed: number,
  schedule: readonly ScheduledFault[],
): Promise<RunResult> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const hub = new InMemoryNetwork({ ...scenario.network, clock, random: random.fork('network') });
  hub.schedule(schedule);
  const end: { over: boolean; failed: boolean; error: unknown } = { over: false, failed: false, error: undefined };
  const finish = (failed: boolean, error?: unknown): void => {
    if (end.over) return;
    Object.assign(end, { over: true, failed, error });
    if (failed) hub.note('FAILED', firstLine(error));
  };
  const world: World = {
    seed,
    clock,
    random: random.fork('scenario'),
    hub,
    sleep: (delayMs) => sleep(clock, delayMs),
    note: (who, text) => hub.note(who, text),
    violated: (text) => finish(true, new Violation(text)),
  };
  const limitMs = scenario.limitMs ?? (scenario.durationMs ?? DEFAULT_DURATION_MS) + DEFAULT_REST_MS;
  start(scenario, world).then(
    () => finish(false),
    (error) => finish(true, error),
  );
  try {
    const over = await clock.runUntil(() => end.over, { limitMs });
    if (!over) finish(true, new NetworkTimeoutError(unfinished(clock, limitMs)));
  } catch (error) {
    finish(true, error);
  }
  return { error: end.error, failed: end.failed, digest: hub.digest(), hub };
}

/** What an assertion says in its first line; the rest compares values. */
export const firstLine = (error: unknown): string => messageOf(error).split('\n', 1)[0] ?? '';

/** So that a scenario that throws before its first await rejects as well. */
const start = async (scenario: Scenario, world: World): Promise<void> => scenario.run(world);

const unfinished = (clock: VirtualClock, limitMs: number): string =>
  clock.pending === 0
    ? `the run waits for something at ${Math.round(clock.now())} ms, and nothing is left to happen`
    : `the run was not over after ${limitMs} ms`;

/** Whether two runs failed in the same way: a smaller schedule must not lead to another failure. */
export function sameKind(a: unknown, b: unknown): boolean {
  return kindOf(a) === kindOf(b);
}

function kindOf(error: unknown): string {
  if (isNetworkError(error)) return error.code;
  return error instanceof Error ? error.name : typeof error;
}
