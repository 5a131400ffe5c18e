/** What has arrived is acknowledged when it is this much, or an eighth of a smaller window. */
const ACK_BYTES = 128 * 1024;
const NOTHING_DUE = -1;

/** How much has arrived over one connection, and how much of it the peer was told. Counts; others write. */
export class Acknowledgements {
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #dueSince = NOTHING_DUE;

  /** Bytes of frames since the connection began. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Something has arrived that the peer was not told. */
  get due(): boolean {
    return this.#dueSince !== NOTHING_DUE;
  }

  count(bytes: number, now: number): void {
    this.#receivedBytes += bytes;
    if (this.#dueSince === NOTHING_DUE) this.#dueSince = now;
  }

  /** So much is due that the peer should be told at once. */
  enough(windowBytes: number): boolean {
    return this.#receivedBytes - this.#acknowledgedBytes >= Math.min(ACK_BYTES, windowBytes / 8);
  }

  /** Something has been due for `delayMs`, however little. */
  overdue(now: number, delayMs: number): boolean {
    return this.due && now - this.#dueSince >= delayMs;
  }

  /** The peer was told of everything that has arrived. */
  written(): void {
    this.#acknowledgedBytes = this.#receivedBytes;
    this.#dueSince = NOTHING_DUE;
  }
}
