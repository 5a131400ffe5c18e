import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { formatHostPort } from '../address.js';
import type { BoundAddress } from '../framed/listen-options.js';
import type { NetworkMetrics } from '../metrics.js';
import { MutualTls } from '../mutual-tls.js';
import type { MessageSink, Network, Peer, PeerEvent, SendOutcome, StopOptions } from '../network.js';
import { type NetworkIdentity, wiringOf } from '../wiring.js';
import { Attendance } from './attendance.js';
import { Calls } from './calls.js';
import type { HttpCounters } from './counters.js';
import { Directory } from './directory.js';
import { Entrance, LISTENER } from './entrance.js';
import { HeldRequests } from './held.js';
import { Hub } from './hub.js';
import { Intake } from './intake.js';
import { type HttpNetworkOptions, resolveOptions } from './options.js';
import { Replies } from './reply.js';
import { HttpServer } from './server.js';
import { shutDown } from './shutdown.js';

const DEFAULT_GRACE_MS = 1000;
/** Ends of exchanges that say more than that they ended. */
const SHUT_OUT: ReadonlySet<ErrorCode> = new Set(['NOT_ALLOWED', 'EVICTED']);

/**
 * Messages over HTTP/1.1: a POST for each request, whose answer is the answer, and one POST after another for everything
 * else. Any node may ask any other whose address it has. docs/http.md describes what travels, docs/limits.md every bound.
 *
 * Beside the guarantees of `Network`:
 * - FIFO holds for what is no request; requests may overtake it and one another.
 * - There are no connections that live. A peer is `connected` with the first exchange that succeeds, either way;
 *   `disconnected` when nothing is under way to it and the last POST has failed, when another process has its name,
 *   when it says goodbye (`left`), or, if it has no address here, when nothing was heard of it for `peerIdleMs` (`left`).
 * - A request whose POST fails ends by the event `undelivered`; the other requests to that peer go on.
 */
export class HttpNetwork implements Network {
  readonly self: NodeId;
  /** What was refused, dropped or given up. */
  readonly counters: HttpCounters;
  readonly #hub: Hub;
  readonly #directory: Directory;
  readonly #held: HeldRequests;
  readonly #server: HttpServer | undefined;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #stopped: Promise<void> | undefined;

  /**
   * @param identity who this node is; a role gives all of it
   * @throws NetworkError INVALID_OPTION naming the field
   */
  constructor(identity: NetworkIdentity, options: HttpNetworkOptions = {}) {
    const wiring = wiringOf(identity);
    const resolved = resolveOptions(options);
    const { listen } = resolved;
    const tls = resolved.tls && new MutualTls(wiring.self, resolved.tls, wiring.clock.wallNow());
    const hub = new Hub(wiring, resolved);
    const directory = new Directory(hub, tls);
    const replies = new Replies(hub);
    const held = new HeldRequests(hub, directory, replies);
    this.self = wiring.self;
    this.counters = hub.counters;
    this.#hub = hub;
    this.#directory = directory;
    this.#held = held;
    if (listen === undefined) return;
    const parts = { hub, directory, held, replies, attendance: new Attendance() };
    const running = (): boolean => this.#state === 'running';
    const entrance = new Entrance({
      hub,
      listen,
      replies,
      intake: new Intake(parts),
      calls: new Calls(parts),
      running,
    });
    this.#server = new HttpServer({ hub, listen, tls, entrance });
  }

  /** A node of a mesh has dialled nobody before the others. */
  get upstream(): undefined {
    return undefined;
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#directory.peers;
  }

  /** Where this node is reached, once it has started and if it listens: `http://127.0.0.1:8001`. */
  get baseUrl(): string | undefined {
    const bound = this.#server?.bound;
    const { tls, listen } = this.#hub.options;
    return bound && `${tls ? 'https' : 'http'}://${formatHostPort(bound.host, bound.port)}${listen?.prefix ?? ''}`;
  }

  /** Where the listener, `http`, really listens, once started. */
  get boundAddresses(): ReadonlyMap<string, BoundAddress> {
    const bound = this.#server?.bound;
    return new Map(bound && [[LISTENER, bound]]);
  }

  metrics(): NetworkMetrics {
    let queuedMessages = 0;
    let queuedBytes = 0;
    for (const line of this.#directory.lines()) {
      queuedMessages += line.queuedMessages;
      queuedBytes += line.queuedBytes;
    }
    return this.#hub.meter.read({ peers: this.peers, queuedMessages, queuedBytes });
  }

  async start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#state !== 'new') throw new NetworkError('STOPPED', 'a network is started once');
    if (signal?.aborted) throw new NetworkError('CANCELLED', 'the start was cancelled', { cause: signal.reason });
    const onAbort = () => void this.stop({ graceMs: 0 });
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#state = 'running';
    try {
      await this.#server?.start();
      // Whatever it was meanwhile.
      if ((this.#state as string) !== 'running')
        throw new NetworkError('CANCELLED', 'the network was stopped while it started');
    } catch (error) {
      await this.stop({ graceMs: 0 });
      throw error;
    } finally {
      // The signal is for the start: how a network that runs is stopped, with how much grace, is its owner's to say.
      signal?.removeEventListener('abort', onAbort);
    }
  }

  send(message: NetworkMessage): SendOutcome {
    return this.#hub.meter.outcome(this.#send(message));
  }

  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[] {
    const forms = new Map<string, EncodedMessage>();
    return peers.map((node) => this.#hub.meter.outcome(this.#post(message, node, forms)));
  }

  onMessage(handler: MessageSink): void {
    this.#hub.onMessage(handler);
  }

  onPeer(listener: (event: PeerEvent) => void): Disposable {
    return this.#hub.onPeer(listener);
  }

  /** Ends all exchanges with the peer, both ways. */
  disconnect(node: NodeId, reason: NetworkError): void {
    const remote = this.#directory.find(node);
    const ended = SHUT_OUT.has(reason.code)
      ? reason
      : new NetworkError('CLOSED', `the exchanges with ${node} were ended`, { cause: reason, node });
    remote?.lost(reason);
    this.#held.fail(ended, node);
    remote?.line?.cut(ended);
  }

  /**
   * Takes no new exchange, waits at most `graceMs` for those under way, says goodbye to those who are connected and have
   * an address, and ends everything that is left. Idempotent.
   */
  stop({ graceMs = DEFAULT_GRACE_MS }: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  /** An answer goes out as that of the POST that waits for it, everything else on the line to its node. */
  #send(message: NetworkMessage): SendOutcome {
    const { kind, to } = message;
    if (this.#state !== 'running' && this.#state !== 'stopping') return 'STOPPED';
    if (kind === 'response' || kind === 'error') {
      const outcome = this.#held.answer(message);
      if (outcome !== undefined) return outcome;
      this.#hub.counters.lateAnswers += 1;
    }
    return to === undefined ? 'NO_ADDRESS' : this.#post(message, to);
  }

  #post(message: NetworkMessage, node: NodeId, forms?: Map<string, EncodedMessage>): SendOutcome {
    if (this.#state !== 'running') return 'STOPPED';
    const line = this.#directory.lineTo(node);
    if (line === undefined) return 'NO_ADDRESS';
    const { codec } = line;
    const encoded = forms?.get(codec.name) ?? codec.encode(message);
    forms?.set(codec.name, encoded);
    return line.send(message, encoded);
  }

  async #stop(graceMs: number): Promise<void> {
    this.#state = 'stopping';
    await shutDown({ hub: this.#hub, directory: this.#directory, held: this.#held, server: this.#server }, graceMs);
    this.#hub.stop();
    this.#state = 'stopped';
  }
}
