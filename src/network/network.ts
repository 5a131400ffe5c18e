import type { NetworkError } from '../base/errors.js';
import type { NodeId, Role } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { NetworkMetrics } from './metrics.js';

/**
 * A transport: moves messages between nodes. Everything above the transports is written against this
 * contract and runs unchanged on `InMemoryNetwork` with virtual time.
 *
 * Guarantees of every implementation:
 * - `send` is one way, FIFO per peer, best effort: a message may be lost with its connection, and only so.
 *   (The chaos network may also lose, repeat and reorder: that is what it is for.)
 * - Before `connected` nothing of a peer is delivered; after `disconnected` nothing is, until it connects again.
 * - The handlers are called in the order of arrival, never inside a call of `send`.
 * - After `stop` resolved no socket, timer or listener is left, and nothing is called any more.
 */
export interface Network {
  readonly self: NodeId;
  /**
   * Listens and dials as configured; resolves once every listener is bound (dialling goes on behind). May be called once;
   * the signal is for the start alone.
   * @throws NetworkError STOPPED if it was started or stopped before, CANCELLED if the signal has fired or it was stopped
   *   meanwhile, ADDRESS_IN_USE
   */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Queues the message for the peer named by `to`; for a node that dials, everything that is not for a peer of its
   * own goes to the node that it dialled. Never throws for reasons of the network; never a promise per message.
   * @throws NetworkError SERIALIZATION if the payload cannot be written
   */
  send(message: NetworkMessage): SendOutcome;
  /**
   * The same message to many peers, serialised once; to these alone, and not by way of the node that was dialled. Outcomes
   * in the order of `peers`.
   */
  sendMany(message: NetworkMessage, peers: readonly NodeId[]): readonly SendOutcome[];
  /** What arrives. One handler; set it before `start`. */
  onMessage(handler: MessageSink): void;
  /** Peers that come, go, and fall behind. */
  onPeer(listener: (event: PeerEvent) => void): Disposable;
  /** The node that this one dialled, while connected. */
  readonly upstream: NodeId | undefined;
  /** Those connected now. */
  readonly peers: ReadonlyMap<NodeId, Peer>;
  /** What was refused, dropped or cut off since the start, by reason: one for each bound. */
  readonly counters: Readonly<Record<string, number>>;
  /** What it has done since the start, and how it is now. */
  metrics(): NetworkMetrics;
  /**
   * Ends the connection to a peer at once. If this node dialled it, it is dialled again (the way out of a
   * connection that fell silent).
   */
  disconnect(peer: NodeId, reason: NetworkError): void;
  /** Says goodbye, drains what is queued for at most `graceMs` (default 1,000), closes. Idempotent. */
  stop(options?: StopOptions): Promise<void>;
}

export interface StopOptions {
  /** How long to wait for work and queues to drain, in milliseconds. @default 1000 */
  readonly graceMs?: number;
}

/** `from` is the connection's authenticated node unless that peer is the leader, which relays for others. */
export type MessageSink = (message: NetworkMessage, peer: Peer) => void;

/** A connected, authenticated peer. */
export interface Peer {
  readonly node: NodeId;
  readonly role: Role;
  /** Whether it may ask for work of others, as its `Authenticator` found; true for a node that we dialled. */
  readonly maySubmit: boolean;
  /** Random at each start of the peer's process: tells a restart from a reconnect. */
  readonly instance: string;
  /** The peer's netmgr version. */
  readonly version: string;
  /** Where it is, for people: `192.0.2.11:50122`, `unix`, `memory`. */
  readonly address: string;
  /** Which listener it came through: its name; `dial` for the node that we dialled. */
  readonly listener: string;
  /** What crossed this connection. */
  readonly traffic: Readonly<Traffic>;
  /** What the peer's side of the handshake said beside that: `hello` extras for a listener, `welcome` extras for a dialler. */
  readonly greeting: Readonly<Record<string, unknown>>;
}

export interface Traffic {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Messages that were refused, unreadable or not sent. */
  errors: number;
}

/** `queued` means handed to the connection's scheduler, no more. */
export type SendOutcome =
  | 'queued'
  | 'UNREACHABLE'
  /** Of networks that dial their peers by an address book: it has no entry for this one. */
  | 'NO_ADDRESS'
  | 'BACKPRESSURE'
  | 'TOO_LARGE'
  | 'STOPPED'
  /** Of the chaos network alone, where it was told to say so. */
  | 'PARTITIONED'
  | 'NODE_FAILED';

export type PeerEvent =
  | { readonly type: 'connected'; readonly peer: Peer }
  /** `left`: it said goodbye, or this node did as nothing was under way. Otherwise the connection ended without one. */
  | { readonly type: 'disconnected'; readonly peer: Peer; readonly left: boolean; readonly error: NetworkError }
  /** A dial failed; the next follows in `retryInMs`. */
  | {
      readonly type: 'unreachable';
      readonly address: string;
      /** Who was dialled, where that is known before it answers. */
      readonly node?: NodeId | undefined;
      readonly error: NetworkError;
      readonly attempt: number;
      readonly retryInMs: number;
    }
  /**
   * A request, or an event with a body, that was queued will not be answered: the one connection or exchange that it was for has failed.
   * Of networks that dial on demand, where no connection that could end stands for the request yet.
   */
  | { readonly type: 'undelivered'; readonly node: NodeId; readonly id: string; readonly error: NetworkError }
  /**
   * One of several connections to the peer has ended, the one that was written to: what was under way on it may be lost.
   * Of networks in which two nodes may dial each other at once.
   */
  | { readonly type: 'interrupted'; readonly peer: Peer; readonly error: NetworkError }
  /** The dialled node refused us for good (name in use, other cluster, not allowed): dialling has ended. */
  | { readonly type: 'refused'; readonly address: string; readonly error: NetworkError }
  /** Stop producing for this peer until `drained`. May be told inside the `send` that was too much. */
  | { readonly type: 'congested'; readonly peer: Peer }
  | { readonly type: 'drained'; readonly peer: Peer };

/**
 * What a listening node is asked when a peer has authenticated and said hello, before `connected`.
 * Returning an error refuses the peer, which is told code and message.
 */
export type Admission = (candidate: Candidate) => NetworkError | AdmissionGranted;

export interface AdmissionGranted {
  /** Extra fields of the welcome. */
  readonly welcome?: Readonly<Record<string, unknown>>;
}

export interface Candidate {
  readonly node: NodeId;
  readonly role: Role;
  /** Whether it may ask for work of others: for the admission to tell it in its welcome. */
  readonly maySubmit: boolean;
  readonly instance: string;
  readonly version: string;
  readonly address: string;
  readonly listener: string;
  readonly greeting: Readonly<Record<string, unknown>>;
  /** The peer that has this name now, if any; it is replaced when the candidate is admitted. */
  readonly present: Peer | undefined;
}
