import type { Clock } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import { silentLog } from '../../base/log.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import { NodeClock } from '../../base/virtual-clock.js';
import { type Codec, DEFAULT_DECODE_LIMITS, type DecodeLimits, type Frame } from '../../message/codec.js';
import { Stamp } from '../../message/stamp.js';
import type { Network } from '../network.js';
import type { NetworkFactory, NetworkWiring } from '../wiring.js';
import { around, type BarrierOptions, Barriers, between, split } from './barriers.js';
import { Climate } from './climate.js';
import { Connection } from './connection.js';
import { corrupt } from './corruption.js';
import type { Fault, ScheduledFault } from './fault.js';
import { History, type HubEntry, messageEvent } from './history.js';
import { Hosts, type Program } from './hosts.js';
import { type Injection, Injections } from './injections.js';
import { Link } from './link.js';
import { MemoryNode, type NodeHub } from './node.js';
import {
  type InMemoryNetworkOptions,
  type LinkFaults,
  type LinkOptions,
  type NodeOptions,
  resolveCodec,
} from './options.js';
import type { Segment, Weather } from './pipe.js';
import { RuleDraft, type RuleMatch, Rules } from './rules.js';

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
  readonly #codec: Codec;
  readonly #limits: DecodeLimits;
  readonly #dialTimeoutMs: number;
  readonly #links = new Map<NodeId, Map<NodeId, Link>>();
  readonly #climate: Climate;
  readonly #barriers = new Barriers();
  readonly #rules = new Rules();
  readonly #hosts: Hosts;
  readonly #injections: Injections;
  readonly #listening = new Map<NodeId, MemoryNode>();
  readonly #nodes = new Map<NodeId, MemoryNode>();
  readonly #connections = new Set<Connection>();
  readonly #weather: Weather;
  /** Each start of a node has its own chance, and so its own instance. */
  #wired = 0;

  /** @throws NetworkError INVALID_OPTION naming the field and its range */
  constructor(options: InMemoryNetworkOptions) {
    const { clock, random } = options;
    this.#clock = clock;
    this.#random = random;
    this.#history = new History(clock, options.historySize);
    this.#codec = resolveCodec(options.codec);
    this.#limits = { ...DEFAULT_DECODE_LIMITS, ...options.limits };
    this.#dialTimeoutMs = options.dialTimeoutMs ?? DEFAULT_DIAL_TIMEOUT_MS;
    this.#climate = new Climate(options.faults ?? {});
    this.#hosts = new Hosts({ clock, random, factory: (node) => this.factory(node) });
    this.#injections = this.#makeInjections();
    this.#weather = this.#makeWeather();
  }

  /**
   * A node's Network. A restarted node is a new one under the same name.
   * @param wiring what a role gives to its transport; a name alone stands for a collaborator without a cluster
   */
  node(wiring: NetworkWiring | NodeId, options: NodeOptions = {}): Network {
    const full = typeof wiring === 'string' ? this.#wire(wiring) : wiring;
    const listen = options.listen ?? options.dial === undefined;
    const { dial, maySubmit = true } = options;
    const node = new MemoryNode({ hub: this.#hub(), wiring: full, dial, listen, maySubmit });
    this.#nodes.set(full.self, node);
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
    this.#climate.setOwn(this.#link(a, b), faults && own);
    if (!oneWay) this.#climate.setOwn(this.#link(b, a), faults && own);
  }

  /**
   * Nothing passes between the two any more, and neither is told: what is sent waits, and dies with its connection.
   * With `reject` what is sent, and who dials, is refused with PARTITIONED instead.
   */
  partition(a: NodeId, b: NodeId, options: BarrierOptions = {}): void {
    this.#history.record({ what: options.oneWay ? 'partition one way' : 'partition', from: a, to: b });
    this.#barriers.raise(wayKey(a, b), between(a, b, options));
    if (!options.oneWay) this.#barriers.raise(wayKey(b, a), between(b, a, options));
  }

  healPartition(a: NodeId, b: NodeId, options: LinkOptions = {}): void {
    this.#history.record({ what: options.oneWay ? 'heal one way' : 'heal', from: a, to: b });
    this.#barriers.lower(wayKey(a, b));
    if (!options.oneWay) this.#barriers.lower(wayKey(b, a));
    this.#resume((connection) => connection.touches(a) && connection.touches(b));
  }

  /**
   * Groups that do not hear one another, in place of the groups before; who is in none hears everybody. No groups: all
   * is one again.
   * @throws NetworkError INVALID_OPTION if there is one group only, or a node is in two
   */
  partitionGroups(groups: readonly (readonly NodeId[])[], options: BarrierOptions = {}): void {
    const barrier = groups.length === 0 ? undefined : split(groups, options);
    const detail = groups.map((group) => group.join(' ')).join(' | ');
    this.#history.record({ what: barrier ? 'groups' : 'heal groups', from: HUB, detail });
    if (barrier) this.#barriers.raise(GROUPS, barrier);
    else this.#barriers.lower(GROUPS);
    this.#resume(() => true);
  }

  /**
   * The node is frozen: nothing goes in or out, as behind a dead switch port. With `reject` who sends to it, or from
   * it, is refused with NODE_FAILED.
   */
  failNode(node: NodeId, options: Pick<BarrierOptions, 'reject'> = {}): void {
    this.#history.record({ what: 'fail', from: node });
    this.#barriers.raise(nodeKey(node), around(node, options));
  }

  recoverNode(node: NodeId): void {
    this.#history.record({ what: 'recover', from: node });
    this.#barriers.lower(nodeKey(node));
    this.#resume((connection) => connection.touches(node));
  }

  /** The node's process is killed: its connections end without a goodbye and it is told nothing more. */
  crash(node: NodeId): void {
    this.#history.record({ what: 'crash', from: node });
    this.#nodes.get(node)?.kill();
    this.#nodes.delete(node);
    this.#hosts.halt(node);
  }

  /**
   * Kills a hosted node's process, if it runs, and starts it again.
   * @throws NetworkError INVALID_OPTION if it is not hosted; and what its program throws
   */
  restart(node: NodeId): void {
    if (this.#hosts.has(node)) this.crash(node);
    this.#history.record({ what: 'start', from: node });
    this.#hosts.start(node);
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
    this.#resume(() => true);
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

  #makeWeather(): Weather {
    return {
      clock: this.#clock,
      blocked: (link) => this.#barriers.blocks(link),
      refusal: (link) => this.#barriers.refusal(link),
      faultsOf: (link) => this.#climate.of(link),
      ruling: (link, message) => (this.#rules.any ? this.#rules.verdict(link.from, link.to, message) : undefined),
      happened: (what, link, message) => this.#history.record(messageEvent(what, link, message)),
      damaged: (frame, link) => corrupt(frame, link.lane('damage'), (damaged) => this.#reads(damaged)),
    };
  }

  #makeInjections(): Injections {
    return new Injections({
      clock: this.#clock,
      climate: this.#climate,
      barriers: this.#barriers,
      passable: () => this.#resume(() => true),
      kill: (node) => this.crash(node),
      revive: (node) => {
        if (this.#hosts.has(node)) this.restart(node);
      },
      shift: (node, by) => this.#shift(node, by),
      note: (text) => this.#history.record({ what: 'fault', from: HUB, detail: text }),
    });
  }

  #hub(): NodeHub {
    return {
      history: this.#history,
      codec: this.#codec,
      limits: this.#limits,
      dialTimeoutMs: this.#dialTimeoutMs,
      connect: (dialer, listener) => this.#connect(dialer, listener),
      refusal: (from, to) => this.#refusal(from, to),
      listen: (node) => {
        if (this.#listening.has(node.self)) {
          throw new NetworkError('ADDRESS_IN_USE', `a node '${node.self}' already listens on this network`);
        }
        this.#listening.set(node.self, node);
      },
      unlisten: (node) => {
        if (this.#listening.get(node.self) === node) this.#listening.delete(node.self);
      },
    };
  }

  /** Whether a decoder finds a message in it. A relay's reading is the laxest: it leaves payloads alone. */
  #reads(frame: Frame): boolean {
    try {
      return this.#codec.decode(frame, this.#limits, { lazy: true }).messages.length > 0;
    } catch {
      return false;
    }
  }

  #refusal(from: NodeId, to: NodeId): NetworkError | undefined {
    const code = this.#barriers.refusal(this.#link(from, to)) ?? this.#barriers.refusal(this.#link(to, from));
    if (code === undefined) return undefined;
    const text = code === 'PARTITIONED' ? `there is a partition between ${from} and ${to}` : `${to} has failed`;
    return new NetworkError(code, text, { node: to });
  }

  /** A machine's clock, or that of a process which was given one of its own. */
  #shift(node: NodeId, by: { readonly skewMs?: number; readonly driftPpm?: number }): void {
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

  #connect(dialer: NodeId, listener: NodeId): Connection {
    const links = { dialer: this.#link(dialer, listener), listener: this.#link(listener, dialer) };
    const connection = new Connection(this.#weather, links, {
      onHello: (from, hello) => this.#greeted(from, hello),
      onClose: (closed) => void this.#connections.delete(closed),
    });
    this.#connections.add(connection);
    return connection;
  }

  #greeted(connection: Connection, hello: Segment): void {
    if (hello.kind !== 'hello') return;
    const node = this.#listening.get(connection.listener);
    if (node) node.accept(connection, hello.introduction);
    else connection.out('listener').push({ kind: 'reset' });
  }

  #link(from: NodeId, to: NodeId): Link {
    let row = this.#links.get(from);
    if (!row) {
      row = new Map();
      this.#links.set(from, row);
    }
    let link = row.get(to);
    if (!link) {
      link = new Link(from, to, this.#random);
      row.set(to, link);
    }
    return link;
  }

  #resume(which: (connection: Connection) => boolean): void {
    for (const connection of this.#connections) if (which(connection)) connection.resume();
  }

  #wire(self: NodeId): NetworkWiring {
    this.#wired += 1;
    const random = this.#random.fork(`node ${self} ${this.#wired}`);
    return {
      self,
      role: 'collaborator',
      cluster: undefined,
      version: '0.0.0',
      clock: this.#clock,
      random,
      log: silentLog,
      stamp: new Stamp(self, this.#clock, random),
    };
  }
}

/** Who does what the hub itself does. */
const HUB = 'hub';
const GROUPS = 'groups';
const wayKey = (from: NodeId, to: NodeId): string => `way ${from}>${to}`;
const nodeKey = (node: NodeId): string => `node ${node}`;
