import type { Clock, Timer } from '../../base/clock.js';
import type { WireError } from '../../base/errors.js';
import type { Role } from '../../base/names.js';
import type { Frame } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { BarrierCode } from './barriers.js';
import type { Fate, Link } from './link.js';
import type { LinkFaults } from './options.js';
import type { RuleAction } from './rules.js';

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

/** `duplicate` is the second of two copies; `late` lets later ones overtake it. */
export type Mark = 'duplicate' | 'late' | 'corrupt';

/** What travels on a connection. */
export type Segment =
  | { readonly kind: 'hello' | 'welcome'; readonly introduction: Introduction }
  | { readonly kind: 'refusal'; readonly error: WireError }
  | {
      readonly kind: 'message';
      readonly message: NetworkMessage;
      readonly frame: Frame;
      readonly bytes: number;
      /** What happened to it on the way. */
      readonly mark: Mark | undefined;
    }
  | { readonly kind: 'goodbye' }
  /** The other end is gone without a word, or was never there. */
  | { readonly kind: 'reset' };

/** What a pipe needs to know of the hub. */
export interface Weather {
  readonly clock: Clock;
  blocked(link: Link): boolean;
  /** Why senders are refused, where they are told. */
  refusal(link: Link): BarrierCode | undefined;
  faultsOf(link: Link): LinkFaults;
  /** What a rule does to this message, if one is about it. */
  ruling(link: Link, message: NetworkMessage): RuleAction | undefined;
  /** Something became of a message on a link: `drop`, `wait` (behind a barrier) or `lost` (with its connection). */
  happened(what: 'drop' | 'wait' | 'lost', link: Link, message: NetworkMessage): void;
  /** A damaged copy, which no decoder takes. */
  damaged(frame: Frame, link: Link): Frame;
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
  /** The same, their number. */
  queuedMessages = 0;
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

  /** Why nothing can be sent at the moment, where senders are told. */
  get refusal(): BarrierCode | undefined {
    return this.#weather.refusal(this.link);
  }

  /** Puts a segment on the way, behind everything that went before. */
  push(segment: Segment): void {
    this.#add(segment, this.#wayMs(this.#weather.faultsOf(this.link), 0), 0);
  }

  /** Puts a message on the way as the link's faults and the rules will have it. */
  pushMessage(message: NetworkMessage, frame: Frame, bytes: number): void {
    const weather = this.#weather;
    const { link } = this;
    const faults = weather.faultsOf(link);
    const fate = ruled(link.fateOf(message.kind, faults), weather.ruling(link, message));
    const wayMs = this.#wayMs(faults, bytes);
    if (fate.copies === 0) {
      weather.happened('drop', link, message);
      return;
    }
    if (weather.blocked(link)) weather.happened('wait', link, message);
    const sent = fate.corrupt ? weather.damaged(frame, link) : frame;
    const mark = fate.corrupt ? 'corrupt' : fate.heldMs > 0 ? 'late' : undefined;
    this.#add({ kind: 'message', message, frame: sent, bytes, mark }, wayMs, fate.heldMs);
    if (fate.copies < 2) return;
    const copy: Segment = { kind: 'message', message, frame, bytes, mark: 'duplicate' };
    this.#add(copy, wayMs + this.#wayMs(faults, bytes), fate.heldMs);
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
    for (const { segment } of this.#queue) {
      if (segment.kind === 'message') this.#weather.happened('lost', this.link, segment.message);
    }
    this.#queue = [];
    this.queuedBytes = 0;
    this.queuedMessages = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  close(): void {
    this.#closed = true;
    this.clear();
  }

  /** How long these bytes are under way: until all of them have left, and the way itself. */
  #wayMs(faults: LinkFaults, bytes: number): number {
    const { bytesPerSecond } = faults;
    const delayMs = this.link.delayMs(faults);
    if (bytesPerSecond === undefined) return delayMs;
    return delayMs + this.link.bottleneck.transmit(this.#weather.clock.now(), bytes, bytesPerSecond);
  }

  #count(bytes: number, messages: number): void {
    this.queuedBytes += bytes;
    this.queuedMessages += messages;
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
    if (segment.kind === 'message') this.#count(segment.bytes, 1);
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
      if (head.segment.kind === 'message') this.#count(-head.segment.bytes, -1);
      this.#sink(head.segment);
    }
    this.#arm();
  }
}

/** A rule that is about a message stands over the link's chance. The chance was drawn: later messages keep theirs. */
function ruled(fate: Fate, action: RuleAction | undefined): Fate {
  switch (action?.kind) {
    case undefined:
      return fate;
    case 'drop':
      return { ...fate, copies: 0 };
    case 'delay':
      return { copies: 1, heldMs: action.ms, corrupt: false };
    case 'corrupt':
      return { copies: 1, heldMs: 0, corrupt: true };
    case 'duplicate':
      return { copies: 2, heldMs: 0, corrupt: false };
    case 'pass':
      return { copies: 1, heldMs: 0, corrupt: false };
  }
}
