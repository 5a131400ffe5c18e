import type { Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.js';
import { chance, integer, type Random } from '../base/random.js';
import type { Link } from '../network/memory/link.js';
import type { LinkFaults } from '../network/memory/options.js';

/** What a proxied direction needs to know. */
export interface StreamWeather {
  readonly clock: Clock;
  blocked(link: Link): boolean;
  faultsOf(link: Link): LinkFaults;
}

interface Piece {
  at: number;
  /** Bytes, the end of the stream, or a reset. */
  readonly what: Buffer | 'end' | 'reset';
}

/** Bytes under way in one direction of a connection; its source is not read while there are more. */
const MAX_UNDER_WAY_BYTES = 1024 * 1024;

/** One direction of a proxied connection: reads from one socket, and writes to the other when it is time. */
export class ProxiedStream {
  readonly #link: Link;
  readonly #weather: StreamWeather;
  readonly #source: Socket;
  readonly #onPaused: () => void;
  #destination: Socket | undefined;
  #pieces: Piece[] = [];
  #bytes = 0;
  #lastAt = 0;
  #timer: Timer | undefined;
  #full = false;
  #ended = false;
  #over = false;

  constructor(link: Link, source: Socket, parts: { readonly weather: StreamWeather; readonly onPaused: () => void }) {
    this.#link = link;
    this.#source = source;
    this.#weather = parts.weather;
    this.#onPaused = parts.onPaused;
    source.on('data', (chunk: Buffer) => this.#received(chunk));
    source.on('end', () => this.end());
    source.on('close', () => {
      if (!this.#ended) this.#push('reset', 0);
    });
  }

  /** Where to write to. */
  deliverTo(destination: Socket): void {
    this.#destination = destination;
    destination.on('drain', () => this.#deliver());
    this.#deliver();
  }

  /** The link may be passable again. */
  resume(): void {
    this.#deliver();
  }

  /** The end follows what is under way; whatever the source sends from now on is dropped. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#push('end', 0);
  }

  /** What is under way is lost. */
  close(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#pieces = [];
  }

  #received(chunk: Buffer): void {
    if (this.#ended) return;
    const faults = this.#weather.faultsOf(this.#link);
    const damage = this.#link.lane('damage');
    this.#push(chance(damage, faults.corruptRate) ? damaged(chunk, damage) : chunk, chunk.length);
    if (this.#bytes <= MAX_UNDER_WAY_BYTES || this.#full) return;
    this.#full = true;
    this.#source.pause();
    this.#onPaused();
  }

  #push(what: Piece['what'], bytes: number): void {
    if (this.#over) return;
    const { clock } = this.#weather;
    const faults = this.#weather.faultsOf(this.#link);
    const { bytesPerSecond } = faults;
    const queueMs =
      bytesPerSecond === undefined ? 0 : this.#link.bottleneck.transmit(clock.now(), bytes, bytesPerSecond);
    this.#lastAt = Math.max(this.#lastAt, clock.now() + this.#link.delayMs(faults) + queueMs);
    this.#pieces.push({ at: this.#lastAt, what });
    this.#bytes += bytes;
    if (this.#pieces.length === 1) this.#deliver();
  }

  #deliver(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const destination = this.#destination;
    if (this.#over || !destination) return;
    const now = this.#weather.clock.now();
    for (let piece = this.#pieces[0]; piece; piece = this.#pieces[0]) {
      if (this.#weather.blocked(this.#link) || destination.writableNeedDrain) return;
      if (piece.at > now) {
        this.#timer = this.#weather.clock.setTimer(piece.at - now, () => this.#deliver());
        return;
      }
      this.#pieces.shift();
      this.#write(destination, piece.what);
    }
  }

  #write(destination: Socket, what: Piece['what']): void {
    if (what === 'end') destination.end();
    else if (what === 'reset') reset(destination);
    else {
      this.#bytes -= what.length;
      if (!destination.destroyed) destination.write(what);
      if (!this.#full || this.#bytes > MAX_UNDER_WAY_BYTES / 2) return;
      this.#full = false;
      this.#source.resume();
    }
  }
}

/**
 * Resets a TCP connection. What has no reset is closed: a UNIX socket, and a half that was ended already, for which Node
 * would fail and keep the handle open.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) {
    socket.destroy();
    return;
  }
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}

/** A copy with one bit flipped. */
function damaged(chunk: Buffer, random: Random): Buffer {
  const copy = Buffer.from(chunk);
  const index = integer(random, copy.length);
  copy[index] = (copy[index] as number) ^ (1 << integer(random, 8));
  return copy;
}
