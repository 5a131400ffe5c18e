import { parseArgs } from 'node:util';
import { SystemClock } from '../../src/base/clock.js';
import { messageOf } from '../../src/base/errors.js';
import { shrink } from '../../src/testing/shrink.js';
import { replayCommand, type SimulationResult, simulate } from './simulation.js';

const USAGE = `npm run sim -- [--seed N] [--seeds FROM..TO] [--minutes M] [--trace] [--shrink]

  --seed N          replay one seed
  --seeds FROM..TO  run a range (default 1..500)
  --minutes M       go on with further seeds until the time is over
  --trace           print what happened, line by line
  --shrink          with --seed: reduce a failure to the fewest strikes, and print what happens with these

Exit code 1 if an invariant was violated.`;

interface Plan {
  readonly from: number;
  readonly to: number;
  readonly trace: boolean;
  readonly shrink: boolean;
}

/** What the command line asks for; undefined if it cannot be read. */
function readPlan(args: readonly string[]): Plan | { readonly minutes: number; readonly from: number } | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      trace: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
    },
  });
  const { trace, shrink } = values;
  if (values.seed !== undefined) {
    return /^\d+$/.test(values.seed) ? { ...range(values.seed, values.seed, trace), shrink } : undefined;
  }
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '1..500') ?? [];
  if (from === undefined || to === undefined) return undefined;
  if (values.minutes === undefined) return range(from, to, trace);
  const minutes = Number(values.minutes);
  return minutes > 0 ? { minutes, from: Number(from) } : undefined;
}

const range = (from: string, to: string, trace: boolean): Plan => ({
  from: Number(from),
  to: Number(to),
  trace,
  shrink: false,
});

async function main(): Promise<void> {
  let plan: ReturnType<typeof readPlan>;
  try {
    plan = readPlan(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n`);
  }
  if (!plan) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const clock = new SystemClock();
  const startedAt = clock.now();
  const until = 'minutes' in plan ? startedAt + plan.minutes * 60_000 : Number.POSITIVE_INFINITY;
  const last = 'to' in plan ? plan.to : Number.POSITIVE_INFINITY;
  const single = plan.from === last;
  let runs = 0;
  let failures = 0;
  for (let seed = plan.from; seed <= last && clock.now() < until; seed += 1) {
    let result = await simulate(seed);
    runs += 1;
    if ('shrink' in plan && plan.shrink && result.violations.length > 0) result = await fewestStrikes(result);
    if (result.violations.length > 0) failures += 1;
    if (single || result.violations.length > 0) report(result, 'trace' in plan && plan.trace);
  }
  const seconds = (clock.now() - startedAt) / 1000;
  console.log(
    `${runs} seeds, ${failures} failed, ${seconds.toFixed(1)} s, ${((seconds * 1000) / runs).toFixed(0)} ms each`,
  );
  if (failures > 0) process.exitCode = 1;
}

/** The same seed with the fewest strikes that violate the same thing. */
async function fewestStrikes({ seed, strikes, violations }: SimulationResult): Promise<SimulationResult> {
  const numbers = strikes.map((_, number) => number);
  const kind = kindOf(violations);
  const fails = async (some: readonly number[]) => kindOf((await simulate(seed, new Set(some))).violations) === kind;
  const { items, runs, minimal } = await shrink(numbers, fails);
  console.log(
    `${items.length} of ${strikes.length} strikes are enough${minimal ? '' : ' (fewer were not tried)'}, ${runs} runs:`,
  );
  for (const number of items) console.log(`  ${strikes[number]}`);
  return simulate(seed, new Set(items));
}

/** The first violation without its numbers: with fewer strikes they are others. */
const kindOf = ([first]: readonly string[]): string | undefined => first?.replace(/[\d.]+/g, '#');

function report(result: SimulationResult, trace: boolean): void {
  const { seed, digest, violations, outcomes, events, convergedMs } = result;
  if (trace) for (const line of result.trace()) console.log(line);
  for (const violation of violations) console.log(`VIOLATION ${violation}`);
  const ends = [...outcomes].sort().map(([outcome, count]) => `${count} ${outcome}`);
  console.log(`seed ${seed}: digest ${digest}, ${events} events, statuses true after ${convergedMs ?? 'never'} ms`);
  console.log(`requests: ${ends.join(', ')}`);
  if (violations.length > 0) console.log(`replay: ${replayCommand(seed)}`);
}

await main();
