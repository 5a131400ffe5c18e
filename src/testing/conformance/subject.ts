import type { NodeId } from '../../base/names.js';
import type { VirtualClock } from '../../base/virtual-clock.js';
import type { Network } from '../../network/network.js';
import type { NetworkWiring } from '../../network/wiring.js';

/**
 * What not every transport can do, or suffer. A subject that lacks one says why, and the checks that need it carry the
 * reason in their names.
 *
 * - `silence`: nothing passes to or from a node any more, and nobody is told.
 * - `kill`: a node ends without a word: its connections are gone, and nobody listens at its address.
 * - `vanish`: a node ends, and not even the end of its connections is heard of: its host has lost its power.
 * - `halfClose`: one direction of a connection ends while the other stays open.
 * - `loss`: single messages are lost, repeated and overtaken while their connection stays.
 * - `connections`: a connection stands between two peers, whose end is told at once; they are not found out by the next
 *   exchange alone.
 * - `admission`: a listener asks `NetworkWiring.admit` about each newcomer.
 * - `greetings`: with it the two sides exchange greetings.
 */
export type Ability = 'silence' | 'kill' | 'vanish' | 'halfClose' | 'loss' | 'connections' | 'admission' | 'greetings';

/** A transport, as the conformance suite sees it. */
export interface Subject {
  /** For people: `tcp`, `websocket, msgpack`. */
  readonly name: string;
  /**
   * `star`: a node that knows nobody listens; one that knows another dials it at its start, and again whenever it is lost.
   * `mesh`: every node listens, and dials those that it knows when there is something to send.
   */
  readonly shape: 'star' | 'mesh';
  /** The largest message that a node takes, in encoded bytes, to within a kibibyte. */
  readonly maxMessageBytes: number;
  /** What the transport cannot do or suffer by its nature, each with the reason. @default nothing */
  readonly lacks?: Readonly<Partial<Record<Ability, string>>> | undefined;
  /** A ground for one check. Nothing of another check may be on it. */
  open(): Ground | Promise<Ground>;
}

/** Where the nodes of one check stand. A method that belongs to an ability is needed unless the subject lacks that. */
export interface Ground {
  /** Virtual time, if the nodes run on it. @default the machine's time */
  readonly clock?: VirtualClock | undefined;
  /**
   * Makes the network of one node, not started, with the given clock, chance and stamp. One that is made under a name
   * again listens at the same address as the one before.
   */
  network(wiring: NetworkWiring, place: Place): Network | Promise<Network>;
  /** Nothing passes to or from the node any more, and nobody is told. */
  silence?(node: NodeId): void;
  /** Everything passes again; what waited in between may arrive. */
  heal?(node: NodeId): void;
  /**
   * The node ends without a word: no goodbye, no connection, no listener. Resolves when nothing of it is left, and a new
   * one may be made under its name.
   */
  kill?(node: NodeId): void | Promise<void>;
  /**
   * The node ends, and nobody is told, not even by the end of its connections, which stay silent for good. Resolves when a
   * new one may be made under its name, which can be reached and reach others.
   */
  vanish?(node: NodeId): void | Promise<void>;
  /** What the node sends to the peer ends, as a stream does; what it receives goes on. */
  halfClose?(node: NodeId, peer: NodeId): void;
  /** From now on some messages of every connection are lost, some arrive twice, and some overtake others. */
  disturb?(): void;
  /** Closes what the ground itself has opened. The nodes have been stopped, or killed. */
  close(): void | Promise<void>;
}

/** What one node is told of the others. */
export interface Place {
  /**
   * Whose addresses it knows. In a star at most one: the node that it dials. The name `nobody` stands for an address where
   * nobody ever listens.
   */
  readonly knows: readonly NodeId[];
}

/** An address where nobody listens. */
export const NOBODY = 'nobody';
