import type { NetworkMessage } from '../message/message.js';
import type { Peer } from './network.js';
import type { ByteStream } from './streams/byte-stream.js';

/**
 * What a program does about the messages that come to it, where there are no roles and no handlers by name.
 *
 * For a request: a value is the answer (null too), undefined is none - the caller waits until its time is over -
 * and what is thrown is answered as an error. For an event whatever it returns is dropped, and what it throws is logged.
 * Promises are waited for; a value that is none is answered in the same turn.
 */
export interface MessageHandler {
  handle(message: NetworkMessage, context: MessageContext): unknown;
}

/** What a MessageHandler is told beside the message. */
export interface MessageContext {
  /** The peer that handed the message to us. */
  readonly peer: Peer;
  /** The payload, decoded. @throws NetworkError DESERIALIZATION if its bytes are no value */
  readonly payload: unknown;
  /** The byte stream that came with the message, if one did. */
  readonly body: ByteStream | undefined;
  /** Fires when the caller gave up, its time is over, its connection ended, or this node is being stopped. */
  readonly signal: AbortSignal;
  /** How long the caller will still wait, in milliseconds from now; undefined if it did not say. */
  readonly remainingMs: number | undefined;
}
