const NEWLINE = 10;

/**
 * Cuts a stream of bytes into lines and never holds more than one line of `maxBytes`. A longer one is handed over
 * as soon as it is too long, marked `cut`; its rest is skipped up to the next newline.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (line: Buffer, cut: boolean) => void;
  #parts: Buffer[] = [];
  #held = 0;
  #skipping = false;

  constructor(maxBytes: number, onLine: (line: Buffer, cut: boolean) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#hold(chunk.subarray(start, end));
      if (this.#skipping) this.#skipping = false;
      else this.#deliver(false);
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
  }

  /** The stream is over: what is left is a line too, if there is anything. */
  end(): void {
    if (this.#held > 0) this.#deliver(false);
  }

  #hold(part: Buffer): void {
    if (this.#skipping || part.length === 0) return;
    const room = this.#maxBytes - this.#held;
    this.#parts.push(part.length > room ? part.subarray(0, room) : part);
    this.#held += part.length;
    if (part.length <= room) return;
    this.#skipping = true;
    this.#deliver(true);
  }

  #deliver(cut: boolean): void {
    const line = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    this.#onLine(line, cut);
  }
}
