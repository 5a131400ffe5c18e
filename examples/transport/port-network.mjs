// A transport of one's own: nodes in the threads of one process, over MessagePorts. docs/conformance.md is about it.
import { MessageChannel } from 'node:worker_threads';
import { codecNamed, DEFAULT_DECODE_LIMITS, Meter, NetworkError } from 'netmgr';

const codec = codecNamed('json');
/** Sent and not acknowledged: at so many bytes the rest waits here. */
const WINDOW_BYTES = 256 * 1024;
const CONGESTED_BYTES = 1024 * 1024;
const DRAINED_BYTES = 256 * 1024;
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
const DIAL_TIMEOUT_MS = 2000;
const REDIAL_MS = 50;

/** Where the nodes of a thread listen. The port that `connect` gives may be handed to another thread. */
export class Exchange {
  #listening = new Map();

  listen(node, accept) {
    if (this.#listening.has(node)) throw new NetworkError('ADDRESS_IN_USE', `${node} already listens here`);
    this.#listening.set(node, accept);
  }

  unlisten(node) {
    this.#listening.delete(node);
  }

  /** A port to the node; undefined if nobody of that name listens. */
  connect(node) {
    const accept = this.#listening.get(node);
    if (!accept) return undefined;
    const { port1, port2 } = new MessageChannel();
    accept(port2);
    return port1;
  }
}

/** A connection after its handshake: the peer at the other end, and what waits for it. */
class Connection {
  address = 'thread';
  traffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
  queuedBytes = 0;
  left = false;
  #port;
  #owner;
  #queue = [];
  #unacknowledged = 0;
  #congested = false;

  constructor(port, introduction, owner) {
    Object.assign(this, introduction);
    this.#port = port;
    this.#owner = owner;
  }

  get queuedMessages() {
    return this.#queue.length;
  }

  send({ bytes, data }) {
    const outcome = this.#refusal(bytes);
    if (outcome) {
      this.traffic.errors += 1;
      return outcome;
    }
    this.#queue.push({ bytes, data });
    this.queuedBytes += bytes;
    this.flush();
    if (!this.#congested && this.queuedBytes > CONGESTED_BYTES) {
      this.#congested = true;
      this.#owner.tell({ type: 'congested', peer: this });
    }
    return 'queued';
  }

  flush() {
    while (this.#queue.length > 0 && this.#unacknowledged < WINDOW_BYTES) {
      const { bytes, data } = this.#queue.shift();
      this.queuedBytes -= bytes;
      this.#unacknowledged += bytes;
      this.traffic.messagesOut += 1;
      this.traffic.bytesOut += bytes;
      this.#port.postMessage({ frame: data, bytes });
    }
  }

  received({ frame, bytes, acknowledged, goodbye }) {
    if (goodbye) {
      this.left = true;
      this.#port.close();
    } else if (acknowledged) {
      this.#unacknowledged -= acknowledged;
      this.flush();
      if (this.#congested && this.queuedBytes < DRAINED_BYTES) {
        this.#congested = false;
        this.#owner.tell({ type: 'drained', peer: this });
      }
      this.#owner.progressed();
    } else {
      this.#port.postMessage({ acknowledged: bytes });
      this.#read(frame, bytes);
    }
  }

  sayGoodbye() {
    this.#port.postMessage({ goodbye: true });
  }

  close() {
    this.#port.close();
  }

  #refusal(bytes) {
    if (bytes > DEFAULT_DECODE_LIMITS.maxFrameBytes) return 'TOO_LARGE';
    return this.queuedBytes > 0 && this.queuedBytes + bytes > MAX_QUEUED_BYTES ? 'BACKPRESSURE' : undefined;
  }

  #read(frame, bytes) {
    this.traffic.bytesIn += bytes;
    for (const message of codec.decode(frame, DEFAULT_DECODE_LIMITS).messages) {
      this.traffic.messagesIn += 1;
      if (message.from === this.node || this.role === 'leader') this.#owner.deliver(message, this);
      else this.traffic.errors += 1;
    }
  }
}

/** A node: it listens at an exchange, or dials with a function that gives a port. */
export class PortNetwork {
  peers = new Map();
  upstream;
  counters = { badMessages: 0 };
  #wiring;
  #listen;
  #dial;
  #meter = new Meter('ports');
  #listeners = new Set();
  #sink = () => {};
  #state = 'new';
  #stopped;
  /** Every port that is open, with what is to be done when it closes. */
  #ports = new Map();
  #redial;
  #attempt = 0;
  #onProgress = () => {};

  constructor(wiring, { listen, dial }) {
    this.#wiring = wiring;
    this.#listen = listen;
    this.#dial = dial;
  }

  get self() {
    return this.#wiring.self;
  }

  async start({ signal } = {}) {
    if (this.#state !== 'new') throw new NetworkError('STOPPED', 'a network is started once');
    if (signal?.aborted) throw new NetworkError('CANCELLED', 'the start was cancelled', { cause: signal.reason });
    this.#listen?.listen(this.self, (port) => this.#accept(port));
    this.#state = 'running';
    if (this.#dial) this.#connect();
  }

  send(message) {
    if (this.#state !== 'running') return this.#meter.outcome('STOPPED');
    const connection = this.peers.get(message.to) ?? this.peers.get(this.upstream);
    return this.#meter.outcome(connection ? connection.send(codec.encode(message)) : 'UNREACHABLE');
  }

  sendMany(message, nodes) {
    if (this.#state !== 'running') return nodes.map(() => this.#meter.outcome('STOPPED'));
    const encoded = codec.encode(message);
    return nodes.map((node) => this.#meter.outcome(this.peers.get(node)?.send(encoded) ?? 'UNREACHABLE'));
  }

  onMessage(handler) {
    this.#sink = handler;
  }

  onPeer(listener) {
    const own = (event) => listener(event);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  metrics() {
    const connections = [...this.peers.values()];
    const queuedMessages = connections.reduce((sum, peer) => sum + peer.queuedMessages, 0);
    const queuedBytes = connections.reduce((sum, peer) => sum + peer.queuedBytes, 0);
    return this.#meter.read({ peers: this.peers, queuedMessages, queuedBytes });
  }

  disconnect(node, reason) {
    const connection = this.peers.get(node);
    if (connection) this.#end(connection, reason);
  }

  stop({ graceMs = 1000 } = {}) {
    this.#stopped ??= this.#close(graceMs);
    return this.#stopped;
  }

  /** Ends at once and without a goodbye, as a thread that is terminated. */
  destroy() {
    for (const port of this.#ports.keys()) port.close();
    return this.stop({ graceMs: 0 });
  }

  tell(event) {
    this.#meter.event(event);
    for (const listener of [...this.#listeners]) this.#guard(() => listener(event));
  }

  deliver(message, peer) {
    if (this.peers.get(peer.node) === peer) this.#guard(() => this.#sink(message, peer));
  }

  progressed() {
    this.#onProgress();
  }

  async #close(graceMs) {
    const wasRunning = this.#state === 'running';
    this.#state = 'stopping';
    if (wasRunning) this.#listen?.unlisten(this.self);
    this.#redial?.cancel();
    if (graceMs > 0) await this.#drain(graceMs);
    for (const connection of [...this.peers.values()]) {
      connection.sayGoodbye();
      this.#end(connection, new NetworkError('STOPPED', 'this node was stopped'));
    }
    for (const port of this.#ports.keys()) port.close();
    await this.#until(() => this.#ports.size === 0);
    this.#listeners.clear();
    this.#state = 'stopped';
  }

  /** Until nothing waits any more, or the grace is over. */
  async #drain(graceMs) {
    let over = false;
    const timer = this.#wiring.clock.setTimer(graceMs, () => {
      over = true;
      this.#onProgress();
    });
    await this.#until(() => over || this.metrics().queuedBytes === 0);
    timer.cancel();
  }

  #until(condition) {
    return new Promise((resolve) => {
      this.#onProgress = () => {
        if (condition()) resolve();
      };
      this.#onProgress();
    });
  }

  /** What this node says of itself. */
  #introduction(greeting = {}) {
    const { self, role, version, stamp } = this.#wiring;
    return { node: self, role, version, instance: stamp.epoch, greeting };
  }

  /** Somebody has a port to this node: it says hello first. */
  #accept(port) {
    this.#open(port, {
      greeted: ({ hello }) => {
        const present = this.peers.get(hello.node);
        const introduction = { ...hello, maySubmit: true, listener: 'exchange' };
        const verdict = this.#wiring.admit?.({ ...introduction, address: 'thread', present }) ?? {};
        if (verdict instanceof Error) {
          port.postMessage({ refused: { code: verdict.code, message: verdict.message } });
          port.close();
          return undefined;
        }
        if (present)
          this.#end(present, new NetworkError('CLOSED', `a newer connection of ${hello.node} took its place`));
        port.postMessage({ welcome: this.#introduction(verdict.welcome) });
        return introduction;
      },
      failed: () => {},
    });
  }

  #connect() {
    this.#redial = undefined;
    const port = this.#dial();
    if (!port) {
      // Told later: nobody expects to hear of it inside of start.
      this.#redial = this.#wiring.clock.setTimer(0, () => this.#failed('nobody listens'));
      return;
    }
    const timer = this.#wiring.clock.setTimer(DIAL_TIMEOUT_MS, () => port.close());
    this.#open(port, {
      greeted: ({ welcome, refused }) => {
        timer.cancel();
        if (refused) {
          this.#ports.set(port, () => {});
          const error = new NetworkError(refused.code, refused.message);
          this.tell({ type: 'refused', address: 'thread', error });
          return undefined;
        }
        this.#attempt = 0;
        this.upstream = welcome.node;
        return { ...welcome, maySubmit: true, listener: 'dial' };
      },
      failed: () => {
        timer.cancel();
        this.#failed('it did not answer');
      },
    });
    port.postMessage({ hello: this.#introduction(this.#wiring.greeting?.()) });
  }

  #failed(why) {
    if (this.#state !== 'running') return;
    this.#attempt += 1;
    const retryInMs = this.#again();
    const error = new NetworkError('CONNECTION_FAILED', `the node to dial cannot be reached: ${why}`);
    this.tell({ type: 'unreachable', address: 'thread', error, attempt: this.#attempt, retryInMs });
  }

  #again() {
    const delayMs = this.#wiring.random.next() * REDIAL_MS;
    this.#redial = this.#wiring.clock.setTimer(delayMs, () => this.#connect());
    return delayMs;
  }

  /** Reads a port: the handshake first, and then what the peer sends, until it closes. */
  #open(port, { greeted, failed }) {
    let connection;
    this.#ports.set(port, failed);
    port.on('message', (data) => {
      if (connection) {
        this.#guard(() => connection.received(data));
        return;
      }
      const introduction = greeted(data);
      if (!introduction) return;
      connection = new Connection(port, introduction, this);
      this.peers.set(connection.node, connection);
      this.#ports.set(port, () => this.#end(connection, closed(connection)));
      this.tell({ type: 'connected', peer: connection });
    });
    port.on('close', () => {
      const over = this.#ports.get(port);
      this.#ports.delete(port);
      over();
      this.#onProgress();
    });
  }

  /** Ends a connection that is open; told once. */
  #end(connection, error) {
    connection.close();
    if (this.peers.get(connection.node) !== connection) return;
    this.peers.delete(connection.node);
    const wasUpstream = this.upstream === connection.node;
    if (wasUpstream) this.upstream = undefined;
    this.tell({ type: 'disconnected', peer: connection, left: connection.left, error });
    if (wasUpstream && this.#state === 'running') this.#again();
  }

  /** A handler that throws breaks nobody else, and nothing that a peer sends ends the process. */
  #guard(call) {
    try {
      call();
    } catch (error) {
      this.counters.badMessages += 1;
      this.#wiring.log.error({ node: this.self, reason: String(error) }, 'a handler, or a message, failed');
    }
  }
}

const closed = ({ node, left }) =>
  new NetworkError('CLOSED', left ? `${node} said goodbye` : `the connection to ${node} ended without a goodbye`);
