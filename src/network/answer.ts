import { type ErrorCode, isNetworkError, messageOf, NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { MessageDraft, NetworkMessage } from '../message/message.js';
import type { Stamp } from '../message/stamp.js';
import type { Network } from './network.js';

export interface Answer {
  readonly kind: 'response' | 'error';
  readonly payload: unknown;
  /** Whose answer it is. @default this node */
  readonly from?: NodeId | undefined;
}

interface Sender {
  readonly network: Network;
  readonly stamp: Stamp;
}

/**
 * Sends the answer to a request; instead of one that does not fit into a frame, an error that says so.
 * @returns whether the answer itself was queued
 * @throws NetworkError SERIALIZATION
 */
export function sendAnswer({ network, stamp }: Sender, request: NetworkMessage, answer: Answer): boolean {
  const draft: MessageDraft = {
    kind: answer.kind,
    type: request.type,
    from: answer.from,
    to: request.from,
    re: request.id,
    priority: request.priority,
    component: request.component,
    payload: answer.payload,
  };
  const outcome = network.send(stamp.make(draft));
  if (outcome === 'TOO_LARGE') {
    // Not TOO_LARGE: the handler has run, and what it was asked is not what is wrong.
    const text = `'${request.type}' returned what cannot be sent: it is larger than ${request.from} accepts in one frame`;
    const error = new NetworkError('HANDLER_FAILED', text);
    network.send(stamp.make({ ...draft, kind: 'error', payload: error.toWire() }));
  }
  return outcome === 'queued';
}

/** What a handler's own throw may say to the caller beside HANDLER_FAILED: nothing about calls of its own. */
const PASSED_ON: ReadonlySet<ErrorCode> = new Set([
  'HANDLER_FAILED',
  'HANDLER_RETRY',
  'INVALID_MESSAGE',
  'INVALID_PAYLOAD',
  'IO',
  'NOT_ALLOWED',
  'NOT_LEADER',
  'NO_HANDLER',
  'NO_TARGET',
  'OVERLOADED',
]);

/**
 * What the caller is told of a failure.
 * @param also one more code that is passed on as it is
 */
export function handlerError(thrown: unknown, also?: ErrorCode): NetworkError {
  if (isNetworkError(thrown) && (PASSED_ON.has(thrown.code) || thrown.code === also)) return thrown;
  return new NetworkError('HANDLER_FAILED', messageOf(thrown), { cause: thrown });
}
