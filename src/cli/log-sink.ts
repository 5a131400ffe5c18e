import type { Clock, Timer } from '../base/clock.js';
import { deferred } from '../base/deferred.js';

/** Writes some or all of the bytes, and says how many; `fs.write` with a file descriptor. */
export type WriteSome = (
  bytes: Uint8Array,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

/** Text that waits for a reader; what comes beyond is dropped and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** A pipe that is full is tried again after so long. */
const AGAIN_MS = 100;
/** How long the last lines may take at the end. */
const FLUSH_MS = 1000;

const FULL: ReadonlySet<string | undefined> = new Set(['EAGAIN', 'EBUSY']);

/** Lines on their way to a file descriptor: asynchronous and bounded, so that a reader who stalls, stalls nobody else. */
export class LogSink {
  readonly #clock: Clock;
  readonly #writeSome: WriteSome;
  readonly #closing = deferred();
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #busy = false;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #again: Timer | undefined;
  /** Lines for which there was no room. */
  dropped = 0;

  constructor(clock: Clock, writeSome: WriteSome) {
    this.#clock = clock;
    this.#writeSome = writeSome;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#state === 'closed' || this.#bytes + bytes.length > MAX_WAITING_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#busy) this.#next();
  }

  /** Writes what waits, for at most a second; later lines are dropped. */
  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    if (!this.#busy) this.#end();
    const timer = this.#clock.setTimer(FLUSH_MS, () => this.#end());
    await this.#closing.promise;
    timer.cancel();
  }

  #next(): void {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#busy = true;
    this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    this.#writeSome(bytes, (error, written) => {
      if (this.#state === 'closed') return;
      if (error && !FULL.has(error.code)) {
        // Without a reader there is nobody left to tell.
        this.#end();
        return;
      }
      const rest = error ? bytes : bytes.subarray(written);
      this.#bytes -= bytes.length - rest.length;
      if (rest.length === 0) this.#written();
      else if (rest.length < bytes.length) this.#write(rest);
      else this.#again = this.#clock.setTimer(AGAIN_MS, () => this.#write(rest));
    });
  }

  #written(): void {
    this.#busy = false;
    if (this.#waiting.length > 0) this.#next();
    else if (this.#state === 'closing') this.#end();
  }

  #end(): void {
    this.#state = 'closed';
    this.#again?.cancel();
    this.#waiting = [];
    this.#closing.resolve();
  }
}
