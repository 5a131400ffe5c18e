import type { Clock } from '../../base/clock.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import { type Codec, DEFAULT_DECODE_LIMITS, type DecodeLimits, type Frame } from '../../message/codec.js';
import type { Network } from '../network.js';
import { type NetworkFactory, type NetworkWiring, wiringOf } from '../wiring.js';
import { type BarrierOptions, Barriers } from './barriers.js';
import { Climate } from './climate.js';
import { corrupt } from './corruption.js';
import type { Fault, ScheduledFault } from './fault.js';
import { History, HUB, type HubEntry, messageEvent } from './history.js';
import { Hosts, type Program } from './hosts.js';
import { type Injection, Injections } from './injections.js';
import { Links } from './links.js';
import { MemoryNode } from './node.js';
import {
  type InMemoryNetworkOptions,
  type LinkFaults,
  type LinkOptions,
  type NodeOptions,
  resolveCodec,
} from './options.js';
import { Partitions } from './partitions.js';
import type { Weather } from './pipe.js';
import { Processes } from './processes.js';
import { RuleDraft, type RuleMatch, Rules } from './rules.js';
import { Switchboard } from './switchboard.js';

const DEFAULT_DIAL_TIMEOUT_MS = 2000;

/**
 * A network inside one process, with faults: the instance is the hub, its nodes are Networks. Delays, losses,
 * repeats, partitions and failures come from the given Clock and Random, so the same seed gives the same run.
 * Every message really goes through a codec.
 *
 * @example
 * const clock = new VirtualClock();
 * const hub = new InMemoryNetwork({ clock, random: seededRandom(7), faults: { baseDelayMs: 10, jitter: 0.5 } });
 * const a = hub.node('a');
 * const b = hub.node('b', { dial: 'a' });
 * await a.start();
 * await b.start();
 * await clock.advance(100);
 * hub.partition('a', 'b');
 */
export class InMemoryNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #history: History;
  readonly #links: Links;
  readonly #climate: Climate;
  readonly #barriers = new Barriers();
  readonly #rules = new Rules();
  readonly #hosts: Hosts;
  readonly #injections: Injections;
  readonly #switchboard: Switchboard;
  readonly #processes: Processes;
  readonly #partitions: Partitions;
  /** Each start of a node has its own chance, and so its own instance. */
  #wired = 0;

  /** @throws NetworkError INVALID_OPTION naming the field and its range */
  constructor(options: InMemoryNetworkOptions) {
    const { clock, random } = options;
    const history = new History(clock, options.historySize);
    const codec = resolveCodec(options.codec);
    const limits = { ...DEFAULT_DECODE_LIMITS, ...options.limits };
    const { dialTimeoutMs = DEFAULT_DIAL_TIMEOUT_MS } = options;
    const barriers = this.#barriers;
    this.#clock = clock;
    this.#random = random;
    this.#history = history;
    this.#climate = new Climate(options.faults ?? {});
    this.#links = new Links(random);
    const weather = this.#makeWeather((frame) => reads(codec, frame, limits));
    const links = this.#links;
    this.#switchboard = new Switchboard({ history, codec, limits, dialTimeoutMs, weather, links, barriers });
    this.#partitions = new Partitions({ history, barriers, switchboard: this.#switchboard });
    this.#hosts = new Hosts({ clock, random, factory: (node) => this.factory(node) });
    this.#processes = new Processes(history, this.#hosts);
    this.#injections = this.#makeInjections();
  }

  /**
   * A node's Network. A restarted node is a new one under the same name.
   * @param wiring what a role gives to its transport; a name alone stands for a collaborator without a cluster
   */
  node(wiring: NetworkWiring | NodeId, options: NodeOptions = {}): Network {
    const full = typeof wiring === 'string' ? this.#wire(wiring) : wiring;
    const listen = options.listen ?? options.dial === undefined;
    const { dial, maySubmit = true } = options;
    const node = new MemoryNode({ hub: this.#switchboard, wiring: full, dial, listen, maySubmit });
    this.#processes.add(node);
    return node;
  }

  /** For roles, which make their own wiring. */
  factory(options: NodeOptions = {}): NetworkFactory {
    return (wiring) => this.node(wiring, options);
  }

  /**
   * Runs a program under a node's name, now and after each `restart`. What a `crash` ends with it is its clock: nothing
   * that it set runs any more.
   * @throws NetworkError INVALID_OPTION if the name is taken, or the hub's clock is no VirtualClock; and what the
   *   program throws
   */
  host(node: NodeId, program: Program): void {
    this.#hosts.install(node, program);
    this.#hosts.start(node);
  }

  /** Faults of every link that has none of its own; what is left out stays as it is. */
  setFaults(faults: Partial<LinkFaults>): void {
    this.#climate.set(faults);
  }

  /** Faults of the link between two nodes, both ways unless `oneWay`; undefined: those of every link again. */
  setLinkFaults(a: NodeId, b: NodeId, faults: (Partial<LinkFaults> & LinkOptions) | undefined): void {
    const { oneWay = false, ...own } = faults ?? {};
    this.#climate.setOwn(this.#links.between(a, b), faults && own);
    if (!oneWay) this.#climate.setOwn(this.#links.between(b, a), faults && own);
  }

  /**
   * Nothing passes between the two any more, and neither is told: what is sent waits, and dies with its connection.
   * With `reject` what is sent, and who dials, is refused with PARTITIONED instead.
   */
  partition(a: NodeId, b: NodeId, options: BarrierOptions = {}): void {
    this.#partitions.cut(a, b, options);
  }

  healPartition(a: NodeId, b: NodeId, options: LinkOptions = {}): void {
    this.#partitions.heal(a, b, options);
  }

  /**
   * Groups that do not hear one another, in place of the groups before; who is in none hears everybody. No groups: all
   * is one again.
   * @throws NetworkError INVALID_OPTION if there is one group only, or a node is in two
   */
  partitionGroups(groups: readonly (readonly NodeId[])[], options: BarrierOptions = {}): void {
    this.#partitions.split(groups, options);
  }

  /**
   * The node is frozen: nothing goes in or out, as behind a dead switch port. With `reject` who sends to it, or from
   * it, is refused with NODE_FAILED.
   */
  failNode(node: NodeId, options: Pick<BarrierOptions, 'reject'> = {}): void {
    this.#partitions.fail(node, options);
  }

  recoverNode(node: NodeId): void {
    this.#partitions.recover(node);
  }

  /** The node's process is killed: its connections end without a goodbye and it is told nothing more. */
  crash(node: NodeId): void {
    this.#processes.crash(node);
  }

  /**
   * Kills a hosted node's process, if it runs, and starts it again.
   * @throws NetworkError INVALID_OPTION if it is not hosted; and what its program throws
   */
  restart(node: NodeId): void {
    this.#processes.restart(node);
  }

  /**
   * A rule for certain messages: it says what happens to them, whatever the chance of their link.
   *
   * @example
   * hub.when({ type: 'vote', to: 'b' }).once().drop();
   * hub.when({ kind: 'response' }).after(2).times(3).delay(500);
   */
  when(match: RuleMatch = {}): RuleDraft {
    return new RuleDraft(this.#rules, match);
  }

  /**
   * Begins a fault, for `forMs` milliseconds, or until its `end()` or `calm()`. Faults may lie over one another, and
   * over what `partition`, `failNode` and `setFaults` say.
   * @throws NetworkError INVALID_OPTION naming the field
   */
  inject(fault: Fault, options: { readonly forMs?: number | undefined } = {}): Injection {
    return this.#injections.inject(fault, options.forMs);
  }

  /**
   * Faults, each at its time from now on. Disposing of the result takes back those that have not begun.
   * @throws NetworkError INVALID_OPTION naming the field; nothing is scheduled then
   */
  schedule(faults: readonly ScheduledFault[]): Disposable {
    return this.#injections.schedule(faults);
  }

  /** Everything passes again: injected and scheduled faults, partitions, failed nodes and rules end. */
  calm(): void {
    this.#history.record({ what: 'calm', from: HUB });
    this.#injections.clear();
    this.#rules.clear();
    this.#barriers.clear();
    this.#switchboard.resume();
  }

  /** Adds a line to the history, and so to the digest: what a test did, or saw happen. */
  note(who: string, text: string): void {
    this.#history.record({ what: 'note', from: who, detail: text });
  }

  /** 16 hexadecimal digits over everything that happened, payloads and error texts left out. */
  digest(): string {
    return this.#history.digest();
  }

  /** The last events as lines, oldest first. */
  trace(): string[] {
    return this.#history.trace();
  }

  /** The last events, oldest first. */
  events(): HubEntry[] {
    return this.#history.entries();
  }

  /** How many events there were. */
  get eventCount(): number {
    return this.#history.count;
  }

  /** @param reads whether a decoder finds a message in a frame that was damaged */
  #makeWeather(reads: (frame: Frame) => boolean): Weather {
    return {
      clock: this.#clock,
      blocked: (link) => this.#barriers.blocks(link),
      refusal: (link) => this.#barriers.refusal(link),
      faultsOf: (link) => this.#climate.of(link),
      ruling: (link, message) => (this.#rules.any ? this.#rules.verdict(link.from, link.to, message) : undefined),
      happened: (what, link, message) => this.#history.record(messageEvent(what, link, message)),
      damaged: (frame, link) => corrupt(frame, link.lane('damage'), reads),
    };
  }

  #makeInjections(): Injections {
    return new Injections({
      clock: this.#clock,
      climate: this.#climate,
      barriers: this.#barriers,
      passable: () => this.#switchboard.resume(),
      kill: (node) => this.#processes.crash(node),
      revive: (node) => this.#processes.revive(node),
      shift: (node, by) => this.#processes.shift(node, by),
      note: (text) => this.#history.record({ what: 'fault', from: HUB, detail: text }),
    });
  }

  #wire(self: NodeId): NetworkWiring {
    this.#wired += 1;
    return wiringOf({ self, clock: this.#clock, random: this.#random.fork(`node ${self} ${this.#wired}`) });
  }
}

/** A relay's reading is the laxest: it leaves payloads alone. */
function reads(codec: Codec, frame: Frame, limits: DecodeLimits): boolean {
  try {
    return codec.decode(frame, limits, { lazy: true }).messages.length > 0;
  } catch {
    return false;
  }
}
