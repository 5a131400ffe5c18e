import { messageOf, NetworkError } from '../base/errors.js';
import { jsonCodec } from '../message/json-codec.js';
import type { NetworkMessage } from '../message/message.js';
import type { Stamp } from '../message/stamp.js';
import { type Answer, sendAnswer } from './answer.js';
import type { Network, Peer } from './network.js';
import type { IncomingBodies } from './streams/incoming-bodies.js';

/** A message, and through whom it came. */
export interface Arrival {
  readonly message: NetworkMessage;
  readonly peer: Peer;
}

interface RepliesParts {
  readonly network: Network;
  readonly stamp: Stamp;
  readonly bodies: IncomingBodies;
}

/** Answers of up to this many bytes are kept for a caller whose body was sent and who lost its connection. */
const MAX_KEPT_BYTES = 16 * 1024;

/** What is said to those who sent us something. */
export class Replies {
  readonly #parts: RepliesParts;
  /** Answers that could not be queued: the caller was gone or did not read. */
  unsent = 0;

  constructor(parts: RepliesParts) {
    this.#parts = parts;
  }

  /** What a handler returned, which may be nothing. */
  value(arrival: Arrival, value: unknown): void {
    const { type } = arrival.message;
    try {
      this.#say(arrival, { kind: 'response', payload: value });
    } catch (error) {
      this.error(
        arrival,
        new NetworkError('HANDLER_FAILED', `'${type}' returned what cannot be sent: ${messageOf(error)}`),
      );
    }
  }

  /** Of an event only whoever sends a body with it wants to know. */
  error(arrival: Arrival, error: NetworkError): void {
    const { message, peer } = arrival;
    if (message.kind === 'request') this.#say(arrival, { kind: 'error', payload: error.toWire() });
    else if (message.body) this.#parts.bodies.refuse(message, peer.node, error);
  }

  /** @throws NetworkError SERIALIZATION */
  #say({ message, peer }: Arrival, answer: Answer): void {
    // Nothing is no answer.
    if (answer.payload !== undefined && !sendAnswer(this.#parts, message, answer)) this.unsent += 1;
    if (message.body) this.#remember(message, peer, answer);
  }

  #remember(message: NetworkMessage, { node }: Peer, answer: Answer): void {
    const { bodies } = this.#parts;
    // Of what was asked nothing is kept but whom to answer: a payload may be as large as a frame.
    const { payload: _payload, ...asked } = message;
    const kept = isSmall(asked, answer) ? answer : undefined;
    bodies.past.add(node, message.id, () => {
      if (kept) sendAnswer(this.#parts, asked, kept);
      else sendAnswer(this.#parts, asked, { kind: 'error', payload: tooLargeToKeep(asked).toWire() });
    });
  }
}

function isSmall(message: NetworkMessage, { payload }: Answer): boolean {
  return jsonCodec.encode({ ...message, payload }).bytes <= MAX_KEPT_BYTES;
}

const tooLargeToKeep = ({ type }: NetworkMessage): NetworkError =>
  new NetworkError(
    'CLOSED',
    `'${type}' was carried out, but its answer was too large to be kept when it did not arrive`,
  );
