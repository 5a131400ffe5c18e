import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import type { Handler } from '../../src/manager/handler.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import { Collaborator, type CollaboratorOptions } from '../../src/role/collaborator.js';
import { Leader, type LeaderOptions } from '../../src/role/leader.js';
import { Operator } from '../../src/role/operator.js';

/** A whole cluster in one process on virtual time; everything it makes is stopped by `close`. */
export class Stage implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly random = seededRandom('stage');
  readonly hub: InMemoryNetwork = new InMemoryNetwork({ clock: this.clock, random: this.random.fork('hub') });
  readonly #stops: (() => Promise<void>)[] = [];
  #made = 0;

  async leader(options: Partial<LeaderOptions> = {}): Promise<Leader> {
    const leader = new Leader({
      ...this.#common(),
      name: 'leader',
      cluster: 'test',
      network: this.hub.factory({ listen: true }),
      ...options,
    });
    this.#stops.push(() => leader.stop());
    await leader.start();
    return leader;
  }

  /** Joined and alive when this resolves, unless `wait` is false. */
  async collaborator(
    name: string,
    handlers: readonly Handler[] = [],
    options: Partial<CollaboratorOptions> & { wait?: boolean; listen?: boolean; maySubmit?: boolean } = {},
  ): Promise<Collaborator> {
    const { wait = true, listen = false, maySubmit = true, ...rest } = options;
    const network = this.hub.factory({ dial: 'leader', listen, maySubmit });
    const collaborator = new Collaborator({ ...this.#common(), name, network, handlers, ...rest });
    this.#stops.push(() => collaborator.stop());
    await collaborator.start();
    if (wait) await this.until(collaborator.joined());
    if (wait) await this.clock.advance(50);
    return collaborator;
  }

  async operator(name = 'op', role: 'operator' | 'observer' = 'operator'): Promise<Operator> {
    const network = this.hub.factory({ dial: 'leader', listen: false });
    const operator = new Operator({ ...this.#common(), name, role, network });
    this.#stops.push(() => operator.stop());
    await this.until(operator.start());
    return operator;
  }

  /** Something else that is to be stopped at the end. */
  adopt(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  /** Moves virtual time on until the promise has settled. */
  async until<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.clock.runUntil(() => settled, { limitMs });
    if (!settled) throw new Error(`not settled within ${limitMs} virtual ms`);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await this.until(stop());
  }

  #common() {
    this.#made += 1;
    return {
      clock: this.clock,
      random: this.random.fork(`node ${this.#made}`),
      version: '0.0.0-test',
      pid: this.#made,
    };
  }
}
