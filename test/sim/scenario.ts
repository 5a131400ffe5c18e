import type { Timer } from '../../src/base/clock.js';
import { chance, pick, type Random, uniform } from '../../src/base/random.js';
import { type Harness, LEADER, OPERATOR, type Seat } from './harness.js';

const HOUR_MS = 3_600_000;

type Fault = (scenario: Scenario, seat: Seat) => void;

/** What happens to a cluster, and how often beside the others. */
const FAULTS: readonly (readonly [weight: number, fault: Fault])[] = [
  [3, (scenario, { name }) => scenario.partition(name, {})],
  [2, (scenario, { name }) => scenario.partition(name, { oneWay: 'up' })],
  [2, (scenario, { name }) => scenario.partition(name, { oneWay: 'down' })],
  [1, (scenario) => scenario.partition(OPERATOR, {})],
  [2, (scenario, { name }) => scenario.freeze(name, 12_000)],
  [1, (scenario) => scenario.freeze(LEADER, 8000)],
  [4, (scenario) => scenario.changeWeather()],
  [3, (scenario, seat) => scenario.crashWorker(seat)],
  [2, (scenario, seat) => scenario.stopWorker(seat)],
  [1, (scenario) => scenario.crashLeader()],
  [1, (scenario) => scenario.stopLeader()],
  [2, (scenario, seat) => scenario.jumpClock(seat)],
  [4, (scenario, { worker }) => worker && scenario.harness.reregister(worker)],
  [1, ({ harness }, { name }) => harness.evict(name)],
];
const TOTAL_WEIGHT = FAULTS.reduce((sum, [weight]) => sum + weight, 0);

/** A seeded sequence of faults; each ends by itself, at the latest when the scenario does. */
export class Scenario {
  readonly harness: Harness;
  readonly #random: Random;
  /** What puts things right again, by what is wrong. */
  readonly #remedies = new Map<string, { readonly timer: Timer; readonly remedy: () => void }>();

  constructor(harness: Harness, random: Random) {
    this.harness = harness;
    this.#random = random;
    // In half of the worlds nothing is ever repeated, so that nothing may be handled twice.
    harness.invariants.repeats = chance(random, 0.5);
  }

  strike(): void {
    const seat = pick(this.#random, this.harness.seats);
    if (!seat) return;
    let mark = this.#random.next() * TOTAL_WEIGHT;
    for (const [weight, fault] of FAULTS) {
      mark -= weight;
      if (mark >= 0) continue;
      fault(this, seat);
      return;
    }
  }

  /** The last fault is over: what is wrong is put right now. */
  end(): void {
    for (const { timer, remedy } of [...this.#remedies.values()]) {
      timer.cancel();
      remedy();
    }
    this.#remedies.clear();
    this.harness.hub.setFaults({ baseDelayMs: 1, jitter: 0.5, dropRate: 0, duplicateRate: 0, reorderRate: 0 });
    this.harness.hub.note('scenario', 'the last fault is over');
  }

  partition(name: string, { oneWay }: { readonly oneWay?: 'up' | 'down' }): void {
    const { hub } = this.harness;
    const [from, to] = oneWay === 'down' ? [LEADER, name] : [name, LEADER];
    const options = { oneWay: oneWay !== undefined };
    hub.partition(from, to, options);
    this.#later(`partition ${from} ${to} ${oneWay}`, uniform(this.#random, 500, 12_000), () =>
      hub.healPartition(from, to, options),
    );
  }

  freeze(name: string, longestMs: number): void {
    const { hub } = this.harness;
    hub.failNode(name);
    this.#later(`freeze ${name}`, uniform(this.#random, 500, longestMs), () => hub.recoverNode(name));
  }

  changeWeather(): void {
    const random = this.#random;
    const rate = () => (chance(random, 0.5) ? uniform(random, 0, 0.2) : 0);
    const faults = {
      baseDelayMs: chance(random, 0.5) ? 1 : uniform(random, 1, 60),
      jitter: uniform(random, 0, 1),
      dropRate: rate(),
      duplicateRate: this.harness.invariants.repeats ? rate() : 0,
      reorderRate: rate(),
    };
    this.harness.hub.setFaults(faults);
    this.harness.hub.note('weather', JSON.stringify(faults));
  }

  crashWorker(seat: Seat): void {
    if (!seat.worker) return;
    this.harness.crashWorker(seat);
    if (chance(this.#random, 0.85)) this.#startLater(seat);
  }

  stopWorker(seat: Seat): void {
    if (!seat.worker) return;
    const again = chance(this.#random, 0.8);
    this.harness.run(`${seat.name} stops`, () => this.harness.stopWorker(seat));
    if (again) this.#startLater(seat);
  }

  crashLeader(): void {
    if (!this.harness.leader) return;
    this.harness.crashLeader();
    this.#later('start leader', uniform(this.#random, 100, 5000), () => this.harness.startLeader());
  }

  stopLeader(): void {
    const { harness } = this;
    if (!harness.leader) return;
    const again = uniform(this.#random, 100, 3000);
    harness.run('the leader restarts', async () => {
      await harness.stopLeader();
      this.#later('start leader', again, () => harness.startLeader());
    });
  }

  jumpClock({ worker }: Seat): void {
    const process = chance(this.#random, 0.3) ? this.harness.leader : worker;
    if (process) process.clock.skewMs += Math.round(uniform(this.#random, -HOUR_MS, HOUR_MS));
  }

  #startLater(seat: Seat): void {
    this.#later(`start ${seat.name}`, uniform(this.#random, 10, 8000), () => {
      if (!seat.worker) this.harness.startWorker(seat);
    });
  }

  /** A second fault of the same kind lasts as long as the first. */
  #later(what: string, delayMs: number, remedy: () => void): void {
    if (this.#remedies.has(what)) return;
    const timer = this.harness.clock.setTimer(delayMs, () => {
      this.#remedies.delete(what);
      remedy();
    });
    this.#remedies.set(what, { timer, remedy });
  }
}
