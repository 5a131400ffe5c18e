/** Larger ones are not kept. */
const MAX_KEPT_BYTES = 1024 * 1024;

/**
 * The memory in which frames that came in pieces are put together, one after the other. Memory of their own for each
 * would have to be collected: 20 MB of frames a second mean a few milliseconds of garbage collection, three times a
 * second, for everybody who waits.
 */
export class SpareBuffer {
  #spare: Buffer | undefined;

  /** @returns at least so many bytes, at the beginning of their ArrayBuffer; what is in them is left from before */
  take(bytes: number): Buffer {
    const spare = this.#spare;
    if (spare === undefined || spare.length < bytes) return Buffer.allocUnsafeSlow(bytes);
    this.#spare = undefined;
    return spare;
  }

  /** What was taken is in nobody's use any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length <= MAX_KEPT_BYTES && buffer.length > (this.#spare?.length ?? 0)) this.#spare = buffer;
  }
}
