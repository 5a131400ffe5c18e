import type { NodeId } from '../base/names.js';
import type { RawPayload } from './raw-payload.js';

export const PROTOCOL_VERSION = 1;

export type MessageKind = 'event' | 'request' | 'response' | 'error' | 'heartbeat' | 'control';
export const MESSAGE_KINDS: readonly MessageKind[] = ['event', 'request', 'response', 'error', 'heartbeat', 'control'];

/** Weights 8:4:2:1 in the outbound scheduler; `normal` when absent. */
export type Priority = 'critical' | 'high' | 'normal' | 'low';
export const PRIORITIES: readonly Priority[] = ['critical', 'high', 'normal', 'low'];

/** That a byte stream goes with a message, of which the envelope only tells; its bytes come by `body-chunk`. */
export interface BodyAnnouncement {
  /** How many bytes it will have, if the sender knows. */
  readonly size?: number | undefined;
  /** The sender can read it again, from any byte on: after a loss of the connection it goes on where it was. */
  readonly resumable?: boolean | undefined;
  /** The how many-th repeat this is of a message whose body is under way; absent the first time. */
  readonly attempt?: number | undefined;
}

/**
 * The timestamped envelope that travels: the same fields in every codec, `payload` last,
 * so that a relay can splice it unparsed. docs/protocol.md has the rules of each field.
 */
export interface NetworkMessage {
  readonly v: typeof PROTOCOL_VERSION;
  /** Unique, and ordered per sender: random epoch of the sender's start, then a counter. */
  readonly id: string;
  readonly kind: MessageKind;
  /** Handler name, or the control verb. */
  readonly type: string;
  readonly from: NodeId;
  /** A node, `*` (everyone), `?` (the leader picks one), absent (the leader). */
  readonly to?: NodeId | undefined;
  /** When the sender made it: milliseconds since the epoch, on the sender's clock. */
  readonly ts: number;
  /** The id of the request that this answers, or of the message that this is about. */
  readonly re?: string | undefined;
  /** How many milliseconds the sender will still wait; relative, so that clock skew does no harm. */
  readonly ttl?: number | undefined;
  readonly priority?: Priority | undefined;
  /** Traffic class. */
  readonly component?: string | undefined;
  /** Of a request or an event: a byte stream goes with it. */
  readonly body?: BodyAnnouncement | undefined;
  /** Any JSON value, or bytes (Uint8Array) anywhere in it. A relay sees a RawPayload: use `payloadOf`. */
  readonly payload?: unknown;
}

/** What a caller says of a message; the sender fills in the rest. */
export interface MessageDraft {
  /** For a message that is sent again, so that a receiver can tell. @default a new one */
  readonly id?: string;
  readonly kind: MessageKind;
  readonly type: string;
  readonly from?: NodeId | undefined;
  readonly to?: NodeId | undefined;
  readonly re?: string | undefined;
  readonly ttl?: number | undefined;
  readonly priority?: Priority | undefined;
  readonly component?: string | undefined;
  readonly body?: BodyAnnouncement | undefined;
  readonly payload?: unknown | RawPayload;
}
