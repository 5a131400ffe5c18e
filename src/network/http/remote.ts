import { Deadline } from '../../base/deadline-wheel.js';
import { isNetworkError, NetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import { IdMap } from '../../message/id-map.js';
import type { NetworkMessage } from '../../message/message.js';
import type { InflationBudget } from '../inflation-budget.js';
import type { Peer, Traffic } from '../network.js';
import type { Card } from './card.js';
import type { Addressee } from './contact.js';
import type { Hub } from './hub.js';
import type { Line } from './line.js';

/** The list of those who are connected, and of all that something is known of. */
export interface RemoteHost {
  readonly hub: Hub;
  readonly peers: Map<NodeId, Peer>;
  /** Whether the address book has it now. */
  hasAddress(node: NodeId): boolean;
  /** By its address now; undefined if it has none. */
  lineTo(node: NodeId): Line | undefined;
  forget(remote: Remote): void;
}

/** How an exchange came about. */
export interface Via {
  readonly address: string;
  /** `dial`, or the listener's name. */
  readonly listener: string;
}

/** A request of it. */
interface Waiting {
  readonly message: NetworkMessage;
}

/** Who calls without being a node has no process that could be told from another. */
const CALLER_INSTANCE = 'caller';
const NO_GREETING: Readonly<Record<string, unknown>> = {};

const newTraffic = (): Traffic => ({ messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 });

/** What is known of another node, or of somebody who calls: whether it is connected, and the way to it. */
export class Remote extends Deadline implements Addressee {
  readonly node: NodeId;
  readonly #host: RemoteHost;
  /** The process that had the name before, or that has said goodbye: nothing of it counts any more. */
  #retired: string | undefined;
  #heardAt = 0;
  peer: Peer | undefined;
  traffic: Traffic = newTraffic();
  line: Line | undefined;
  /** What it has said of itself last, coming in. */
  card: Card | undefined;
  /** Its requests that wait for their answers here. */
  readonly held: IdMap<Waiting> = new IdMap();
  /** Of its compressed bodies; made with the first. */
  inflation: InflationBudget | undefined;
  /** Sockets on which it has come in. */
  sockets = 0;

  constructor(host: RemoteHost, node: NodeId) {
    super();
    this.#host = host;
    this.node = node;
    const { wheel, limits } = host.hub;
    wheel.add(this, limits.peerIdleMs);
  }

  /** A request of it has come in. @throws NetworkError NAME_IN_USE, or what the admission says */
  entered(card: Card, via: () => Via): Peer {
    this.#heardAt = this.#host.hub.wiring.clock.now();
    return this.#isPresent(card) ? (this.peer as Peer) : this.#connect(card, via(), true);
  }

  /** Somebody calls by that name who says nothing of a process. @throws NetworkError what the admission says */
  called(via: () => Via): Peer {
    this.#heardAt = this.#host.hub.wiring.clock.now();
    // Nothing proves that it may do more than a node.
    const role: Role = 'collaborator';
    return this.peer ?? this.#connect({ role, instance: CALLER_INSTANCE, version: 'unknown' }, via(), true);
  }

  answered(card: Card, address: string): Peer {
    this.#heardAt = this.#host.hub.wiring.clock.now();
    if (card.instance === this.#retired) {
      const text = `${this.node} answered, but as a process that is it no longer`;
      throw new NetworkError('CLOSED', text, { node: this.node, address });
    }
    return this.peer ?? this.#connect(card, { address, listener: 'dial' }, false);
  }

  became(card: Card, address: string): void {
    if (this.peer && this.peer.instance !== card.instance) this.#connect(card, { address, listener: 'dial' }, false);
  }

  /** Whether it is there is no longer sure: its sockets are gone. */
  doubted(): void {
    if (this.peer && !this.#host.hub.stopping) this.#host.lineTo(this.node)?.doubt();
  }

  /** It has said goodbye. */
  left(): void {
    const { peer, node } = this;
    if (peer) this.#retired = peer.instance;
    this.#disconnected(new NetworkError('CLOSED', `${node} has left`, { node }), true);
  }

  lost(error: NetworkError): void {
    this.#disconnected(error, false);
  }

  /** Nothing was heard for a while. */
  expire(): void {
    const { hub } = this.#host;
    const { wiring, wheel, limits, counters } = hub;
    const quietMs = wiring.clock.now() - this.#heardAt;
    const isBusy = this.held.size > 0 || this.line?.idle === false;
    const isExpected = this.peer !== undefined && this.#host.hasAddress(this.node);
    if (isBusy || isExpected || quietMs < limits.peerIdleMs) {
      wheel.add(this, isBusy || isExpected ? limits.peerIdleMs : limits.peerIdleMs - quietMs);
      return;
    }
    if (this.peer) {
      counters.peersExpired += 1;
      const text = `nothing was heard of ${this.node} for ${limits.peerIdleMs} ms`;
      this.#disconnected(new NetworkError('CLOSED', text, { node: this.node }), true);
    }
    this.line?.close(new NetworkError('CLOSED', `the way to ${this.node} was closed`));
    this.#host.forget(this);
  }

  #isPresent({ instance }: Card): boolean {
    if (this.peer !== undefined && this.peer.instance === instance) return true;
    if (instance !== this.#retired) return false;
    this.#host.hub.counters.superseded += 1;
    throw new NetworkError('NAME_IN_USE', `this process is ${this.node} no longer: it has left, or was started again`);
  }

  #connect(card: Pick<Card, 'role' | 'instance' | 'version'>, via: Via, admit: boolean): Peer {
    const { hub, peers } = this.#host;
    const { node } = this;
    const { role, instance, version } = card;
    const candidate = { node, role, maySubmit: true, instance, version, ...via, greeting: NO_GREETING };
    const granted = admit ? hub.wiring.admit?.({ ...candidate, present: this.peer }) : undefined;
    if (isNetworkError(granted)) {
      hub.counters.joinsRefused += 1;
      throw granted;
    }
    this.#replace();
    const peer: Peer = { ...candidate, traffic: this.traffic };
    this.peer = peer;
    peers.set(node, peer);
    hub.emit({ type: 'connected', peer });
    return peer;
  }

  /** Another process has the name now. */
  #replace(): void {
    if (this.peer === undefined) return;
    const { instance } = this.peer;
    if (instance !== CALLER_INSTANCE) this.#retired = instance;
    const text = `${this.node} has been started again`;
    this.#disconnected(new NetworkError('CLOSED', text, { node: this.node }), instance === CALLER_INSTANCE);
  }

  #disconnected(error: NetworkError, left: boolean): void {
    const { peer } = this;
    if (peer === undefined) return;
    this.peer = undefined;
    this.traffic = newTraffic();
    this.#host.peers.delete(this.node);
    this.#host.hub.emit({ type: 'disconnected', peer, left, error });
  }
}
