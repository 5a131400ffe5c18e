import type { Clock } from '../../base/clock.js';
import { deferred } from '../../base/deferred.js';
import { notify } from '../../base/emitter.js';
import { messageOf, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Codec, DecodeLimits } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { Meter } from '../meter.js';
import type { NetworkMetrics } from '../metrics.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import type { Connection } from './connection.js';
import { type MemoryCounters, newCounters } from './counters.js';
import { Dialer, introduce, isForGood } from './dial.js';
import type { History } from './history.js';
import { admission } from './listen.js';
import type { Introduction } from './pipe.js';
import { Session, type SessionOwner } from './session.js';

/** What a node needs of its hub. */
export interface NodeHub {
  readonly history: History;
  readonly codec: Codec;
  readonly limits: DecodeLimits;
  readonly dialTimeoutMs: number;
  connect(dialer: NodeId, listener: NodeId): Connection;
  /** Why nobody can be dialled, where the network says so. */
  refusal(from: NodeId, to: NodeId): NetworkError | undefined;
  /** @throws NetworkError ADDRESS_IN_USE */
  listen(node: MemoryNode): void;
  unlisten(node: MemoryNode): void;
}

export interface MemoryNodeParts {
  readonly hub: NodeHub;
  readonly wiring: NetworkWiring;
  readonly dial: NodeId | undefined;
  readonly listen: boolean;
  readonly maySubmit: boolean;
}

const DEFAULT_GRACE_MS = 1000;

/** One node's Network on an InMemoryNetwork. One per start of the node. */
export class MemoryNode implements Network, SessionOwner {
  readonly self: NodeId;
  readonly #parts: MemoryNodeParts;
  readonly #sessions = new Map<NodeId, Session>();
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  readonly #dialer: Dialer | undefined;
  readonly #counters: MemoryCounters = newCounters();
  readonly #meter: Meter = new Meter('memory');
  #sink: MessageSink = () => {};
  #state: 'idle' | 'running' | 'stopping' | 'stopped' = 'idle';
  #upstream: Session | undefined;
  #stop: Promise<void> | undefined;
  #onLastEnded: (() => void) | undefined;

  constructor(parts: MemoryNodeParts) {
    this.self = parts.wiring.self;
    this.#parts = parts;
    if (parts.dial !== undefined) this.#dialer = this.#makeDialer(parts.dial);
  }

  get upstream(): NodeId | undefined {
    return this.#upstream?.node;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#sessions;
  }

  /** This node's clock. */
  get clock(): Clock {
    return this.#parts.wiring.clock;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters };
  }

  metrics(): NetworkMetrics {
    let queuedMessages = 0;
    let queuedBytes = 0;
    for (const session of this.#sessions.values()) {
      queuedMessages += session.queuedMessages;
      queuedBytes += session.queuedBytes;
    }
    return this.#meter.read({ peers: this.#sessions, queuedMessages, queuedBytes });
  }

  async start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    if (this.#state !== 'idle') throw new NetworkError('STOPPED', 'a network is started once');
    if (signal?.aborted) throw new NetworkError('CANCELLED', 'the start was cancelled', { cause: signal.reason });
    if (this.#parts.listen) this.#parts.hub.listen(this);
    this.#state = 'running';
    this.#dialer?.dial();
  }

  send(message: NetworkMessage): SendOutcome {
    if (this.#state !== 'running') return this.#meter.outcome('STOPPED');
    const session = this.#route(message.to);
    const outcome = session ? session.send(message, this.#parts.hub.codec.encode(message)) : 'UNREACHABLE';
    return this.#meter.outcome(outcome);
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    if (this.#state !== 'running') return peers.map(() => this.#meter.outcome('STOPPED'));
    const encoded = this.#parts.hub.codec.encode(message);
    return peers.map((peer) => this.#meter.outcome(this.#sessions.get(peer)?.send(message, encoded) ?? 'UNREACHABLE'));
  }

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    const wrapped = (event: PeerEvent) => listener(event);
    this.#listeners.add(wrapped);
    return { [Symbol.dispose]: () => void this.#listeners.delete(wrapped) };
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    const session = this.#sessions.get(peer);
    // Who is refused for good is told so, in a connection that works; any other has fallen silent.
    if (isForGood(reason)) session?.refuse(reason);
    else session?.cut(reason);
  }

  stop(options: StopOptions = {}): Promise<void> {
    this.#stop ??= this.#close(options.graceMs ?? DEFAULT_GRACE_MS);
    return this.#stop;
  }

  /** The process is killed: nothing is said, and nobody here is told anything any more. */
  kill(): void {
    if (this.#state === 'running' || this.#state === 'stopping') this.#parts.hub.unlisten(this);
    this.#state = 'stopped';
    this.#listeners.clear();
    this.#dialer?.stop();
    for (const session of this.#sessions.values()) session.kill();
    this.#sessions.clear();
    this.#upstream = undefined;
  }

  /** Someone dialled this node and said hello. */
  accept(connection: Connection, hello: Introduction): void {
    const { wiring, hub } = this.#parts;
    const present = this.#sessions.get(hello.node);
    const verdict = admission(wiring, hello, present);
    if (verdict instanceof NetworkError) {
      this.#counters.joinsRefused += 1;
      hub.history.record({ what: 'refuse', from: this.self, to: hello.node, detail: verdict.code });
      connection.out('listener').push({ kind: 'refusal', error: verdict.toWire() });
      return;
    }
    if (present) this.#counters.replaced += 1;
    present?.cut(new NetworkError('CLOSED', `a newer connection of ${hello.node} took its place`));
    const session = this.#open(connection, 'listener', hello);
    connection.out('listener').push({ kind: 'welcome', introduction: introduce(wiring, true, verdict.welcome) });
    this.#tell({ type: 'connected', peer: session });
  }

  delivered(session: Session, message: NetworkMessage): void {
    this.#guard(() => this.#sink(message, session));
  }

  pressure(session: Session, type: 'congested' | 'drained'): void {
    this.#tell({ type, peer: session });
  }

  ended(session: Session, left: boolean, error: NetworkError): void {
    this.#sessions.delete(session.node);
    if (this.#upstream === session) this.#upstream = undefined;
    const detail = `${left ? 'left' : 'lost'} ${error.code}`;
    this.#parts.hub.history.record({ what: 'disconnect', from: this.self, to: session.node, detail });
    this.#tell({ type: 'disconnected', peer: session, left, error });
    if (session.dialled) this.#dialer?.lost(session, error);
    if (this.#sessions.size === 0) this.#onLastEnded?.();
  }

  #makeDialer(target: NodeId): Dialer {
    const { hub, wiring } = this.#parts;
    return new Dialer({
      wiring,
      target,
      maySubmit: this.#parts.maySubmit,
      timeoutMs: hub.dialTimeoutMs,
      connect: () => hub.connect(this.self, target),
      barred: () => hub.refusal(this.self, target),
      established: (connection, welcome) => {
        this.#upstream = this.#open(connection, 'dialer', welcome);
        this.#tell({ type: 'connected', peer: this.#upstream });
      },
      tell: (event) => {
        if (event.type === 'unreachable') this.#counters.dialsFailed += 1;
        if (event.type === 'unreachable' || event.type === 'refused') {
          hub.history.record({ what: event.type, from: this.self, to: target, detail: event.error.code });
        }
        this.#tell(event);
      },
    });
  }

  #open(connection: Connection, side: 'dialer' | 'listener', introduction: Introduction): Session {
    const { hub, wiring } = this.#parts;
    const { history, codec, limits } = hub;
    const session = new Session({
      owner: this,
      counters: this.#counters,
      wiring,
      history,
      codec,
      limits,
      connection,
      side,
      introduction,
    });
    this.#sessions.set(session.node, session);
    history.record({ what: 'connect', from: this.self, to: session.node, detail: side });
    return session;
  }

  #route(to: NodeId | undefined): Session | undefined {
    return (to === undefined ? undefined : this.#sessions.get(to)) ?? this.#upstream;
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#state === 'stopped') return;
    const { hub, wiring } = this.#parts;
    if (this.#state === 'running') hub.unlisten(this);
    this.#state = 'stopping';
    this.#dialer?.stop();
    for (const session of this.#sessions.values()) session.sayGoodbye();
    if (this.#sessions.size > 0) {
      const over = deferred();
      this.#onLastEnded = over.resolve;
      const timer = wiring.clock.setTimer(graceMs, over.resolve);
      await over.promise;
      timer.cancel();
    }
    this.#counters.terminatedAtStop += this.#sessions.size;
    for (const session of [...this.#sessions.values()])
      session.cut(new NetworkError('STOPPED', 'this node was stopped'));
    this.#state = 'stopped';
    this.#listeners.clear();
  }

  #tell(event: PeerEvent): void {
    this.#meter.event(event);
    for (const listener of [...this.#listeners]) this.#guard(() => listener(event));
  }

  /** A handler that fails breaks nobody else. */
  #guard(call: () => void): void {
    notify(call, undefined, (error) => {
      this.#parts.wiring.log.error({ node: this.self, reason: messageOf(error) }, 'a handler of network events failed');
    });
  }
}
