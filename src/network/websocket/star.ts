import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Connection } from '../framed/connection.js';
import type { Greeting } from '../framed/greeter.js';
import type { Hub, Topology } from '../framed/hub.js';
import type { Peer, SendOutcome } from '../network.js';

/**
 * The connections of a network in the form of a star: one to each node, one of them upstream, to the node that this one
 * dialled. What is for nobody else goes there.
 */
export class Star implements Topology {
  readonly #hub: Hub;
  readonly #self: NodeId;
  readonly #lost: (connection: Connection) => void;
  readonly #connections = new Map<NodeId, Connection>();
  readonly #peers = new Map<NodeId, Peer>();
  /** The one that this node dialled, while it is open. */
  #upstream: Connection | undefined;

  /** @param lost the connection that this node had dialled has ended */
  constructor(hub: Hub, self: NodeId, lost: (connection: Connection) => void) {
    this.#hub = hub;
    this.#self = self;
    this.#lost = lost;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#peers;
  }

  get upstream(): NodeId | undefined {
    return this.#upstream?.peer?.node;
  }

  get(node: NodeId): Connection | undefined {
    return this.#connections.get(node);
  }

  /** A leader does; nobody is let in as one. */
  relays({ role }: Peer): boolean {
    return role === 'leader';
  }

  connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /**
   * @returns the connection that one of this node would replace
   * @throws NetworkError NAME_IN_USE
   */
  placeFor({ node }: Pick<Greeting, 'node'>): Connection | undefined {
    const present = this.#connections.get(node);
    if (node === this.#self || (present !== undefined && present === this.#upstream)) {
      throw new NetworkError('NAME_IN_USE', `the name ${node} is in use here`);
    }
    return present;
  }

  /** The greeting is over: the peer is connected, in the place of an older connection of its own. */
  enter(connection: Connection, greeting: Greeting): void {
    const present = this.#connections.get(greeting.node);
    if (present) {
      this.#hub.counters.replaced += 1;
      present.cut(new NetworkError('CLOSED', `a newer connection of ${greeting.node} has replaced this one`));
    }
    const peer = connection.open(greeting);
    this.#connections.set(peer.node, connection);
    this.#peers.set(peer.node, peer);
    this.#hub.opened(connection);
    this.#hub.emit({ type: 'connected', peer });
  }

  /** The same, for the node that this one has dialled. */
  enterUpstream(connection: Connection, greeting: Greeting): void {
    this.#upstream = connection;
    this.enter(connection, greeting);
  }

  /** A newer connection that has taken its place stays. */
  ended(connection: Connection, peer: Peer, error: NetworkError): void {
    if (this.#connections.get(peer.node) === connection) {
      this.#connections.delete(peer.node);
      this.#peers.delete(peer.node);
    }
    const dialled = this.#upstream === connection;
    if (dialled) this.#upstream = undefined;
    this.#hub.emit({ type: 'disconnected', peer, left: connection.left, error });
    if (dialled) this.#lost(connection);
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#route(message.to)?.send(message) ?? 'UNREACHABLE';
  }

  /** The same message to many, encoded once for each codec. None of it goes upstream for somebody else. */
  sendMany(message: NetworkMessage, nodes: readonly NodeId[]): readonly SendOutcome[] {
    const encoded = new Map<string, EncodedMessage>();
    return nodes.map((node) => {
      const connection = this.#connections.get(node);
      if (connection === undefined) return 'UNREACHABLE';
      const { codec } = connection;
      let form = encoded.get(codec.name);
      if (form === undefined) {
        form = codec.encode(message);
        encoded.set(codec.name, form);
      }
      return connection.post(message, form);
    });
  }

  /** What is for no peer of our own goes to the node that we dialled. */
  #route(to: NodeId | undefined): Connection | undefined {
    return (to === undefined ? undefined : this.#connections.get(to)) ?? this.#upstream;
  }
}
