import { messageOf } from '../../src/base/errors.js';
import type { Log } from '../../src/base/log.js';
import { pick, type Random, seededRandom, uniform } from '../../src/base/random.js';
import { type NodeClock, VirtualClock } from '../../src/base/virtual-clock.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import type { Network } from '../../src/network/network.js';
import { Collaborator } from '../../src/role/collaborator.js';
import { Leader } from '../../src/role/leader.js';
import { Operator } from '../../src/role/operator.js';
import { Invariants } from './invariants.js';
import { makeHandlers, type Site, TASKS, type Task } from './workshop.js';

export const LEADER = 'leader';
export const OPERATOR = 'op';
const VERSION = '0.0.0';

/** One start of one node: its own clock, its own chance, and a role, until it is stopped or killed. */
export interface Process<Role> {
  readonly role: Role;
  readonly clock: NodeClock;
  readonly site: Site;
  readonly generation: number;
}

export interface Worker extends Process<Collaborator> {
  /** What the leader must come to know. */
  readonly offers: Set<Task | 'news'>;
}

/** A place where a collaborator is to run. */
export interface Seat {
  readonly name: string;
  worker: Worker | undefined;
}

/** A cluster of a leader, collaborators and an operator on one virtual network. */
export class Harness {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly hub: InMemoryNetwork;
  readonly invariants: Invariants;
  readonly seats: readonly Seat[];
  leader: Process<Leader> | undefined;
  operator: Process<Operator> | undefined;
  /** Processes, by generation, that ended without a goodbye; those that had been evicted before count as left. */
  readonly killed = new Set<number>();
  readonly #evicted = new Set<number>();
  /** Stops, starts and handlers that go on by themselves; awaited at the end. */
  readonly errands = new Set<Promise<void>>();
  #operatorNetwork: Network | undefined;
  #generation = 0;
  #over = false;

  constructor(seed: number, collaborators: number) {
    this.random = seededRandom(seed);
    const codec = seed % 4 === 0 ? 'msgpack' : 'json';
    const faults = { baseDelayMs: 1, jitter: 0.5 };
    this.hub = new InMemoryNetwork({ clock: this.clock, random: this.random.fork('network'), codec, faults });
    this.invariants = new Invariants(this.clock, (who, text) => this.hub.note(who, text));
    this.seats = Array.from({ length: collaborators }, (_, i) => ({
      name: `w${i + 1}`,
      worker: undefined,
    }));
  }

  get operatorConnected(): boolean {
    return this.#operatorNetwork?.upstream !== undefined;
  }

  /** No process is started by itself any more. */
  close(): void {
    this.#over = true;
  }

  /** Does something beside the scenario; whatever it throws is a violation. */
  run(what: string, errand: () => Promise<void>): void {
    const promise = errand()
      .catch((error) => this.invariants.violated(`${what}: ${messageOf(error)}`))
      .finally(() => this.errands.delete(promise));
    this.errands.add(promise);
  }

  startLeader(): void {
    const { clock, site, generation } = this.#makeSite(LEADER);
    const handlers = makeHandlers(site);
    const role = new Leader({
      name: LEADER,
      cluster: 'sim',
      version: VERSION,
      network: this.hub.factory(),
      clock,
      random: site.random,
      log: this.#logOf(LEADER),
      pid: generation,
      handlers: [handlers.news, handlers.echo, handlers.slow, handlers.stubborn],
    });
    role.on('member', ({ node, from, to, reason }) => {
      this.hub.note(LEADER, `${node}: ${from ?? 'new'} -> ${to} (${reason})`);
    });
    this.leader = { role, clock, site, generation };
    this.run('the leader starts', () => role.start());
  }

  startWorker(seat: Seat): void {
    if (this.#over) return;
    const { clock, site, generation } = this.#makeSite(seat.name);
    const handlers = makeHandlers(site);
    const offers = new Set<Task | 'news'>(['echo', 'news']);
    for (const task of TASKS) if (site.random.next() < 0.6) offers.add(task);
    const role = new Collaborator({
      name: seat.name,
      version: VERSION,
      network: this.hub.factory({ dial: LEADER }),
      clock,
      random: site.random,
      log: this.#logOf(seat.name),
      pid: generation,
      slots: 2,
      tags: { generation: String(generation) },
      handlers: [...offers].map((task) => handlers[task]),
    });
    const worker: Worker = { role, clock, site, generation, offers };
    role.on('leader', (event) => {
      if (event.type === 'refused' && seat.worker === worker) this.#supervise(seat, event.error.code);
    });
    seat.worker = worker;
    this.run(`${seat.name} starts`, () => role.start());
  }

  startOperator(): void {
    const { clock, site, generation } = this.#makeSite(OPERATOR);
    const role = new Operator({
      name: OPERATOR,
      version: VERSION,
      network: (wiring) => {
        this.#operatorNetwork = this.hub.node(wiring, { dial: LEADER });
        return this.#operatorNetwork;
      },
      clock,
      random: site.random,
      log: this.#logOf(OPERATOR),
    });
    this.operator = { role, clock, site, generation };
    this.run('the operator starts', () => role.start());
  }

  /** A killed process: no goodbye, no timer, no answer. */
  crashLeader(): void {
    if (this.leader) this.#kill(LEADER, this.leader);
    this.leader = undefined;
  }

  crashWorker(seat: Seat): void {
    if (seat.worker) this.#kill(seat.name, seat.worker);
    seat.worker = undefined;
  }

  stopLeader(): Promise<void> {
    const { leader } = this;
    this.leader = undefined;
    return leader ? this.#stop(LEADER, leader) : Promise.resolve();
  }

  async stopWorker(seat: Seat): Promise<void> {
    const { worker } = seat;
    seat.worker = undefined;
    if (!worker) return;
    await this.#stop(seat.name, worker);
  }

  stopOperator(): Promise<void> {
    const { operator } = this;
    this.operator = undefined;
    return operator ? this.#stop(OPERATOR, operator) : Promise.resolve();
  }

  /** An operator removes a node, whatever became of it: it has `left` from here on. */
  evict(name: string): void {
    const role = this.leader?.role;
    const row = role?.status().nodes.find(({ node }) => node === name);
    if (!role || !row) return;
    // Without keys nothing has to be stored: it has happened when the call returns.
    void role.evict(name);
    this.#evicted.add(row.pid);
    this.killed.delete(row.pid);
    this.hub.note(LEADER, `evicts ${name}, process ${row.pid}`);
  }

  /** Offers one thing more, or one less, or the same anew, at run time. */
  reregister(worker: Worker): void {
    const task = pick(worker.site.random, TASKS) ?? 'echo';
    if (worker.offers.has(task) && task !== 'echo' && worker.site.random.next() < 0.5) {
      worker.offers.delete(task);
      worker.role.unhandle(task);
    } else {
      worker.offers.add(task);
      worker.role.handle(makeHandlers(worker.site)[task]);
    }
    this.hub.note(worker.role.name, `offers ${[...worker.offers].join(' ')}`);
  }

  async #stop(name: string, process: Process<Leader | Collaborator | Operator>): Promise<void> {
    this.hub.note(name, 'stops');
    await process.role.stop();
    process.site.stopped = true;
    this.hub.note(name, 'stopped');
    if (process.clock.pending > 0 && process.site.running === 0) {
      this.invariants.violated(`${name} was stopped and has ${process.clock.pending} timers pending`);
    }
  }

  #kill(name: string, process: Process<unknown>): void {
    this.hub.crash(name);
    process.clock.halt();
    if (!this.#evicted.has(process.generation)) this.killed.add(process.generation);
    process.site.running = 0;
    this.invariants.forget(process);
  }

  /** A refused process ends with an error; whoever supervises it starts it again a little later. */
  #supervise(seat: Seat, code: string): void {
    this.hub.note(seat.name, `refused: ${code}`);
    this.run(`${seat.name} gives up`, () => this.stopWorker(seat));
    this.clock.setTimer(uniform(this.random, 500, 2000), () => {
      if (!seat.worker) this.startWorker(seat);
    });
  }

  #makeSite(name: string): { clock: NodeClock; site: Site; generation: number } {
    this.#generation += 1;
    const generation = this.#generation;
    const random = this.random.fork(`${name} ${generation}`);
    const clock = this.clock.skewed(Math.round(uniform(random, -60_000, 60_000)));
    const site: Site = { name, random, invariants: this.invariants, stopped: false, running: 0 };
    this.hub.note(name, `starts as process ${generation}`);
    return { clock, site, generation };
  }

  /** Nothing that a simulation does deserves an error in a log. */
  #logOf(name: string): Log {
    const ignore = () => {};
    const error = (fields: object, message: string) =>
      this.invariants.violated(`${name} logged an error: ${message} ${JSON.stringify(fields)}`);
    return { debug: ignore, info: ignore, warn: ignore, error };
  }
}
