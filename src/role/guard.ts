import type { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { Network, Peer } from '../network/network.js';
import { type Asked, type Asker, refusalOf } from '../security/authorisation.js';
import type { Audit } from './audit.js';

interface GuardParts {
  readonly self: NodeId;
  readonly network: () => Network;
  readonly audit: Audit;
}

/** Stands before everything that a peer may ask of this node: the table says who may, and whoever may not is told of. */
export class Guard {
  readonly #parts: GuardParts;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** @returns why the peer may not send this, if it may not: its connection has to end */
  check(message: NetworkMessage, peer: Peer): NetworkError | undefined {
    const { self, network, audit } = this.#parts;
    // It was dialled, not let in, and relays for those whom it has looked at itself.
    if (peer.role === 'leader' && peer.node === network().upstream) return undefined;
    const error = refusalOf(peer, message, self);
    if (error === undefined) return undefined;
    const { node, role, address } = peer;
    audit.refused({ reason: 'not-permitted', node, role, address, action: `${message.kind} ${message.type}`, error });
    return error;
  }
}

/**
 * Why a node may not send a message to the leader, as far as it knows its own rights: so that it need not be told, and
 * lose its connection for it.
 */
export function ownRefusal(rights: Asker, message: Asked, leader: NodeId | undefined): NetworkError | undefined {
  // What is no text is refused by whoever checks the fields.
  return typeof message.type === 'string' ? refusalOf(rights, message, leader) : undefined;
}
