import type { Clock, Timer } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import { shownValue } from '../../message/guard.js';
import type { Reading } from './body.js';

/** Pieces below this are gathered, as far as they are there at once. */
const SMALL_BYTES = 32 * 1024;
/** What is gathered of them. */
const GATHERED_BYTES = 64 * 1024;

type Next = Promise<IteratorResult<Uint8Array>>;

/**
 * Makes chunks of the pieces of a source: large pieces are cut, without a copy; small ones are put together as long as
 * the next one is there before the event loop comes round, so that nothing waits for a slow source.
 */
export class ChunkReader {
  readonly #reading: Reading;
  readonly #clock: Clock;
  /** What is left of a piece that was cut. */
  #rest: Uint8Array | undefined;
  /** Asked for while small pieces were gathered, and not there yet. */
  #ahead: Next | undefined;
  #closed = false;

  constructor(reading: Reading, clock: Clock) {
    this.#reading = reading;
    this.#clock = clock;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The next 1 to `maxBytes` bytes; undefined at the end.
   * @throws what the source throws; NetworkError INVALID_OPTION if it yields anything but bytes
   */
  async next(maxBytes: number): Promise<Uint8Array | undefined> {
    const piece = this.#rest ?? (await this.#piece());
    this.#rest = undefined;
    if (piece === undefined) return undefined;
    if (piece.length > maxBytes) return this.#cut(piece, maxBytes);
    return piece.length < SMALL_BYTES ? this.#gather(piece, Math.min(maxBytes, GATHERED_BYTES)) : piece;
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest = undefined;
    this.#ahead?.catch(() => {});
    this.#reading.close();
  }

  #cut(piece: Uint8Array, maxBytes: number): Uint8Array {
    this.#rest = piece.subarray(maxBytes);
    return piece.subarray(0, maxBytes);
  }

  /** Empty ones are passed over. */
  async #piece(): Promise<Uint8Array | undefined> {
    for (;;) {
      const next = this.#ahead ?? this.#reading.next();
      this.#ahead = undefined;
      const piece = bytesOf(await next);
      if (piece === undefined || piece.length > 0) return piece;
    }
  }

  async #gather(first: Uint8Array, maxBytes: number): Promise<Uint8Array> {
    let gathered: Buffer | undefined;
    let size = first.length;
    const late = new Late(this.#clock);
    while (size < maxBytes) {
      this.#ahead ??= this.#reading.next();
      const next = await late.orSooner(this.#ahead);
      if (next === undefined) break;
      const piece = bytesOf(next);
      // The end is found again by whoever asks next.
      if (piece === undefined) break;
      this.#ahead = undefined;
      if (piece.length >= SMALL_BYTES) {
        this.#rest = piece;
        break;
      }
      gathered ??= begun(first, maxBytes);
      const fits = Math.min(piece.length, maxBytes - size);
      gathered.set(fits === piece.length ? piece : piece.subarray(0, fits), size);
      size += fits;
      if (fits < piece.length) this.#rest = piece.subarray(fits);
    }
    late.cancel();
    return gathered?.subarray(0, size) ?? first;
  }
}

/** The moment when the event loop comes round. */
class Late {
  readonly #timer: Timer;
  #isLate = false;
  #waiting: ((nothing: undefined) => void) | undefined;

  constructor(clock: Clock) {
    this.#timer = clock.defer(() => {
      this.#isLate = true;
      this.#waiting?.(undefined);
    });
  }

  /** What the promise gives; undefined if that takes longer. */
  orSooner<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      promise.then(resolve, reject);
      if (this.#isLate) resolve(undefined);
    });
  }

  cancel(): void {
    this.#timer.cancel();
  }
}

function begun(first: Uint8Array, bytes: number): Buffer {
  const gathered = Buffer.allocUnsafe(bytes);
  gathered.set(first);
  return gathered;
}

function bytesOf(result: IteratorResult<Uint8Array>): Uint8Array | undefined {
  if (result.done) return undefined;
  if (result.value instanceof Uint8Array) return result.value;
  throw new NetworkError('INVALID_OPTION', `body: a piece of it, ${shownValue(result.value)}, is not bytes`);
}
