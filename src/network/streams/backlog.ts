import { Ring } from '../../base/ring.js';

/** Below this a piece is copied to others: each by itself would cost more than its bytes. */
const SMALL_BYTES = 8 * 1024;
const GATHERED_BYTES = 32 * 1024;

/** Bytes that have arrived in order and were not taken yet, in pieces; their number is in proportion to their bytes. */
export class Backlog {
  readonly #pieces = new Ring<Uint8Array>();
  /** Behind all of them: small ones, put together. */
  #gathered: Uint8Array | undefined;
  #gatheredBytes = 0;

  get empty(): boolean {
    return this.#pieces.length === 0 && this.#gathered === undefined;
  }

  push(piece: Uint8Array): void {
    if (piece.length >= SMALL_BYTES) {
      this.#flush();
      this.#pieces.push(piece);
      return;
    }
    if (this.#gatheredBytes + piece.length > GATHERED_BYTES) this.#flush();
    this.#gathered ??= new Uint8Array(GATHERED_BYTES);
    this.#gathered.set(piece, this.#gatheredBytes);
    this.#gatheredBytes += piece.length;
  }

  shift(): Uint8Array | undefined {
    if (this.#pieces.length === 0) this.#flush();
    return this.#pieces.shift();
  }

  clear(): void {
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    while (this.#pieces.shift());
  }

  #flush(): void {
    if (this.#gathered === undefined) return;
    this.#pieces.push(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
  }
}
