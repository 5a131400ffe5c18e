import type { Timer } from '../../src/base/clock.js';
import { chance, pick, type Random, uniform } from '../../src/base/random.js';
import type { LinkFaults } from '../../src/network/memory/options.js';
import { type Harness, LEADER, OPERATOR, type Seat } from './harness.js';

const HOUR_MS = 3_600_000;
/** Far more than any crystal; a deadline of five seconds still moves by less than the slack of the invariants. */
const MAX_DRIFT_PPM = 2000;
/** The longest that a fault lasts. */
const LONGEST_MS = 12_000;

type Fault = (scenario: Scenario, seat: Seat, random: Random) => void;

/** What happens to a cluster, and how often beside the others. */
const FAULTS: readonly (readonly [weight: number, name: string, fault: Fault])[] = [
  [3, 'partition', (scenario, { name }, random) => scenario.partition([name, LEADER], random)],
  [2, 'partition up', (scenario, { name }, random) => scenario.partition([name, LEADER], random, { oneWay: true })],
  [2, 'partition down', (scenario, { name }, random) => scenario.partition([LEADER, name], random, { oneWay: true })],
  [1, 'partition operator', (scenario, _, random) => scenario.partition([OPERATOR, LEADER], random)],
  [1, 'partition told', (scenario, { name }, random) => scenario.partition([name, LEADER], random, { reject: true })],
  [2, 'split', (scenario, _, random) => scenario.split(random)],
  [2, 'freeze', (scenario, { name }, random) => scenario.freeze(name, uniform(random, 500, LONGEST_MS))],
  [1, 'freeze leader', (scenario, _, random) => scenario.freeze(LEADER, uniform(random, 500, 8000))],
  [4, 'weather', (scenario, _, random) => scenario.changeWeather(random)],
  [2, 'weather at', (scenario, { name }, random) => scenario.changeWeather(random, name)],
  [3, 'crash', (scenario, seat, random) => scenario.crashWorker(seat, random)],
  [2, 'stop', (scenario, seat, random) => scenario.stopWorker(seat, random)],
  [1, 'crash leader', (scenario, _, random) => scenario.crashLeader(random)],
  [1, 'stop leader', (scenario, _, random) => scenario.stopLeader(random)],
  [2, 'clock', (scenario, seat, random) => scenario.jumpClock(seat, random)],
  [4, 'register', (scenario, { worker }) => worker && scenario.harness.reregister(worker)],
  [1, 'evict', ({ harness }, { name }) => harness.evict(name)],
];
const TOTAL_WEIGHT = FAULTS.reduce((sum, [weight]) => sum + weight, 0);

/** A seeded sequence of strikes; what each does ends by itself, at the latest when the scenario does. */
export class Scenario {
  readonly harness: Harness;
  /** What happened, a line for each strike; its place in the list is its number. */
  readonly strikes: string[] = [];
  readonly #random: Random;
  readonly #only: ReadonlySet<number> | undefined;
  /** What puts things right again, by what is wrong. */
  readonly #remedies = new Map<string, { readonly timer: Timer; readonly remedy: () => void }>();

  /** @param only the strikes that happen, by number; all of them when undefined */
  constructor(harness: Harness, random: Random, only: ReadonlySet<number> | undefined) {
    this.harness = harness;
    this.#random = random;
    this.#only = only;
    // In half of the worlds nothing is ever repeated, so that nothing may be handled twice.
    harness.invariants.repeats = chance(random, 0.5);
  }

  /** Each strike has a source of its own: leaving one out leaves the others as they are. */
  strike(): void {
    const number = this.strikes.length;
    const random = this.#random.fork(`strike ${number}`);
    const seat = pick(random, this.harness.seats);
    const [, name, fault] = weighted(random);
    this.strikes.push(`at ${this.harness.clock.now().toFixed(0)} ms: ${name}, ${seat?.name ?? ''}`);
    if (seat && (this.#only?.has(number) ?? true)) fault(this, seat, random);
  }

  /** The last fault is over: what is wrong is put right now. */
  end(): void {
    for (const { timer, remedy } of [...this.#remedies.values()]) {
      timer.cancel();
      remedy();
    }
    this.#remedies.clear();
    this.harness.hub.calm();
  }

  partition(
    between: readonly [string, string],
    random: Random,
    options: { readonly oneWay?: boolean; readonly reject?: boolean } = {},
  ): void {
    this.harness.hub.inject({ kind: 'partition', between, ...options }, { forMs: uniform(random, 500, LONGEST_MS) });
  }

  /** Some of the collaborators hear neither the leader nor the operator. */
  split(random: Random): void {
    const away = this.harness.seats.map(({ name }) => name).filter(() => chance(random, 0.4));
    const oneWay = chance(random, 0.3);
    this.harness.hub.inject(
      { kind: 'split', groups: [[LEADER, OPERATOR], away], oneWay },
      { forMs: uniform(random, 500, LONGEST_MS) },
    );
  }

  freeze(node: string, forMs: number): void {
    this.harness.hub.inject({ kind: 'fail', node }, { forMs });
  }

  /** Everywhere, or at one node. */
  changeWeather(random: Random, node?: string): void {
    const rate = () => (chance(random, 0.5) ? uniform(random, 0, 0.2) : 0);
    const delay: Partial<LinkFaults> = chance(random, 0.3)
      ? { latency: { kind: 'log-normal', medianMs: uniform(random, 1, 40), sigma: 0.7 } }
      : { baseDelayMs: chance(random, 0.5) ? 1 : uniform(random, 1, 60), jitter: uniform(random, 0, 1) };
    const faults: Partial<LinkFaults> = {
      ...delay,
      dropRate: rate(),
      duplicateRate: this.harness.invariants.repeats ? rate() : 0,
      reorderRate: rate(),
      corruptRate: chance(random, 0.2) ? 0.02 : 0,
      ...(chance(random, 0.2) ? { bytesPerSecond: uniform(random, 5000, 100_000) } : {}),
    };
    const where = node === undefined ? {} : chance(random, 0.5) ? { from: node } : { to: node };
    this.harness.hub.inject({ kind: 'faults', faults, ...where }, { forMs: uniform(random, 500, LONGEST_MS) });
  }

  crashWorker(seat: Seat, random: Random): void {
    if (!seat.worker) return;
    this.harness.crashWorker(seat);
    if (chance(random, 0.85)) this.#startLater(seat, random);
  }

  stopWorker(seat: Seat, random: Random): void {
    if (!seat.worker) return;
    const again = chance(random, 0.8);
    this.harness.run(`${seat.name} stops`, () => this.harness.stopWorker(seat));
    if (again) this.#startLater(seat, random);
  }

  crashLeader(random: Random): void {
    if (!this.harness.leader) return;
    this.harness.crashLeader();
    this.#later('start leader', uniform(random, 100, 5000), () => this.harness.startLeader());
  }

  stopLeader(random: Random): void {
    const { harness } = this;
    if (!harness.leader) return;
    const again = uniform(random, 100, 3000);
    harness.run('the leader restarts', async () => {
      await harness.stopLeader();
      this.#later('start leader', again, () => harness.startLeader());
    });
  }

  jumpClock({ worker }: Seat, random: Random): void {
    const process = chance(random, 0.3) ? this.harness.leader : worker;
    if (!process) return;
    process.clock.skewMs += Math.round(uniform(random, -HOUR_MS, HOUR_MS));
    process.clock.driftPpm = uniform(random, -MAX_DRIFT_PPM, MAX_DRIFT_PPM);
  }

  #startLater(seat: Seat, random: Random): void {
    this.#later(`start ${seat.name}`, uniform(random, 10, 8000), () => {
      if (!seat.worker) this.harness.startWorker(seat);
    });
  }

  /** A second start of the same node is the first. */
  #later(what: string, delayMs: number, remedy: () => void): void {
    if (this.#remedies.has(what)) return;
    const timer = this.harness.clock.setTimer(delayMs, () => {
      this.#remedies.delete(what);
      remedy();
    });
    this.#remedies.set(what, { timer, remedy });
  }
}

function weighted(random: Random): (typeof FAULTS)[number] {
  let mark = random.next() * TOTAL_WEIGHT;
  for (const entry of FAULTS) {
    mark -= entry[0];
    if (mark < 0) return entry;
  }
  return FAULTS[0] as (typeof FAULTS)[number];
}
