import { isNetworkError, NetworkError } from '../../src/base/errors.js';
import type { NodeId, Role } from '../../src/base/names.js';
import { type Codec, DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { Meter } from '../../src/network/meter.js';
import type { NetworkMetrics } from '../../src/network/metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome } from '../../src/network/network.js';
import type { NetworkWiring } from '../../src/network/wiring.js';

/** A network without sockets: a test says which peers there are and which bytes come from them. */
export class FrameNetwork implements Network {
  readonly self: NodeId;
  readonly upstream = undefined;
  readonly peers = new Map<NodeId, Peer>();
  readonly counters = { refusedFrames: 0, refusedMessages: 0, spoofed: 0 };
  readonly #codec: Codec;
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  readonly #instance: string;
  #sink: MessageSink = () => {};
  sent = 0;
  /** What a peer would refuse of that which was sent. */
  readonly unreadable: string[] = [];

  constructor({ self, stamp }: NetworkWiring, codec: Codec) {
    this.self = self;
    this.#codec = codec;
    this.#instance = stamp.epoch;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const node of [...this.peers.keys()]) this.disconnect(node, new NetworkError('STOPPED', 'stopped'));
  }

  connect(node: NodeId, role: Role): void {
    if (this.peers.has(node)) return;
    const traffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
    const instance = `${this.#instance}-${node}`;
    const at = { address: 'test', listener: 'test' };
    const peer: Peer = { node, role, maySubmit: true, instance, version: '0', ...at, traffic, greeting: {} };
    this.peers.set(node, peer);
    this.#emit({ type: 'connected', peer });
  }

  disconnect(node: NodeId, error: NetworkError): void {
    const peer = this.peers.get(node);
    if (!peer) return;
    this.peers.delete(node);
    this.#emit({ type: 'disconnected', peer, left: false, error });
  }

  /** What a real connection does with a frame: decodes it, checks the sender, hands on what is right. */
  receive(node: NodeId, frame: Uint8Array): void {
    const peer = this.peers.get(node);
    if (!peer) return;
    try {
      const { messages, invalid } = this.#codec.decode(frame, DEFAULT_DECODE_LIMITS, { lazy: true });
      this.counters.refusedMessages += invalid.length;
      for (const message of messages) {
        if (message.from === node && this.peers.get(node) === peer) this.#sink(message, peer);
        else this.counters.spoofed += 1;
      }
    } catch (error) {
      if (!isNetworkError(error)) throw error;
      this.counters.refusedFrames += 1;
    }
  }

  metrics(): NetworkMetrics {
    return new Meter('frames').read({ peers: this.peers, queuedMessages: 0, queuedBytes: 0 });
  }

  send(message: NetworkMessage): SendOutcome {
    if (message.to === undefined || !this.peers.has(message.to)) return 'UNREACHABLE';
    const encoded = this.#codec.encode(message);
    if (encoded.bytes > DEFAULT_DECODE_LIMITS.maxFrameBytes) return 'TOO_LARGE';
    const { invalid } = this.#codec.decode(this.#codec.join([encoded]), DEFAULT_DECODE_LIMITS);
    for (const { error } of invalid) this.unreadable.push(error.message);
    this.sent += 1;
    return 'queued';
  }

  sendMany(message: NetworkMessage, nodes: readonly NodeId[]): readonly SendOutcome[] {
    return nodes.map((to) => this.send({ ...message, to }));
  }

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #emit(event: PeerEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
