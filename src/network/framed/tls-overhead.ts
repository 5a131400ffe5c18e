import type { Arrival } from './arrival.js';

/** A record takes 22 bytes beside what it carries; frames have far more than twice as many. */
const CARRIED_FOR_EACH = 2;
/** Beside that, between two looks. */
const FREE_BYTES = 16 * 1024;

/**
 * Watches what TLS takes of a connection without carrying anything: KeyUpdate messages above all, of which 27 bytes
 * keep OpenSSL busy for longer than a message of 100, and which it takes without a bound (RFC 8446, 4.6.3).
 */
export class TlsOverhead {
  readonly #arrival: Pick<Arrival, 'tcp' | 'stream'>;
  #raw: number;
  #carried: number;

  constructor(arrival: Pick<Arrival, 'tcp' | 'stream'>) {
    this.#arrival = arrival;
    this.#raw = arrival.tcp.bytesRead;
    this.#carried = arrival.stream.bytesRead;
  }

  /** @returns the bytes that came since the last look and carried nothing, if they are too many; else 0 */
  excess(): number {
    const { tcp, stream } = this.#arrival;
    const raw = tcp.bytesRead - this.#raw;
    const carried = stream.bytesRead - this.#carried;
    this.#raw += raw;
    this.#carried += carried;
    const overhead = raw - carried;
    return overhead > FREE_BYTES + carried / CARRIED_FOR_EACH ? overhead : 0;
  }
}

/** Undefined for a connection without TLS. */
export const tlsOverheadOf = (arrival: Arrival): TlsOverhead | undefined =>
  arrival.stream === arrival.tcp ? undefined : new TlsOverhead(arrival);
