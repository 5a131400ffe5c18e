import { pick, type Random, uniform } from '../../src/base/random.js';
import type { NodeStatus } from '../../src/role/status.js';
import { Harness, LEADER, type Seat, type Worker } from './harness.js';
import { Scenario } from './scenario.js';
import { sendSomething } from './traffic.js';
import { LONGEST_TASK_MS } from './workshop.js';

export interface SimulationResult {
  readonly seed: number;
  readonly digest: string;
  readonly violations: readonly string[];
  /** How requests ended, and how many of each. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly events: number;
  /** Virtual milliseconds from the last fault until the statuses were true; undefined if they never were. */
  readonly convergedMs: number | undefined;
  /** The strikes, a line for each: what is shrunk when it fails. */
  readonly strikes: readonly string[];
  readonly trace: () => readonly string[];
}

const COLLABORATORS = 10;
const FAULTS_MS = 15_000;
/** After the last fault, every status is true within this much virtual time. */
export const CONVERGENCE_MS = 20_000;
const STEP_MS = 500;
/** How soon the leader must know that a member was killed, or is silent. */
const KILLED_MS = 1000;
const SILENT_MS = 10_000;
/** The longest a stop may take: its grace twice over, and the way. */
const STOP_MS = 5000;

/** What to type to see a seed again. */
export const replayCommand = (seed: number): string => `npm run sim -- --seed ${seed} --trace`;

/**
 * Runs the cluster of one seed through its faults to its end. The same seed gives the same digest.
 * @param only the strikes that happen, by number; all of them when left out
 */
export async function simulate(seed: number, only?: ReadonlySet<number>): Promise<SimulationResult> {
  const harness = new Harness(seed, COLLABORATORS);
  const { invariants, hub } = harness;
  const scenario = new Scenario(harness, harness.random.fork('scenario'), only);
  let convergedMs: number | undefined;
  try {
    await live(harness, scenario);
    convergedMs = await converge(harness);
    await lossIsNoticed(harness);
    await converge(harness);
    await everyoneAnswers(harness);
    await stopAll(harness);
  } catch (error) {
    invariants.violated(`thrown: ${error instanceof Error ? error.stack : String(error)}`);
  }
  const { violations, outcomes } = invariants;
  const digest = hub.digest();
  const { strikes } = scenario;
  return { seed, digest, violations, outcomes, events: hub.eventCount, convergedMs, strikes, trace: () => hub.trace() };
}

/** The cluster starts, works, and is struck. */
async function live(harness: Harness, scenario: Scenario): Promise<void> {
  const { clock, random, invariants } = harness;
  harness.startLeader();
  harness.startOperator();
  for (const seat of harness.seats) harness.startWorker(seat);
  const traffic = every(harness, random.fork('traffic'), {
    leastMs: 10,
    mostMs: 130,
    act: (chances) => sendSomething(harness, chances),
  });
  const rhythm = random.fork('rhythm');
  // Some worlds are hectic, some leave time for things to settle between two faults.
  const mostMs = pick(rhythm, [1000, 2000, 5000]) ?? 1000;
  const faults = every(harness, rhythm, { leastMs: 100, mostMs, act: () => scenario.strike() });
  for (let step = 0; step < FAULTS_MS / STEP_MS; step += 1) {
    await clock.advance(STEP_MS);
    invariants.check(harness.leader?.role.status());
  }
  faults();
  scenario.end();
  // Stops that are under way come to their end, and so does a leader's restart.
  await clock.runUntil(() => harness.errands.size === 0, { limitMs: STOP_MS });
  scenario.end();
  traffic();
}

/** @returns how long it took until the leader told the truth */
async function converge(harness: Harness): Promise<number | undefined> {
  const { clock, invariants } = harness;
  let lies: readonly string[] = [];
  for (let elapsed = STEP_MS; elapsed <= CONVERGENCE_MS; elapsed += STEP_MS) {
    // Time goes first: what died behind a partition is learnt of only now.
    await clock.advance(STEP_MS);
    invariants.check(harness.leader?.role.status());
    lies = untruths(harness);
    if (lies.length === 0) return elapsed;
  }
  for (const lie of lies) invariants.violated(`${CONVERGENCE_MS} ms after the last fault: ${lie}`);
  return undefined;
}

/** Where the leader's table differs from what is. */
function untruths(harness: Harness): string[] {
  if (!harness.leader) return ['there is no leader'];
  const rows = new Map(harness.leader.role.status().nodes.map((row) => [row.node, row]));
  const lies = harness.operatorConnected ? [] : ['the operator is not connected'];
  const lying = harness.seats.flatMap(({ name, worker }) => {
    const row = rows.get(name);
    const lie = worker ? lieAbout(worker, row) : row && lieAboutDeparted(row, harness.killed);
    return lie === undefined ? [] : [`${name} ${lie}`];
  });
  return [...lies, ...lying];
}

function lieAbout({ role, generation, offers }: Worker, row: NodeStatus | undefined): string | undefined {
  if (!role.connected) return 'is not connected';
  if (row?.status !== 'alive') return `is up and said to be ${row?.status}`;
  if (row.pid !== generation) return `is process ${generation}, not ${row.pid}`;
  const [real, known] = [[...offers].sort().join(' '), [...row.handlers].sort().join(' ')];
  return real === known ? undefined : `offers ${real}, not ${known}`;
}

function lieAboutDeparted({ status, pid }: NodeStatus, killed: ReadonlySet<number>): string | undefined {
  if (status === 'left') return killed.has(pid) ? `was killed (process ${pid}) and is said to have left` : undefined;
  return status === 'lost' ? undefined : `is down and said to be ${status}`;
}

/** Without other faults a killed member is lost within a second, a silent one within ten, and that one is soon back. */
async function lossIsNoticed(harness: Harness): Promise<void> {
  const { clock, hub, invariants, random } = harness;
  const up = harness.seats.filter(({ worker }) => worker?.role.connected);
  const killed = pick(random, up);
  const silent = pick(
    random,
    up.filter((seat) => seat !== killed),
  );
  if (!killed || !silent) return;
  const mustBeLost = ({ name }: Seat, withinMs: number) => {
    const status = harness.leader?.role.status().nodes.find(({ node }) => node === name)?.status;
    if (status !== 'lost') invariants.violated(`${name} is ${status} ${withinMs} ms after its loss`);
  };
  const silence = hub.inject({ kind: 'partition', between: [silent.name, LEADER] });
  harness.crashWorker(killed);
  await clock.advance(KILLED_MS);
  mustBeLost(killed, KILLED_MS);
  await clock.advance(SILENT_MS - KILLED_MS);
  mustBeLost(silent, SILENT_MS);
  if (silent.worker?.role.connected) invariants.violated(`${silent.name} holds on to a leader that is silent`);
  silence.end();
}

/** It is usable again, not only true. */
async function everyoneAnswers(harness: Harness): Promise<void> {
  const { operator, seats, invariants, clock } = harness;
  if (!operator) return;
  let open = 0;
  for (const { name, worker } of seats) {
    if (!worker) continue;
    open += 1;
    const ask = { from: 'op', type: 'echo', to: name, timeoutMs: 1000, cancelAfterMs: undefined };
    invariants.follow(operator, ask, async (cargo) => {
      try {
        return (await operator.role.call('echo', cargo, { to: name, timeoutMs: 1000 })).payload;
      } catch (error) {
        invariants.violated(`${name} does not answer in calm weather: ${String(error)}`);
        throw error;
      } finally {
        open -= 1;
      }
    });
  }
  await clock.runUntil(() => open === 0, { limitMs: 2000 });
}

/** Everybody stops; then nothing is left. */
async function stopAll(harness: Harness): Promise<void> {
  const { clock, invariants, seats } = harness;
  harness.close();
  const sites = [harness.leader, harness.operator, ...seats.map(({ worker }) => worker)].map(
    (process) => process?.site,
  );
  harness.run('the operator stops', () => harness.stopOperator());
  for (const seat of seats) harness.run(`${seat.name} stops`, () => harness.stopWorker(seat));
  await clock.advance(STOP_MS);
  harness.run('the leader stops', () => harness.stopLeader());
  await clock.advance(STOP_MS + LONGEST_TASK_MS);
  if (harness.errands.size > 0) invariants.violated(`${harness.errands.size} stops did not come to an end`);
  for (const site of sites) {
    if (site && site.running > 0) invariants.violated(`${site.running} handlers of ${site.name} run after its stop`);
  }
  if (clock.pending > 0) invariants.violated(`${clock.pending} timers are pending after everybody stopped`);
  invariants.check(undefined);
  invariants.checkEnd();
}

/** Does something again and again, at seeded intervals. @returns what ends it */
function every(
  { clock }: Harness,
  random: Random,
  rhythm: { readonly leastMs: number; readonly mostMs: number; readonly act: (random: Random) => void },
): () => void {
  const next = () => clock.setTimer(uniform(random, rhythm.leastMs, rhythm.mostMs), beat);
  const beat = () => {
    timer = next();
    rhythm.act(random);
  };
  let timer = next();
  return () => timer.cancel();
}
