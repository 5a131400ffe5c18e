import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Connection } from '../framed/connection.js';
import type { Greeting } from '../framed/greeter.js';
import type { Hub } from '../framed/hub.js';
import type { OpenTopology } from '../framed/reception.js';
import type { Peer } from '../network.js';
import { BODY_VERBS } from '../streams/wire.js';
import type { TcpCounters } from './counters.js';
import { type Direction, Route } from './route.js';

export interface MeshParts {
  readonly hub: Hub;
  readonly self: NodeId;
  readonly counters: TcpCounters;
  /** Without anything crossing for so long the connections of a peer are ended. */
  readonly idleMs: number;
  /** Whether a node that is connected answers within a moment. */
  answers(node: NodeId): Promise<boolean>;
  /** There is a connection to the node; it is not told yet. */
  ready(node: NodeId): void;
}

/** The connections of a network in which any node may dial any other one: a route to each peer. */
export class Mesh implements OpenTopology {
  readonly #parts: MeshParts;
  readonly #routes = new Map<NodeId, Route>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #routeOf = new Map<Connection, Route>();

  constructor(parts: MeshParts) {
    this.#parts = parts;
    parts.hub.onPeer((event) => {
      if (event.type !== 'congested' && event.type !== 'drained') return;
      const route = this.#routes.get(event.peer.node);
      if (route) route.congested = event.type === 'congested';
    });
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#peers;
  }

  /** Nobody: every node reaches every other one itself, whatever it says that its role is. */
  relays(): boolean {
    return false;
  }

  connections(): Iterable<Connection> {
    return this.#routeOf.keys();
  }

  /** The connection that a message takes, if there is one. */
  connectionFor(message: NetworkMessage, to: NodeId | undefined = message.to): Connection | undefined {
    const route = to === undefined ? undefined : this.#routes.get(to);
    if (route === undefined) return undefined;
    this.#occupy(route, message);
    return route.current;
  }

  /** A message of the peer has arrived: until the time of a request is over somebody waits for the answer. */
  arrived(message: NetworkMessage, peer: Peer): void {
    const route = this.#routes.get(peer.node);
    if (route) this.#occupy(route, message);
  }

  /** @throws NetworkError NAME_IN_USE */
  placeFor({ node, instance }: Pick<Greeting, 'node' | 'instance'>): Connection | undefined {
    if (node === this.#parts.self) throw new NetworkError('NAME_IN_USE', `the name ${node} is this node's own`);
    const route = this.#routes.get(node);
    const accepted = route?.of('accepted');
    return route?.peer?.instance === instance ? accepted : (accepted ?? route?.of('dialled'));
  }

  /**
   * A name belongs to the process that is there and answers, so that two of one name do not push each other out. One
   * that does not answer is ended: its machine is gone, and it was started again.
   * @throws NetworkError NAME_IN_USE
   */
  async vacate({ node, instance }: Pick<Greeting, 'node' | 'instance'>): Promise<void> {
    const { counters, answers } = this.#parts;
    const route = this.#routes.get(node);
    const holder = route?.current && route.peer;
    if (route === undefined || holder === undefined || holder.instance === instance) return;
    const isThere = await answers(node);
    if (this.#peers.get(node) !== holder) return this.vacate({ node, instance });
    if (!isThere) {
      counters.replaced += route.connections.length;
      route.cut(new NetworkError('CLOSED', `${node} did not answer, and another process of that name has come`));
      return;
    }
    counters.namesHeld += 1;
    throw new NetworkError('NAME_IN_USE', `the name ${node} is held by another process, at ${holder.address}`);
  }

  /**
   * The greeting is over. The connection joins the one that was made the other way round; it replaces an older one of
   * the same way, which its dialler has given up, and all those of a process that is no more.
   */
  enter(connection: Connection, greeting: Greeting, direction: Direction = 'accepted'): void {
    const { hub, ready, counters } = this.#parts;
    const { node } = greeting;
    this.#endFormer(greeting);
    const known = this.#routes.get(node);
    const route = known ?? new Route(hub.time);
    const replaced = route.of(direction);
    const peer = connection.open(greeting, route.peer);
    route.add(connection, direction, peer);
    this.#routeOf.set(connection, route);
    this.#routes.set(node, route);
    hub.opened(connection);
    ready(node);
    if (known === undefined) {
      this.#peers.set(node, peer);
      hub.emit({ type: 'connected', peer });
    }
    if (replaced) {
      counters.replaced += 1;
      replaced.cut(new NetworkError('CLOSED', `a newer connection of ${node} has replaced this one`));
    }
  }

  ended(connection: Connection, peer: Peer, error: NetworkError): void {
    const route = this.#routeOf.get(connection);
    if (route === undefined) return;
    this.#routeOf.delete(connection);
    const wasCurrent = route.remove(connection);
    if (route.connections.length > 0) {
      // After a goodbye, of either side, nothing was under way on it.
      const wasLeft = connection.left || route.closing || error.code === 'STOPPED';
      if (wasCurrent && !wasLeft) this.#parts.hub.emit({ type: 'interrupted', peer, error });
      // What was too much was too much for the one that is gone.
      if (route.congested && (wasCurrent || connection.left)) this.#parts.hub.emit({ type: 'drained', peer });
      return;
    }
    this.#routes.delete(peer.node);
    this.#peers.delete(peer.node);
    this.#parts.hub.emit({ type: 'disconnected', peer, left: connection.left || route.closing, error });
  }

  disconnect(node: NodeId, reason: NetworkError): void {
    for (const connection of this.#routes.get(node)?.connections ?? []) connection.refuse(reason);
  }

  sweep(now: number): void {
    const { idleMs, counters } = this.#parts;
    for (const route of [...this.#routes.values()]) {
      route.look(now);
      if (now - route.usedAt < idleMs || !route.idle(now)) continue;
      counters.idleClosed += 1;
      this.#leave(route, route.connections, `nothing has crossed for ${idleMs} ms`);
    }
  }

  /** Connections that this node has dialled. */
  get dialled(): number {
    let count = 0;
    for (const route of this.#routes.values()) if (route.of('dialled')) count += 1;
    return count;
  }

  /** Ends the connection dialled by this node that was used least lately. @returns whether there was one to spare */
  spare(): boolean {
    const { hub, counters } = this.#parts;
    let oldest: Route | undefined;
    for (const route of this.#routes.values()) {
      if (route.of('dialled') === undefined || !route.idle(hub.time)) continue;
      route.look(hub.time);
      if (oldest === undefined || route.usedAt < oldest.usedAt) oldest = route;
    }
    const connection = oldest?.of('dialled');
    if (oldest === undefined || connection === undefined) return false;
    counters.crowdedOut += 1;
    this.#leave(oldest, [connection], 'it made room for another');
    return true;
  }

  #occupy(route: Route, { kind, type, ttl, body }: NetworkMessage): void {
    const { hub, idleMs } = this.#parts;
    if (kind === 'request' || body !== undefined) {
      const ms = ttl ?? idleMs;
      route.busy(hub.time + ms);
      if (body !== undefined) route.bodyMs = Math.max(route.bodyMs, ms);
    } else if (kind === 'control' && route.bodyMs > 0 && BODY_VERBS.has(type)) {
      // Its time counts from the last progress of the body.
      route.busy(hub.time + route.bodyMs);
    }
  }

  /** Says goodbye, so that it counts as left, and ends these connections. */
  #leave(route: Route, connections: readonly Connection[], why: string): void {
    const { stamp } = this.#parts.hub;
    route.closing = connections.length === route.connections.length;
    for (const connection of connections) {
      const to = connection.peer?.node;
      connection.write(stamp.make({ kind: 'control', type: 'goodbye', to, payload: { reason: 'idle' } }));
      connection.close(new NetworkError('CLOSED', `the connection to ${to} was ended: ${why}`));
    }
  }

  #endFormer({ node, instance }: Greeting): void {
    const route = this.#routes.get(node);
    if (route?.peer === undefined || route.peer.instance === instance) return;
    this.#parts.counters.replaced += route.connections.length;
    route.cut(new NetworkError('CLOSED', `${node} has been started again`));
  }
}
