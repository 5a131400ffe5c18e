import type { Clock } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import { silentLog } from '../../base/log.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import { type Codec, DEFAULT_DECODE_LIMITS, type DecodeLimits } from '../../message/codec.js';
import { jsonCodec } from '../../message/json-codec.js';
import { msgpackCodec } from '../../message/msgpack-codec.js';
import { Stamp } from '../../message/stamp.js';
import type { Network } from '../network.js';
import type { NetworkFactory, NetworkWiring } from '../wiring.js';
import { Connection } from './connection.js';
import { History } from './history.js';
import { Link } from './link.js';
import { MemoryNode, type NodeHub } from './node.js';
import {
  type InMemoryNetworkOptions,
  type LinkFaults,
  type LinkOptions,
  type NodeOptions,
  resolveFaults,
} from './options.js';
import type { Segment, Weather } from './pipe.js';

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
  readonly #failed = new Set<NodeId>();
  readonly #listening = new Map<NodeId, MemoryNode>();
  readonly #nodes = new Map<NodeId, MemoryNode>();
  readonly #connections = new Set<Connection>();
  readonly #weather: Weather;
  #faults: LinkFaults;
  /** Each start of a node has its own chance, and so its own instance. */
  #wired = 0;

  /** @throws NetworkError INVALID_OPTION naming the field and its range */
  constructor(options: InMemoryNetworkOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#history = new History(options.clock, options.historySize);
    this.#codec = options.codec === 'msgpack' ? msgpackCodec : jsonCodec;
    this.#limits = { ...DEFAULT_DECODE_LIMITS, ...options.limits };
    this.#dialTimeoutMs = options.dialTimeoutMs ?? DEFAULT_DIAL_TIMEOUT_MS;
    this.#faults = resolveFaults(options.faults ?? {});
    this.#weather = {
      clock: options.clock,
      blocked: (link) => link.partitioned || this.#failed.has(link.from) || this.#failed.has(link.to),
      faultsOf: (link) => link.faults ?? this.#faults,
    };
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

  /** Faults of every link that has none of its own; what is left out stays as it is. */
  setFaults(faults: Partial<LinkFaults>): void {
    this.#faults = resolveFaults(faults, this.#faults);
  }

  /** Faults of the link between two nodes, both ways unless `oneWay`; undefined: those of every link again. */
  setLinkFaults(a: NodeId, b: NodeId, faults: (Partial<LinkFaults> & LinkOptions) | undefined): void {
    for (const link of this.#between(a, b, faults ?? {})) {
      link.faults = faults && resolveFaults(faults, link.faults ?? this.#faults);
    }
  }

  /** Nothing passes between the two any more, and neither is told. What is sent waits, and dies with its connection. */
  partition(a: NodeId, b: NodeId, options: LinkOptions = {}): void {
    this.#history.record({ what: options.oneWay ? 'partition one way' : 'partition', from: a, to: b });
    for (const link of this.#between(a, b, options)) link.partitioned = true;
  }

  healPartition(a: NodeId, b: NodeId, options: LinkOptions = {}): void {
    this.#history.record({ what: options.oneWay ? 'heal one way' : 'heal', from: a, to: b });
    for (const link of this.#between(a, b, options)) link.partitioned = false;
    this.#resume((connection) => connection.touches(a) && connection.touches(b));
  }

  /** The node is frozen: nothing goes in or out, as behind a dead switch port. */
  failNode(node: NodeId): void {
    this.#history.record({ what: 'fail', from: node });
    this.#failed.add(node);
  }

  recoverNode(node: NodeId): void {
    this.#history.record({ what: 'recover', from: node });
    this.#failed.delete(node);
    this.#resume((connection) => connection.touches(node));
  }

  /** The node's process is killed: its connections end without a goodbye and it is told nothing more. */
  crash(node: NodeId): void {
    this.#history.record({ what: 'crash', from: node });
    this.#nodes.get(node)?.kill();
    this.#nodes.delete(node);
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

  /** How many events there were. */
  get eventCount(): number {
    return this.#history.count;
  }

  #hub(): NodeHub {
    return {
      history: this.#history,
      codec: this.#codec,
      limits: this.#limits,
      dialTimeoutMs: this.#dialTimeoutMs,
      connect: (dialer, listener) => this.#connect(dialer, listener),
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

  #between(a: NodeId, b: NodeId, options: LinkOptions): readonly Link[] {
    return options.oneWay ? [this.#link(a, b)] : [this.#link(a, b), this.#link(b, a)];
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
