/** What has arrived of a body, when all of it has. */
export interface WholeBody {
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/**
 * The body of a request or an event, as its handler sees it. Its bytes can be iterated once; the iteration ends when
 * all of them were there and their length and SHA-256 were right, and throws otherwise:
 *
 * - CANCELLED: the sender gave up, or its source failed; or `cancel` was called, or the iteration was left early.
 * - CLOSED, TIMEOUT: the connection was lost or nothing came, and the sender was not back in time.
 * - INVALID_MESSAGE, DESERIALIZATION: what arrived was not what may arrive: a wrong CRC, length or SHA-256.
 *
 * Bytes that are not iterated are not sent, beyond a window; when the handler has ended, the rest is cancelled.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** Of the whole, in bytes, if the sender knows. The end may be sooner only with an error, and is never later. */
  readonly size: number | undefined;
  /** Bytes that have arrived without a gap. */
  readonly receivedBytes: number;
  /** Bytes that were iterated. */
  readonly takenBytes: number;
  /** Resolves when the last byte was iterated and all was right; rejects with what the iteration throws. */
  readonly finished: Promise<WholeBody>;
  /** The rest is not wanted: the sender's source is closed. Nothing, once all bytes have been taken. */
  cancel(reason?: string): void;
}
