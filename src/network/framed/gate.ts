import type { Arrival } from './arrival.js';
import { MAX_TLS_HANDSHAKE_BYTES } from './client-hello.js';
import type { FramedCounters } from './counters.js';
import { type Waiting, whoMakesRoom } from './early-drop.js';
import type { FramedLimits } from './limits.js';

export interface GateParts {
  readonly limits: FramedLimits;
  readonly counters: FramedCounters;
  /** How many sockets there is room for beside those that have authenticated. */
  room(): number;
}

interface Visitor extends Waiting {
  readonly onClose: () => void;
  /** The address that it is counted for. */
  ip: string | undefined;
  silent: boolean;
  onData: (() => void) | undefined;
  /** Tells the peer that its time is over, where frames can be written. */
  onLate: (() => void) | undefined;
}

/** The share of the deadline after which one that speaks may have to make room: an honest one is in long before. */
const GRACE = 1 / 5;

/**
 * Where accepted sockets stand until they have authenticated: bounded in number, in all and per address, in bytes
 * and in time, whatever they do or leave undone.
 */
export class Gate {
  readonly #parts: GateParts;
  /** In the order of arrival, so that the sweep ends the oldest first. */
  readonly #visitors = new Map<Arrival, Visitor>();
  readonly #perAddress = new Map<string | undefined, number>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /**
   * Lets it wait here. When all places are taken, another one makes room, so that waiting cannot keep newcomers out.
   * @returns whether there is a place for it; if not, it is gone
   */
  enter(arrival: Arrival, now: number): boolean {
    if (this.#isFull(arrival.ip) || !this.#makeRoom(arrival, now)) return this.#refuse(arrival);
    const { ip } = arrival;
    const onClose = () => this.leave(arrival);
    this.#visitors.set(arrival, { since: now, silent: true, ip, onClose, onData: undefined, onLate: undefined });
    arrival.tcp.once('close', onClose);
    this.#count(ip, 1);
    return true;
  }

  /** The peer turned out to be elsewhere than the other end of the socket. @returns whether it may stay */
  locate(arrival: Arrival): boolean {
    const visitor = this.#visitors.get(arrival);
    if (visitor === undefined) return false;
    if (this.#isFull(arrival.ip)) {
      this.leave(arrival);
      return this.#refuse(arrival);
    }
    this.#count(visitor.ip, -1);
    visitor.ip = arrival.ip;
    this.#count(visitor.ip, 1);
    return true;
  }

  has(arrival: Arrival): boolean {
    return this.#visitors.has(arrival);
  }

  /** Frames will follow. Counts what arrives; whoever has read until now has let go of the socket. */
  watch(arrival: Arrival): void {
    const visitor = this.#visitors.get(arrival);
    if (!visitor) return;
    visitor.silent = false;
    visitor.onData = () => this.#checkBytes(arrival);
    arrival.stream.prependListener('data', visitor.onData);
    this.#checkBytes(arrival);
  }

  /** Frames can be written. @param tell called once if its time is over, just before its socket is ended */
  whenLate(arrival: Arrival, tell: () => void): void {
    const visitor = this.#visitors.get(arrival);
    if (visitor) visitor.onLate = tell;
  }

  /** It has authenticated, or it is gone. */
  leave(arrival: Arrival): void {
    const visitor = this.#visitors.get(arrival);
    if (!visitor) return;
    this.#visitors.delete(arrival);
    arrival.tcp.removeListener('close', visitor.onClose);
    if (visitor.onData) arrival.stream.removeListener('data', visitor.onData);
    this.#count(visitor.ip, -1);
  }

  /** Ends those whose time is over, and those that have sent too much in a way that nothing else looks at. */
  sweep(now: number): void {
    for (const [arrival, { since, onLate }] of this.#visitors) {
      if (now - since < this.#parts.limits.handshakeTimeoutMs) {
        this.#checkBytes(arrival);
      } else {
        this.#parts.counters.handshakeTimeouts += 1;
        onLate?.();
        this.#drop(arrival);
      }
    }
  }

  clear(): void {
    for (const arrival of [...this.#visitors.keys()]) this.#drop(arrival);
  }

  /** TLS may take its own share on the socket, not within the stream. */
  #checkBytes(arrival: Arrival): void {
    const { limits, counters } = this.#parts;
    const { stream, tcp } = arrival;
    const max = limits.maxUnauthenticatedBytes;
    const maxRaw = stream === tcp ? max : max + MAX_TLS_HANDSHAKE_BYTES;
    if (stream.bytesRead <= max && tcp.bytesRead <= maxRaw) return;
    counters.unauthenticatedInvalid += 1;
    this.#drop(arrival);
  }

  #isFull(ip: string | undefined): boolean {
    return ip !== undefined && (this.#perAddress.get(ip) ?? 0) >= this.#parts.limits.maxUnauthenticatedPerAddress;
  }

  /** @returns whether there is a place for one more */
  #makeRoom({ ip }: Arrival, now: number): boolean {
    const { limits, counters, room } = this.#parts;
    if (this.#visitors.size < Math.min(limits.maxUnauthenticated, room())) return true;
    const crowd = { waiting: this.#visitors, perAddress: this.#perAddress };
    const one = whoMakesRoom(crowd, { ip, now, graceMs: limits.handshakeTimeoutMs * GRACE });
    if (one === undefined) return false;
    counters.unauthenticatedReplaced += 1;
    this.#drop(one);
    return true;
  }

  #count(ip: string | undefined, change: number): void {
    const count = (this.#perAddress.get(ip) ?? 0) + change;
    if (count === 0) this.#perAddress.delete(ip);
    else this.#perAddress.set(ip, count);
  }

  #refuse(arrival: Arrival): false {
    this.#parts.counters.unauthenticatedRefused += 1;
    arrival.drop();
    return false;
  }

  #drop(arrival: Arrival): void {
    this.leave(arrival);
    arrival.drop();
  }
}
