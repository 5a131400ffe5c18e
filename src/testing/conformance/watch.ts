import type { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { NetworkMetrics } from '../../network/metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../../network/network.js';

/** So many breaches tell enough. */
const MAX_BREACHES = 10;

/**
 * A Network that watches another one while it is used: what the contract promises of every call and of every delivery
 * is looked at each time, whatever the check is about.
 */
export class Watch implements Network {
  /** What the network did that it must not do. */
  readonly breaches: string[] = [];
  readonly #network: Network;
  readonly #connected = new Set<NodeId>();
  #sending = 0;
  #stopped = false;
  /** Its process was killed: it need not keep any promise. */
  #dead = false;

  constructor(network: Network) {
    this.#network = network;
    network.onPeer((event) => this.#watch(event));
  }

  get self(): NodeId {
    return this.#network.self;
  }

  get upstream(): NodeId | undefined {
    return this.#network.upstream;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#network.peers;
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#network.counters;
  }

  metrics(): NetworkMetrics {
    return this.#network.metrics();
  }

  start(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#network.start(options);
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#during(() => this.#network.send(message));
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    return this.#during(() => this.#network.sendMany(message, peers));
  }

  onMessage(handler: MessageSink): void {
    this.#network.onMessage((message, peer) => {
      this.#watchMessage(message, peer);
      handler(message, peer);
    });
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#network.onPeer(listener);
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    this.#network.disconnect(peer, reason);
  }

  async stop(options?: StopOptions): Promise<void> {
    await this.#network.stop(options);
    if (this.#stopped || this.#dead) return;
    this.#stopped = true;
    const told = [...this.#connected].join(', ');
    if (told !== '') this.#breach(`stop resolved, and nobody was told \`disconnected\` of ${told}`);
    const left = [...this.#network.peers.keys()].join(', ');
    if (left !== '') this.#breach(`stop resolved, and peers still has ${left}`);
  }

  /** Nothing is expected of it any more. */
  killed(): void {
    this.#dead = true;
  }

  #during<T>(call: () => T): T {
    this.#sending += 1;
    try {
      return call();
    } finally {
      this.#sending -= 1;
    }
  }

  #watchMessage(message: NetworkMessage, peer: Peer): void {
    const what = `${message.kind} ${message.type} of ${peer.node}`;
    if (this.#stopped) this.#breach(`${what} was delivered after stop`);
    else if (!this.#connected.has(peer.node))
      this.#breach(`${what} was delivered while ${peer.node} was not connected`);
    if (this.#sending > 0) this.#breach(`${what} was delivered inside a call of send`);
    if (message.from !== peer.node && peer.role !== 'leader') {
      this.#breach(`${what} says that it is from ${message.from}: only a leader hands on what others say`);
    }
  }

  #watch(event: PeerEvent): void {
    const { type } = event;
    const node = 'peer' in event ? event.peer.node : '';
    if (this.#stopped) this.#breach(`${type} ${node} was told after stop`);
    if (this.#sending > 0 && type !== 'congested') this.#breach(`${type} ${node} was told inside a call of send`);
    if (type === 'connected') {
      if (this.#connected.has(node)) this.#breach(`${node} connected twice, without being disconnected in between`);
      if (this.#network.peers.get(node)?.node !== node)
        this.#breach(`${node} was connected, and peers did not have it`);
      this.#connected.add(node);
    } else if (type === 'disconnected') {
      if (!this.#connected.delete(node)) this.#breach(`${node} was disconnected, and had not been connected`);
      if (this.#network.peers.has(node)) this.#breach(`${node} was disconnected, and peers still had it`);
    } else if (node !== '' && !this.#connected.has(node)) {
      this.#breach(`${type} ${node} was told while ${node} was not connected`);
    }
  }

  #breach(what: string): void {
    if (!this.#dead && this.breaches.length < MAX_BREACHES) this.breaches.push(`${this.self}: ${what}`);
  }
}
