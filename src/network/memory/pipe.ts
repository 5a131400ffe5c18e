import type { Clock, Timer } from '../../base/clock.js';
import type { WireError } from '../../base/errors.js';
import type { Role } from '../../base/names.js';
import type { Frame } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Link } from './link.js';
import type { LinkFaults } from './options.js';

/** Who is at the other end, as its side of the handshake says. */
export interface Introduction {
  readonly node: string;
  readonly role: Role;
  readonly maySubmit: boolean;
  readonly cluster: string | undefined;
  readonly instance: string;
  readonly version: string;
  readonly greeting: Readonly<Record<string, unknown>>;
}

/** What travels on a connection. */
export type Segment =
  | { readonly kind: 'hello' | 'welcome'; readonly introduction: Introduction }
  | { readonly kind: 'refusal'; readonly error: WireError }
  | {
      readonly kind: 'message';
      readonly message: NetworkMessage;
      readonly frame: Frame;
      readonly bytes: number;
      /** The second of two copies. */
      readonly copy: boolean;
    }
  | { readonly kind: 'goodbye' }
  /** The other end is gone without a word, or was never there. */
  | { readonly kind: 'reset' };

/** What a pipe needs to know of the hub. */
export interface Weather {
  readonly clock: Clock;
  blocked(link: Link): boolean;
  faultsOf(link: Link): LinkFaults;
}

interface Arrival {
  at: number;
  readonly segment: Segment;
}

/**
 * One direction of a connection: a queue of what is under way, in the order of arrival. What arrives while the link is
 * blocked waits, as TCP would have it sent again, and dies with the connection.
 */
export class Pipe {
  readonly link: Link;
  /** Bytes of messages that are under way. */
  queuedBytes = 0;
  readonly #weather: Weather;
  readonly #sink: (segment: Segment) => void;
  #queue: Arrival[] = [];
  /** Nothing that keeps the order arrives before this. */
  #lastAt = 0;
  #timer: Timer | undefined;
  #timerAt = 0;
  #closed = false;

  constructor(weather: Weather, link: Link, sink: (segment: Segment) => void) {
    this.#weather = weather;
    this.link = link;
    this.#sink = sink;
  }

  /** Puts a segment on the way, behind everything that went before. */
  push(segment: Segment): void {
    this.#add(segment, this.link.delayMs(this.#weather.faultsOf(this.link)), 0);
  }

  /** Puts a message on the way as the link's faults will have it. @returns the number of copies that arrive */
  pushMessage(message: NetworkMessage, frame: Frame, bytes: number): number {
    const fate = this.link.fateOf(message.kind, this.#weather.faultsOf(this.link));
    let copy = false;
    for (const delayMs of fate.delaysMs) {
      this.#add({ kind: 'message', message, frame, bytes, copy }, delayMs, fate.heldMs);
      copy = true;
    }
    return fate.delaysMs.length;
  }

  /** The link is passable again: what waited sets out anew. */
  resume(): void {
    const faults = this.#weather.faultsOf(this.link);
    const earliest = this.#weather.clock.now() + this.link.delayMs(faults);
    for (const arrival of this.#queue) arrival.at = Math.max(arrival.at, earliest);
    this.#lastAt = Math.max(this.#lastAt, earliest);
    this.#arm();
  }

  /** Drops what is under way. */
  clear(): void {
    this.#queue = [];
    this.queuedBytes = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  close(): void {
    this.#closed = true;
    this.clear();
  }

  #add(segment: Segment, delayMs: number, heldMs: number): void {
    if (this.#closed) return;
    const inOrder = Math.max(this.#weather.clock.now() + delayMs, this.#lastAt);
    if (heldMs === 0) this.#lastAt = inOrder;
    const at = inOrder + heldMs;
    const queue = this.#queue;
    let index = queue.length;
    while (index > 0 && (queue[index - 1] as Arrival).at > at) index -= 1;
    if (index === queue.length) queue.push({ at, segment });
    else queue.splice(index, 0, { at, segment });
    if (segment.kind === 'message') this.queuedBytes += segment.bytes;
    if (index === 0) this.#arm();
  }

  #arm(): void {
    const head = this.#queue[0];
    if (!head || (this.#timer && this.#timerAt === head.at)) return;
    this.#timer?.cancel();
    this.#timerAt = head.at;
    this.#timer = this.#weather.clock.setTimer(head.at - this.#weather.clock.now(), () => this.#arrive());
  }

  #arrive(): void {
    this.#timer = undefined;
    if (this.#weather.blocked(this.link)) return;
    const now = this.#weather.clock.now();
    // Looked up anew each time: the sink may end the connection.
    for (let head = this.#queue[0]; head && head.at <= now; head = this.#queue[0]) {
      this.#queue.shift();
      if (head.segment.kind === 'message') this.queuedBytes -= head.segment.bytes;
      this.#sink(head.segment);
    }
    this.#arm();
  }
}
