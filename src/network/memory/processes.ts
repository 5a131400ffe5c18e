import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { NodeClock } from '../../base/virtual-clock.js';
import type { History } from './history.js';
import type { Hosts } from './hosts.js';
import type { MemoryNode } from './node.js';

/** The newest start of each node, hosted or not: what can be killed, started again, and have its clock changed. */
export class Processes {
  readonly #history: History;
  readonly #hosts: Hosts;
  readonly #nodes = new Map<NodeId, MemoryNode>();

  constructor(history: History, hosts: Hosts) {
    this.#history = history;
    this.#hosts = hosts;
  }

  add(node: MemoryNode): void {
    this.#nodes.set(node.self, node);
  }

  crash(node: NodeId): void {
    this.#history.record({ what: 'crash', from: node });
    this.#nodes.get(node)?.kill();
    this.#nodes.delete(node);
    this.#hosts.halt(node);
  }

  /** @throws NetworkError INVALID_OPTION if it is not hosted; and what its program throws */
  restart(node: NodeId): void {
    if (this.#hosts.has(node)) this.crash(node);
    this.#history.record({ what: 'start', from: node });
    this.#hosts.start(node);
  }

  /** The same, if it is hosted. */
  revive(node: NodeId): void {
    if (this.#hosts.has(node)) this.restart(node);
  }

  /**
   * A machine's clock, or that of a process which was given one of its own, jumps and runs faster from now on.
   * @throws NetworkError INVALID_OPTION if it has none
   */
  shift(node: NodeId, by: { readonly skewMs?: number; readonly driftPpm?: number }): void {
    if (this.#hosts.has(node)) {
      this.#hosts.shift(node, by);
      return;
    }
    const clock = this.#nodes.get(node)?.clock;
    if (clock === undefined) return;
    if (!(clock instanceof NodeClock)) {
      throw new NetworkError('INVALID_OPTION', `clock: '${node}' has no clock of its own: use VirtualClock.skewed`);
    }
    clock.skewMs += by.skewMs ?? 0;
    clock.driftPpm += by.driftPpm ?? 0;
  }
}
