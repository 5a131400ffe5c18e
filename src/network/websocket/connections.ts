import type { NodeId } from '../../base/names.js';
import type { EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer, SendOutcome } from '../network.js';
import type { Connection } from './connection.js';

/** The open connections of a network by the node at the other end, and which of them a message takes. */
export class Connections {
  /** The one that this node dialled, while it is open. */
  upstream: Connection | undefined;
  readonly #connections = new Map<NodeId, Connection>();
  readonly #peers = new Map<NodeId, Peer>();

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#peers;
  }

  get(node: NodeId): Connection | undefined {
    return this.#connections.get(node);
  }

  /** As they are now: a connection may end while they are gone through. */
  all(): Connection[] {
    return [...this.#connections.values()];
  }

  add(connection: Connection, peer: Peer): void {
    this.#connections.set(peer.node, connection);
    this.#peers.set(peer.node, peer);
  }

  /** A newer connection that has taken its place stays. @returns whether it was the one that this node dialled */
  remove(connection: Connection, peer: Peer): boolean {
    if (this.#connections.get(peer.node) === connection) {
      this.#connections.delete(peer.node);
      this.#peers.delete(peer.node);
    }
    if (this.upstream !== connection) return false;
    this.upstream = undefined;
    return true;
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#route(message.to)?.send(message) ?? 'UNREACHABLE';
  }

  /** The same message to many, encoded once for each codec. */
  sendMany(message: NetworkMessage, nodes: readonly NodeId[]): readonly SendOutcome[] {
    const encoded = new Map<string, EncodedMessage>();
    return nodes.map((node) => {
      const connection = this.#route(node);
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

  /** What waits to be written, of all connections. */
  queued(): { readonly queuedMessages: number; readonly queuedBytes: number } {
    let queuedMessages = 0;
    let queuedBytes = 0;
    for (const connection of this.#connections.values()) {
      queuedMessages += connection.queuedMessages;
      queuedBytes += connection.queuedBytes;
    }
    return { queuedMessages, queuedBytes };
  }

  /** @param maxQueuedBytes of all together, beyond which those who do not read lose their connections sooner */
  sweep(maxQueuedBytes: number): void {
    const pressed = this.queued().queuedBytes > maxQueuedBytes;
    for (const connection of this.#connections.values()) connection.sweep(pressed);
  }

  /** What is for no peer of our own goes to the node that we dialled. */
  #route(to: NodeId | undefined): Connection | undefined {
    return (to === undefined ? undefined : this.#connections.get(to)) ?? this.upstream;
  }
}
