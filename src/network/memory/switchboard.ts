import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Codec, DecodeLimits } from '../../message/codec.js';
import type { Barriers } from './barriers.js';
import { Connection } from './connection.js';
import type { History } from './history.js';
import type { Links } from './links.js';
import type { MemoryNode, NodeHub } from './node.js';
import type { Segment, Weather } from './pipe.js';

export interface SwitchboardParts {
  readonly history: History;
  readonly codec: Codec;
  readonly limits: DecodeLimits;
  readonly dialTimeoutMs: number;
  readonly weather: Weather;
  readonly links: Links;
  readonly barriers: Barriers;
}

/** What the nodes share: who listens, and every connection there is. */
export class Switchboard implements NodeHub {
  readonly history: History;
  readonly codec: Codec;
  readonly limits: DecodeLimits;
  readonly dialTimeoutMs: number;
  readonly #parts: SwitchboardParts;
  readonly #listening = new Map<NodeId, MemoryNode>();
  readonly #connections = new Set<Connection>();

  constructor(parts: SwitchboardParts) {
    this.history = parts.history;
    this.codec = parts.codec;
    this.limits = parts.limits;
    this.dialTimeoutMs = parts.dialTimeoutMs;
    this.#parts = parts;
  }

  listen(node: MemoryNode): void {
    if (this.#listening.has(node.self)) {
      throw new NetworkError('ADDRESS_IN_USE', `a node '${node.self}' already listens on this network`);
    }
    this.#listening.set(node.self, node);
  }

  unlisten(node: MemoryNode): void {
    if (this.#listening.get(node.self) === node) this.#listening.delete(node.self);
  }

  connect(dialer: NodeId, listener: NodeId): Connection {
    const { weather, links: all } = this.#parts;
    const links = { dialer: all.between(dialer, listener), listener: all.between(listener, dialer) };
    const connection = new Connection(weather, links, {
      onHello: (from, hello) => this.#greeted(from, hello),
      onClose: (closed) => void this.#connections.delete(closed),
    });
    this.#connections.add(connection);
    return connection;
  }

  refusal(from: NodeId, to: NodeId): NetworkError | undefined {
    const { barriers, links } = this.#parts;
    const code = barriers.refusal(links.between(from, to)) ?? barriers.refusal(links.between(to, from));
    if (code === undefined) return undefined;
    const text = code === 'PARTITIONED' ? `there is a partition between ${from} and ${to}` : `${to} has failed`;
    return new NetworkError(code, text, { node: to });
  }

  /** What waits on these connections sets out anew, as far as it can pass. */
  resume(which: (connection: Connection) => boolean = () => true): void {
    for (const connection of this.#connections) if (which(connection)) connection.resume();
  }

  #greeted(connection: Connection, hello: Segment): void {
    if (hello.kind !== 'hello') return;
    const node = this.#listening.get(connection.listener);
    if (node) node.accept(connection, hello.introduction);
    else connection.out('listener').push({ kind: 'reset' });
  }
}
