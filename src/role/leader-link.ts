import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { Emitter } from '../base/emitter.js';
import { messageOf, NetworkError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { Random } from '../base/random.js';
import type { NetworkManager } from '../manager/manager.js';
import type { Registration } from '../membership/member.js';
import type { HeartbeatReport } from '../membership/membership-event.js';
import type { Peer, PeerEvent } from '../network/network.js';
import type { Asked, Asker } from '../security/authorisation.js';
import { ownRefusal } from './guard.js';
import { Pulse } from './pulse.js';
import { type HeartbeatAnswer, REGISTER, REGISTER_AGAIN } from './wire.js';

/** What happens between a collaborator and its leader. */
export type LeaderEvent =
  | { readonly type: 'joined'; readonly leader: NodeId; readonly cluster: string | undefined; readonly again: boolean }
  /** The connection ended; it is dialled again. `left`: the leader said goodbye. */
  | { readonly type: 'lost'; readonly leader: NodeId; readonly left: boolean; readonly error: NetworkError }
  | {
      readonly type: 'unreachable';
      readonly address: string;
      readonly attempt: number;
      readonly retryInMs: number;
      readonly error: NetworkError;
    }
  /** The leader refuses this node for good; nothing is dialled any more. */
  | { readonly type: 'refused'; readonly error: NetworkError };

interface LeaderLinkParts {
  readonly manager: NetworkManager;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The cluster that is looked for, if one is named. */
  readonly cluster: string | undefined;
  /** What this node offers now. */
  readonly offer: () => Omit<Registration, 'sequence'> & { readonly draining: boolean };
  readonly load: () => Pick<HeartbeatReport, 'busy' | 'loopLagMs'>;
}

interface LinkState {
  readonly connected: boolean;
  /** Since when that is so; milliseconds since the epoch. */
  readonly since: number;
  readonly error: NetworkError | undefined;
  readonly cluster: string | undefined;
}

/** A collaborator's side of its membership: what it has told its leader, and whether it is in. */
export class LeaderLink {
  readonly #parts: LeaderLinkParts;
  readonly #pulse: Pulse;
  readonly #events: Emitter<{ leader: LeaderEvent }>;
  readonly #joined: Deferred<void> = deferred();
  #registrations = 0;
  #state: LinkState;
  #joinedBefore = false;
  /** The leader has what this node registered, on this connection. */
  #isIn = false;
  /** As the last welcome said; a leader that says nothing lets everybody submit. */
  #rights: Asker;

  constructor(parts: LeaderLinkParts) {
    const { manager, clock, random, log, cluster } = parts;
    this.#parts = parts;
    this.#rights = { node: manager.network.self, role: 'collaborator', maySubmit: true };
    this.#state = { connected: false, since: clock.wallNow(), error: undefined, cluster };
    this.#events = new Emitter((error) => log.error({ err: messageOf(error) }, 'a listener failed'));
    this.#pulse = new Pulse({
      manager,
      clock,
      random,
      report: () => ({ ...parts.load(), registration: this.#registrations }),
      answered: (answer) => this.#heard(answer),
    });
    // Nobody may be waiting for it when it fails.
    this.#joined.promise.catch(() => {});
    manager.onHandlersChanged(() => this.register());
    manager.onControl(REGISTER_AGAIN, (_message, peer) => {
      if (peer.role === 'leader') this.register();
    });
    manager.network.onPeer((event) => this.#peerEvent(event));
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Round trip of the last heartbeat; null until one was answered. */
  get rttMs(): number | null {
    return this.#pulse.rttMs;
  }

  /** Resolves when the leader has taken this node in for the first time, handlers included. */
  get joined(): Promise<void> {
    return this.#joined.promise;
  }

  on(type: 'leader', listener: (event: LeaderEvent) => void): Disposable {
    return this.#events.on(type, listener);
  }

  /** Whatever the leader sends is a sign of life. */
  arrived(): void {
    this.#pulse.arrived();
  }

  /**
   * Why this node may not send a message, as far as it knows: the leader would end the connection for it.
   * @returns NetworkError NOT_ALLOWED
   */
  refusal(message: Asked): NetworkError | undefined {
    return ownRefusal(this.#rights, message, this.#parts.manager.network.upstream);
  }

  /** Tells the leader what this node offers now. */
  register(): void {
    if (!this.#state.connected) return;
    this.#registrations += 1;
    const payload = { sequence: this.#registrations, ...this.#parts.offer() };
    this.#parts.manager.sendMessage({ kind: 'control', type: REGISTER, payload });
  }

  /** No more heartbeats. */
  stop(): void {
    this.#pulse.stop();
  }

  /** After the network has stopped. */
  close(): void {
    const { self } = this.#parts.manager.network;
    this.#joined.reject(new NetworkError('STOPPED', `${self} was stopped before it joined`));
    this.#events.clear();
  }

  #peerEvent(event: PeerEvent): void {
    switch (event.type) {
      case 'connected':
        if (event.peer.role === 'leader') this.#welcomed(event.peer);
        return;
      case 'disconnected':
        if (event.peer.role === 'leader') this.#lost(event.peer, event.left, event.error);
        return;
      case 'unreachable':
        this.#state = { ...this.#state, error: event.error };
        this.#events.emit('leader', event);
        return;
      case 'refused':
        this.#state = { ...this.#state, error: event.error };
        this.#joined.reject(event.error);
        this.#events.emit('leader', { type: 'refused', error: event.error });
        return;
      case 'undelivered':
      case 'interrupted':
      case 'congested':
      case 'drained':
        return;
    }
  }

  #welcomed(peer: Peer): void {
    const { cluster: said, maySubmit } = peer.greeting;
    const cluster = typeof said === 'string' ? said : this.#parts.cluster;
    this.#state = { connected: true, since: this.#parts.clock.wallNow(), error: undefined, cluster };
    this.#rights = { ...this.#rights, maySubmit: maySubmit !== false };
    this.register();
    // The first heartbeat follows the registration, and its answer says whether that has arrived.
    this.#pulse.start(peer);
  }

  #heard({ registered }: HeartbeatAnswer): void {
    const leader = this.#parts.manager.network.upstream;
    if (leader === undefined || this.#isIn || registered !== this.#registrations) return;
    this.#isIn = true;
    const again = this.#joinedBefore;
    this.#joinedBefore = true;
    this.#joined.resolve();
    this.#events.emit('leader', { type: 'joined', leader, cluster: this.#state.cluster, again });
  }

  #lost(peer: Peer, left: boolean, error: NetworkError): void {
    this.#isIn = false;
    this.#pulse.stop();
    this.#state = { ...this.#state, connected: false, since: this.#parts.clock.wallNow(), error };
    this.#events.emit('leader', { type: 'lost', leader: peer.node, left, error });
  }
}
