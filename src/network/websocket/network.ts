import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { type Deferred, deferred } from '../../base/deferred.js';
import { Emitter } from '../../base/emitter.js';
import { isNetworkError, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { integer } from '../../base/random.js';
import type { EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Stamp } from '../../message/stamp.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { Acceptance } from './accept.js';
import { AwakeTime } from './awake-time.js';
import { Connection, type ConnectionHost } from './connection.js';
import { newCounters, type WebSocketCounters } from './counters.js';
import { Dialer } from './dial.js';
import { Gate } from './gate.js';
import type { Greeting } from './greeter.js';
import { greetingPayload } from './hello.js';
import { LinkedSocket } from './linked-socket.js';
import { type BoundAddress, Listener } from './listen.js';
import { OpenSockets } from './open-sockets.js';
import { type ResolvedOptions, resolveOptions, type WebSocketLimits, type WebSocketNetworkOptions } from './options.js';
import { type SocketOptions, socketOptions } from './socket-options.js';
import { SUBPROTOCOLS } from './subprotocols.js';
import { type Settling, TurnFlush } from './turn-flush.js';

/**
 * The production transport: WebSockets on TCP ports and UNIX sockets. A network may listen, dial, or both.
 * docs/protocol.md describes what travels, docs/limits.md every bound.
 */
export class WebSocketNetwork implements Network, ConnectionHost {
  readonly self: NodeId;
  /** What was refused, dropped or given up. */
  readonly counters: WebSocketCounters = newCounters();
  readonly #wiring: NetworkWiring;
  readonly #options: ResolvedOptions;
  readonly #socketOptions: SocketOptions;
  readonly #events: Emitter<{ peer: PeerEvent }>;
  readonly #connections = new Map<NodeId, Connection>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #sockets = new OpenSockets();
  readonly #gate: Gate;
  readonly #listeners: readonly Listener[];
  readonly #dialer: Dialer | undefined;
  readonly #awake: AwakeTime;
  readonly #flush: TurnFlush;
  readonly #mask = (): number => integer(this.#wiring.random, 2 ** 32);
  #sink: MessageSink = () => {};
  #upstream: Connection | undefined;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #stopped: Promise<void> | undefined;
  /** While stopping: those that still have something queued, and who waits for them. */
  #draining: Connection[] = [];
  #drained: Deferred<void> | undefined;
  #unlisten: () => void = () => {};

  /** @throws NetworkError INVALID_OPTION naming the field */
  constructor(wiring: NetworkWiring, options: WebSocketNetworkOptions) {
    this.#wiring = wiring;
    this.self = wiring.self;
    this.#options = resolveOptions(options);
    this.#socketOptions = socketOptions(this.limits);
    this.#events = new Emitter((error) => wiring.log.error({ error }, 'a listener for peer events failed'));
    this.#gate = new Gate(this.limits, this.counters);
    this.#flush = new TurnFlush(wiring.clock);
    this.#awake = new AwakeTime(wiring.clock, this.limits.sweepMs, () => this.#sweep());
    this.#listeners = this.#makeListeners();
    this.#dialer = this.#makeDialer();
  }

  get upstream(): NodeId | undefined {
    return this.#upstream?.peer?.node;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#peers;
  }

  /** Where the listeners really listen, by name, once started. */
  get boundAddresses(): ReadonlyMap<string, BoundAddress> {
    const bound = new Map<string, BoundAddress>();
    for (const listener of this.#listeners) if (listener.bound) bound.set(listener.options.name, listener.bound);
    return bound;
  }

  /** @internal */
  get stamp(): Stamp {
    return this.#wiring.stamp;
  }

  /** @internal */
  get limits(): WebSocketLimits {
    return this.#options.limits;
  }

  /** @internal */
  get time(): number {
    return this.#awake.coarse;
  }

  async start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    if (this.#state !== 'new') throw new NetworkError('STOPPED', 'a network is started once');
    if (signal?.aborted) throw new NetworkError('CANCELLED', 'the start was cancelled', { cause: signal.reason });
    const onAbort = () => void this.stop();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#unlisten = () => signal?.removeEventListener('abort', onAbort);
    this.#state = 'running';
    this.#awake.start();
    try {
      for (const listener of this.#listeners) {
        await listener.start();
        if (this.#state === 'running') continue;
        listener.stop();
        await listener.closed;
        throw new NetworkError('CANCELLED', 'the network was stopped while it started');
      }
    } catch (error) {
      await this.stop({ graceMs: 0 });
      throw error;
    }
    this.#dialer?.start();
  }

  send(message: NetworkMessage): SendOutcome {
    if (this.#state !== 'running') return 'STOPPED';
    return this.#route(message.to)?.send(message) ?? 'UNREACHABLE';
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    if (this.#state !== 'running') return peers.map(() => 'STOPPED');
    const encoded = new Map<string, EncodedMessage>();
    return peers.map((node) => {
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

  onMessage(handler: MessageSink): void {
    this.#sink = handler;
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#events.on('peer', listener);
  }

  disconnect(peer: NodeId, reason: NetworkError): void {
    this.#connections.get(peer)?.refuse(reason);
  }

  stop(options: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.graceMs ?? 1_000);
    return this.#stopped;
  }

  /** @internal */
  settleLater(sender: Settling): void {
    this.#flush.add(sender);
  }

  /** @internal */
  progressed(): void {
    if (this.#drained === undefined) return;
    while (this.#draining.at(-1)?.drained) this.#draining.pop();
    if (this.#draining.length === 0) this.#drained.resolve();
  }

  /** @internal */
  deliver(message: NetworkMessage, peer: Peer): void {
    try {
      this.#sink(message, peer);
    } catch (error) {
      this.#wiring.log.error({ error, peer: peer.node, type: message.type }, 'the handler of messages failed');
    }
  }

  /** @internal */
  pressure(change: 'congested' | 'drained', peer: Peer): void {
    this.#emit({ type: change, peer });
  }

  /** @internal */
  ended(connection: Connection, peer: Peer, error: NetworkError): void {
    if (this.#connections.get(peer.node) === connection) {
      this.#connections.delete(peer.node);
      this.#peers.delete(peer.node);
    }
    const dialled = this.#upstream === connection;
    if (dialled) this.#upstream = undefined;
    this.#emit({ type: 'disconnected', peer, left: connection.left, error });
    if (dialled) this.#dialer?.lost(connection);
  }

  #route(to: NodeId | undefined): Connection | undefined {
    return (to === undefined ? undefined : this.#connections.get(to)) ?? this.#upstream;
  }

  #emit(event: PeerEvent): void {
    this.#events.emit('peer', event);
  }

  #sweep(): void {
    this.#gate.sweep(this.time);
    for (const connection of this.#connections.values()) connection.sweep();
  }

  #makeListeners(): readonly Listener[] {
    const { listen, limits } = this.#options;
    const upgrader = new WebSocketServer<typeof LinkedSocket>({
      ...this.#socketOptions,
      noServer: true,
      clientTracking: false,
      WebSocket: LinkedSocket,
      handleProtocols: (offered) => [...offered].find((name) => SUBPROTOCOLS.has(name)) ?? false,
    });
    return listen.map(
      (options) =>
        new Listener({
          options,
          gate: this.#gate,
          counters: this.counters,
          log: this.#wiring.log,
          maxHeaderBytes: limits.maxUnauthenticatedBytes,
          now: () => this.#awake.exact,
          upgrade: ({ request, raw, head }, listener) => {
            upgrader.handleUpgrade(request, raw, head, (socket) => this.#accepted(socket, raw, listener));
          },
        }),
    );
  }

  #makeDialer(): Dialer | undefined {
    const { dial } = this.#options;
    if (dial === undefined) return undefined;
    const { clock, random } = this.#wiring;
    return new Dialer({
      options: dial,
      clock,
      random,
      socketOptions: this.#socketOptions,
      subprotocol: `netmgr.v1.${dial.codec}`,
      connection: (socket, raw) =>
        this.#connection(socket, raw, {
          listener: 'dial',
          lazy: false,
          unix: dial.address.kind === 'unix',
          dialled: true,
        }),
      track: (socket) => socket.track(this.#sockets),
      hello: () => this.#hello(),
      opened: (connection, greeting) => this.#dialled(connection, greeting),
      emit: (event) => this.#emit(event),
      failed: () => {
        this.counters.dialsFailed += 1;
      },
    });
  }

  #connection(
    socket: LinkedSocket,
    raw: Socket,
    options: { listener: string; lazy: boolean; unix: boolean; dialled?: boolean },
  ): Connection {
    const { listener, lazy, unix, dialled = false } = options;
    return new Connection({ host: this, socket, raw, unix, listener, lazy, mask: dialled ? this.#mask : undefined });
  }

  #accepted(socket: LinkedSocket, raw: Socket, listener: Listener): void {
    socket.track(this.#sockets);
    const { name, authenticator } = listener.options;
    const connection = this.#connection(socket, raw, {
      listener: name,
      lazy: this.#options.relay,
      unix: listener.unix,
    });
    const acceptance = new Acceptance({
      connection,
      authenticator,
      transport: listener.unix ? 'unix' : 'tcp',
      stamp: this.stamp,
      cluster: this.#wiring.cluster,
      admit: (greeting) => this.#admit(connection, raw, greeting),
      refused: (error) => {
        this.counters.joinsRefused += 1;
        this.#wiring.log.info({ address: connection.address, code: error.code }, error.message);
      },
    });
    void acceptance.run();
  }

  /** @throws NetworkError why the peer may not come in */
  #admit(connection: Connection, raw: Socket, greeting: Greeting): void {
    const { node, role, instance, version } = greeting;
    const { address, listener } = connection;
    const present = this.#connections.get(node);
    if (node === this.self || (present !== undefined && present === this.#upstream)) {
      throw new NetworkError('NAME_IN_USE', `the name ${node} is in use here`);
    }
    const granted =
      this.#wiring.admit?.({
        node,
        role,
        instance,
        version,
        address,
        listener,
        greeting: greeting.greeting,
        present: present?.peer,
      }) ?? {};
    if (isNetworkError(granted)) throw granted;
    this.#gate.leave(raw);
    connection.write(this.#welcome(granted.welcome ?? {}));
    this.#enter(connection, greeting);
  }

  #dialled(connection: Connection, greeting: Greeting): void {
    this.#upstream = connection;
    this.#enter(connection, greeting);
  }

  #enter(connection: Connection, greeting: Greeting): void {
    const present = this.#connections.get(greeting.node);
    if (present) {
      this.counters.replaced += 1;
      present.cut(new NetworkError('CLOSED', `a newer connection of ${greeting.node} has replaced this one`));
    }
    const peer = connection.open(greeting);
    this.#connections.set(peer.node, connection);
    this.#peers.set(peer.node, peer);
    this.#emit({ type: 'connected', peer });
  }

  #hello(): NetworkMessage {
    return this.#greeting('hello', { greeting: this.#wiring.greeting?.() ?? {} });
  }

  #welcome(greeting: Readonly<Record<string, unknown>>): NetworkMessage {
    return this.#greeting('welcome', { node: this.self, greeting });
  }

  #greeting(type: string, own: { node?: NodeId; greeting: Readonly<Record<string, unknown>> }): NetworkMessage {
    const { role, cluster, version, stamp } = this.#wiring;
    const { windowBytes, maxFrameBytes } = this.limits;
    const reading = { windowBytes, maxFrameBytes };
    const payload = greetingPayload({ ...own, role, cluster, version, instance: stamp.epoch, reading });
    return stamp.make({ kind: 'control', type, payload });
  }

  async #stop(graceMs: number): Promise<void> {
    const { clock } = this.#wiring;
    this.#state = 'stopping';
    this.#unlisten();
    this.#dialer?.stop();
    for (const listener of this.#listeners) listener.stop();
    this.#gate.clear();
    await this.#drain(graceMs);
    const reason = new NetworkError('STOPPED', 'this node was stopped');
    for (const connection of [...this.#connections.values()]) connection.close(reason);
    const last = clock.setTimer(this.limits.closeTimeoutMs, () => {
      this.counters.terminatedAtStop += this.#sockets.terminate();
    });
    await this.#sockets.allClosed();
    last.cancel();
    await Promise.all(this.#listeners.map((listener) => listener.closed));
    this.#awake.stop();
    this.#flush.clear();
    this.#state = 'stopped';
  }

  /** Says goodbye and waits until everything queued is written, for at most `graceMs`. */
  async #drain(graceMs: number): Promise<void> {
    const payload = { reason: 'stopping' };
    for (const [to, connection] of this.#connections) {
      connection.send(this.stamp.make({ kind: 'control', type: 'goodbye', to, payload }));
    }
    this.#flush.flush();
    this.#draining = [...this.#connections.values()];
    this.#drained = deferred();
    const timer = this.#wiring.clock.setTimer(graceMs, () => this.#drained?.resolve());
    this.progressed();
    await this.#drained.promise;
    timer.cancel();
    this.#drained = undefined;
    this.#draining = [];
  }
}
