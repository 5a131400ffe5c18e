import { type Clock, realTurn, SystemClock, sleep } from '../../base/clock.js';
import type { NodeId } from '../../base/names.js';
import { type Random, seededRandom } from '../../base/random.js';
import type { StopOptions } from '../../network/network.js';
import type { NetworkWiring } from '../../network/wiring.js';
import { demand, demandEqual } from './assertions.js';
import { type Layers, Station, WARM_UP, wiringOf } from './station.js';
import type { Ability, Ground, Subject } from './subject.js';

/** How long a check waits for what has to happen, in milliseconds. */
const GIVE_UP_MS = 10_000;
const VIRTUAL_GIVE_UP_MS = 120_000;
const POLL_MS = 1;
/** Long enough for whatever is under way on one machine to arrive. */
const QUIET_MS = 25;
const VIRTUAL_QUIET_MS = 2000;
/** How often a node that dials on demand is given a reason to. */
const POKE_MS = 25;

/** What a node of a check is given beside its name. */
export type Wishes = Partial<Pick<NetworkWiring, 'admit' | 'greeting'>>;

/** The nodes of one check, on a ground of their own, and the time that they live in. */
export class Stage {
  readonly subject: Subject;
  readonly layers: Layers;
  readonly #ground: Ground;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #stations: Station[] = [];
  readonly #silenced = new Set<NodeId>();

  private constructor(subject: Subject, ground: Ground, options: { readonly layers: Layers; readonly seed: string }) {
    this.subject = subject;
    this.layers = options.layers;
    this.#ground = ground;
    this.#clock = ground.clock ?? new SystemClock();
    this.#random = seededRandom(options.seed);
  }

  static async open(subject: Subject, options: { readonly layers: Layers; readonly seed: string }): Promise<Stage> {
    return new Stage(subject, await subject.open(), options);
  }

  get isMesh(): boolean {
    return this.subject.shape === 'mesh';
  }

  has(ability: Ability): boolean {
    return this.subject.lacks?.[ability] === undefined;
  }

  /** Milliseconds on the clock of the check. */
  now(): number {
    return this.#clock.now();
  }

  /** Nodes that are not started: in a star the others dial the first, in a mesh each knows all. */
  async nodes(...names: readonly NodeId[]): Promise<Station[]> {
    const [first] = names;
    const stations: Station[] = [];
    for (const name of names) {
      const others = names.filter((other) => other !== name);
      stations.push(
        await this.node(name, this.isMesh ? others : others.filter((other) => other === first && name !== first)),
      );
    }
    return stations;
  }

  /** One node, not started. */
  async node(name: NodeId, knows: readonly NodeId[], wishes: Wishes = {}): Promise<Station> {
    const random = this.#random.fork(`${name} ${this.#stations.length}`);
    const clock = this.#ground.clock?.skewed(0) ?? new SystemClock();
    const listens = !this.isMesh && knows.length === 0;
    const wiring = wiringOf(name, { clock, random, role: listens ? 'leader' : 'collaborator', ...wishes });
    const place = { knows };
    const network = await this.#ground.network(wiring, place);
    const station = new Station({ wiring, place, network, layers: this.layers });
    this.#stations.push(station);
    return station;
  }

  /** Nodes that are connected to the first. */
  async connected(...names: readonly NodeId[]): Promise<Station[]> {
    const stations = await this.nodes(...names);
    for (const station of stations) await this.start(station);
    const [first, ...others] = stations as [Station, ...Station[]];
    for (const other of others) await this.connect(other, first);
    return stations;
  }

  /** Two nodes that are connected. */
  async pair(): Promise<[Station, Station]> {
    return (await this.connected('a', 'b')) as [Station, Station];
  }

  async trio(): Promise<[Station, Station, Station]> {
    return (await this.connected('a', 'b', 'c')) as [Station, Station, Station];
  }

  start(station: Station): Promise<void> {
    return this.settle(station.network.start(), `${station.name} starts`);
  }

  /** Waits until the two have each other as peers. Where nodes dial on demand, the first is given a reason to. */
  async connect(one: Station, other: Station): Promise<void> {
    const met = (): boolean => one.network.peers.has(other.name) && other.network.peers.has(one.name);
    const rule = `${one.name} and ${other.name} find each other, and both are told \`connected\``;
    const meet = this.isMesh ? this.#poking(one, other, met) : met;
    await this.until(meet, rule, () => `${one.story()}; ${other.story()}`);
  }

  /**
   * Waits until a node has been told that another one, which was killed, is gone. Where no connection ends, it is given a
   * reason to find out.
   */
  async loses(station: Station, other: Station): Promise<void> {
    const gone = (): boolean => station.seen('disconnected').some(({ peer }) => peer.node === other.name);
    const lost = this.has('connections') ? gone : this.#poking(station, other, gone);
    await this.until(lost, `${station.name} is told that ${other.name} is gone`, () => station.story());
  }

  /** The node's successor, at the same address; not started. */
  again(station: Station): Promise<Station> {
    return this.node(station.name, station.place.knows);
  }

  /** Stops a node, after which nothing of it may be left on its clock. */
  async stop(station: Station, options?: StopOptions): Promise<void> {
    station.over = true;
    let pending = 0;
    const stopped = station.network.stop(options).then(() => {
      pending = station.clock.pending;
    });
    await this.settle(stopped, `${station.name} stops`);
    demandEqual(pending, 0, `no timer of ${station.name} is left when stop has resolved`);
  }

  silence(...stations: readonly Station[]): void {
    for (const { name } of stations) {
      this.#silenced.add(name);
      this.#able('silence', this.#ground.silence).call(this.#ground, name);
    }
  }

  heal(...stations: readonly Station[]): void {
    for (const { name } of stations) {
      this.#silenced.delete(name);
      this.#able('silence', this.#ground.heal).call(this.#ground, name);
    }
  }

  /** The node's process ends without a word. */
  async kill(station: Station): Promise<void> {
    station.over = true;
    station.watch.killed();
    const kill = this.#able('kill', this.#ground.kill);
    await this.settle(Promise.resolve(kill.call(this.#ground, station.name)), `the ground kills ${station.name}`);
    // What this process still holds of the other one.
    await this.settle(station.network.stop({ graceMs: 0 }), `what was killed is stopped`);
  }

  /** The node ends, and nobody is told. */
  async vanish(station: Station): Promise<void> {
    station.over = true;
    station.watch.killed();
    const vanish = this.#able('vanish', this.#ground.vanish);
    await this.settle(
      Promise.resolve(vanish.call(this.#ground, station.name)),
      `the ground lets ${station.name} vanish`,
    );
    await this.settle(station.network.stop({ graceMs: 0 }), `what has vanished is stopped`);
  }

  halfClose(station: Station, peer: Station): void {
    this.#able('halfClose', this.#ground.halfClose).call(this.#ground, station.name, peer.name);
  }

  disturb(): void {
    this.#able('loss', this.#ground.disturb).call(this.#ground);
  }

  /** Waits until it is so; the rule says what has to happen. */
  async until(condition: () => boolean, rule: string, seen: () => unknown = () => 'it did not happen'): Promise<void> {
    const came = await this.#comesTrue(condition);
    demand(came, rule, came || seen());
  }

  /** Waits for a promise that has to end. */
  async settle<T>(promise: Promise<T>, what: string): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    promise.then(end, end);
    await this.until(
      () => over,
      `${what}, and that has an end`,
      () => 'it went on',
    );
    return promise;
  }

  /** The event loop turns once. */
  async turn(): Promise<void> {
    const { clock } = this.#ground;
    if (clock) await clock.advance(0);
    else await realTurn();
  }

  /** Time goes by, long enough for whatever is under way to arrive. */
  async quiet(): Promise<void> {
    const { clock } = this.#ground;
    if (clock) await clock.advance(VIRTUAL_QUIET_MS);
    else await sleep(this.#clock, QUIET_MS);
  }

  /** Stops every node and closes the ground; every promise that is looked at all the time must have been kept. */
  async close(): Promise<void> {
    for (const node of this.#silenced) this.#ground.heal?.(node);
    try {
      const alive = this.#stations.filter(({ over }) => !over);
      await this.settle(Promise.all(alive.map(({ network }) => network.stop({ graceMs: 0 }))), 'every node stops');
    } finally {
      await this.#ground.close();
    }
    const breaches = this.#stations.flatMap(({ watch }) => watch.breaches);
    demand(breaches.length === 0, 'what every delivery and event is held to', breaches.join('; '));
    const pending = this.#stations
      .filter(({ clock }) => clock.pending > 0)
      .map(({ name, clock }) => `${name}: ${clock.pending}`);
    demand(pending.length === 0, 'no timer is left when stop has resolved', pending.join(', '));
    demandEqual(this.#ground.clock?.pending ?? 0, 0, 'nothing is left on the clock when all nodes are stopped');
  }

  /** The condition; as long as it does not hold, one node sends something to the other again and again. */
  #poking(one: Station, other: Station, condition: () => boolean): () => boolean {
    let pokedAt = Number.NEGATIVE_INFINITY;
    return () => {
      if (condition()) return true;
      if (this.now() - pokedAt >= POKE_MS) {
        pokedAt = this.now();
        one.tell(other.name, null, { type: WARM_UP });
      }
      return false;
    };
  }

  async #comesTrue(condition: () => boolean): Promise<boolean> {
    const { clock } = this.#ground;
    if (clock) return clock.runUntil(condition, { limitMs: VIRTUAL_GIVE_UP_MS });
    const deadline = this.#clock.now() + GIVE_UP_MS;
    // What waits in the event loop goes first, as it does in virtual time.
    await realTurn();
    while (!condition()) {
      if (this.#clock.now() > deadline) return false;
      await sleep(this.#clock, POLL_MS);
    }
    return true;
  }

  #able<T>(ability: Ability, method: T | undefined): T {
    if (method) return method;
    throw new Error(
      `${this.subject.name} has no way to ${ability}: its subject must say so under \`lacks\`, with the reason`,
    );
  }
}
