import type { NetworkError } from '../../base/errors.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer } from '../network.js';
import type { Card } from './card.js';

/** What those who send on a line tell it. */
export interface LineHost {
  /** What the node has answered was handed on. */
  learn(card: Card): void;
  arrived(message: NetworkMessage, peer: Peer): void;
  /** A POST has failed at the connection. */
  broke(error: NetworkError): void;
  /** A POST has ended. */
  progressed(): void;
}
