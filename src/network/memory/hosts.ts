import type { Clock } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import { type NodeClock, VirtualClock } from '../../base/virtual-clock.js';
import type { NetworkFactory } from '../wiring.js';
import type { NodeOptions } from './options.js';

/** One start of a hosted node. */
export interface Boot {
  readonly node: NodeId;
  /** 1 at the first start. */
  readonly generation: number;
  /** The machine's clock: it dies with the process, and its skew and drift stay with the machine. */
  readonly clock: NodeClock;
  /** Of this start alone. */
  readonly random: Random;
  /** What a role wants for its network. */
  factory(options?: NodeOptions): NetworkFactory;
}

/** Starts a node's process. What it returns is not looked at, but for a promise, which must not reject. */
export type Program = (boot: Boot) => unknown;

/** What a hub gives to its hosts. */
export interface HostParts {
  readonly clock: Clock;
  readonly random: Random;
  factory(options?: NodeOptions): NetworkFactory;
}

interface Machine {
  readonly program: Program;
  generation: number;
  clock: NodeClock | undefined;
  skewMs: number;
  driftPpm: number;
}

/** The machines that a hub runs programs on: what is killed there can be started again. */
export class Hosts {
  readonly #parts: HostParts;
  readonly #machines = new Map<NodeId, Machine>();

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  has(node: NodeId): boolean {
    return this.#machines.has(node);
  }

  /** @throws NetworkError INVALID_OPTION for a second program of one name */
  install(node: NodeId, program: Program): void {
    if (this.#machines.has(node)) throw new NetworkError('INVALID_OPTION', `host: '${node}' is hosted already`);
    this.#machines.set(node, { program, generation: 0, clock: undefined, skewMs: 0, driftPpm: 0 });
  }

  /** Runs the node's program, if it does not run. @throws whatever the program throws */
  start(node: NodeId): void {
    const machine = this.#machine(node);
    if (machine.clock) return;
    const clock = this.#clockOf(node).skewed(machine.skewMs);
    clock.driftPpm = machine.driftPpm;
    machine.clock = clock;
    machine.generation += 1;
    const { generation } = machine;
    const random = this.#parts.random.fork(`host ${node} ${generation}`);
    const started = machine.program({
      node,
      generation,
      clock,
      random,
      factory: (options) => this.#parts.factory(options),
    });
    if (!(started instanceof Promise)) return;
    started.catch((error: unknown) => {
      // A process that was killed meanwhile may end in any way.
      if (machine.clock !== clock) return;
      this.#parts.clock.setTimer(0, () => {
        throw error;
      });
    });
  }

  /** The process is gone, and all of its timers. */
  halt(node: NodeId): void {
    const machine = this.#machines.get(node);
    machine?.clock?.halt();
    if (machine) machine.clock = undefined;
  }

  /** The machine's clock jumps, and runs faster from now on. */
  shift(node: NodeId, { skewMs = 0, driftPpm = 0 }: { readonly skewMs?: number; readonly driftPpm?: number }): void {
    const machine = this.#machine(node);
    machine.skewMs += skewMs;
    machine.driftPpm += driftPpm;
    if (!machine.clock) return;
    machine.clock.skewMs += skewMs;
    machine.clock.driftPpm += driftPpm;
  }

  #machine(node: NodeId): Machine {
    const machine = this.#machines.get(node);
    if (!machine) throw new NetworkError('INVALID_OPTION', `'${node}' is not hosted: give its program to hub.host`);
    return machine;
  }

  #clockOf(node: NodeId): VirtualClock {
    const { clock } = this.#parts;
    if (clock instanceof VirtualClock) return clock;
    throw new NetworkError('INVALID_OPTION', `host '${node}': only a VirtualClock can be stopped with its process`);
  }
}
