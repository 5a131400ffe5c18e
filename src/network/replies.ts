import { messageOf, NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import { jsonCodec } from '../message/json-codec.js';
import type { NetworkMessage } from '../message/message.js';
import type { Stamp } from '../message/stamp.js';
import { type Answer, sendAnswer } from './answer.js';
import type { Network } from './network.js';
import type { IncomingBodies } from './streams/incoming-bodies.js';

/** A message, and through whom it came. */
export interface Arrival {
  readonly message: NetworkMessage;
  readonly via: NodeId;
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

  /** There is none: a repeat is not handled again all the same. */
  none({ message, via }: Arrival): void {
    if (message.body) this.#parts.bodies.past.add(via, message.id, { repeat: () => {}, isFinal: true });
  }

  /** What a handler returned. */
  value(arrival: Arrival, value: unknown): void {
    const { type } = arrival.message;
    try {
      this.answer(arrival, { kind: 'response', payload: value });
    } catch (error) {
      const text = `'${type}' returned what cannot be sent: ${messageOf(error)}`;
      this.error(arrival, new NetworkError('HANDLER_FAILED', text));
    }
  }

  /** How a handler failed; of an event only whoever sends a body with it wants to know. */
  error(arrival: Arrival, error: NetworkError): void {
    if (arrival.message.kind === 'request') this.answer(arrival, { kind: 'error', payload: error.toWire() });
    else this.refuse(arrival, error);
  }

  /** Why there is no handler for it at the moment: it may be tried again. */
  refuse({ message, via }: Arrival, error: NetworkError): void {
    if (message.kind === 'request') this.#send(message, { kind: 'error', payload: error.toWire() });
    else if (message.body) this.#parts.bodies.refuse(message, via, error);
  }

  /** @throws NetworkError SERIALIZATION */
  answer({ message, via }: Arrival, answer: Answer): void {
    this.#send(message, answer);
    if (message.body) this.#remember(message, via, answer);
  }

  #send(message: NetworkMessage, answer: Answer): void {
    if (!sendAnswer(this.#parts, message, answer)) this.unsent += 1;
  }

  #remember(message: NetworkMessage, via: NodeId, answer: Answer): void {
    // Of what was asked nothing is kept but whom to answer: a payload may be as large as a frame.
    const { payload: _payload, ...asked } = message;
    const kept = isSmall(asked, answer) ? answer : undefined;
    this.#parts.bodies.past.add(via, message.id, {
      isFinal: answer.kind === 'response',
      repeat: () => {
        // Of a body that was not heard of before the answer nobody believes that it was noticed.
        this.#parts.bodies.refuse(asked, via, new NetworkError('CANCELLED', `'${asked.type}' was answered before`));
        if (kept) sendAnswer(this.#parts, asked, kept);
        else sendAnswer(this.#parts, asked, { kind: 'error', payload: tooLargeToKeep(asked).toWire() });
      },
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
