import type { Clock } from '../../base/clock.js';
import type { NodeId } from '../../base/names.js';
import type { MessageKind, NetworkMessage } from '../../message/message.js';

/** Who does what the hub itself does. */
export const HUB = 'hub';

/** One thing that happened on the hub. No payloads and no error texts: they may hold words of the engine's. */
export interface HubEvent {
  readonly what: string;
  readonly from: NodeId;
  readonly to?: NodeId;
  /** Kind, type and ids of a message, the code of an error, the words of a note. */
  readonly detail?: string;
  /** Of a message: what it is. */
  readonly message?: { readonly kind: MessageKind; readonly type: string };
}

/** An event, and when it was, in milliseconds on the hub's clock. */
export interface HubEntry extends HubEvent {
  readonly at: number;
}

const DEFAULT_SIZE = 10_000;
const PRIME = 0x01000193;

/** What happened, in order: the last of it for reading, all of it in a digest. */
export class History {
  readonly #clock: Clock;
  readonly #size: number;
  readonly #ring: { readonly at: number; readonly event: HubEvent }[] = [];
  #count = 0;
  /** Two lanes of FNV-1a, 32 bits each, that differ in their start and in what they see of each character. */
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;

  constructor(clock: Clock, size: number = DEFAULT_SIZE) {
    this.#clock = clock;
    this.#size = Math.max(1, size);
  }

  /** Everything that was recorded, what fell out of the ring included. */
  get count(): number {
    return this.#count;
  }

  record(event: HubEvent): void {
    const at = this.#clock.now();
    this.#ring[this.#count % this.#size] = { at, event };
    this.#count += 1;
    // Microseconds: what is left of a float below that is no part of the story.
    this.#mix(Math.round(at * 1000).toString(36));
    this.#mix(event.what);
    this.#mix(event.from);
    this.#mix(event.to ?? '');
    this.#mix(event.detail ?? '');
  }

  /** 16 hexadecimal digits over everything that was recorded. */
  digest(): string {
    return [this.#high, this.#low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** The last events, oldest first. */
  entries(): HubEntry[] {
    const start = Math.max(0, this.#count - this.#size);
    const entries: HubEntry[] = [];
    for (let index = start; index < this.#count; index += 1) {
      const entry = this.#ring[index % this.#size];
      if (entry) entries.push({ at: entry.at, ...entry.event });
    }
    return entries;
  }

  /** The same, one line each. */
  trace(): string[] {
    return this.entries().map(lineOf);
  }

  #mix(text: string): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      low = Math.imul(low ^ code, PRIME);
      high = Math.imul(high ^ (code + i), PRIME) ^ (low >>> 15);
    }
    // The end of a field: 'a','bc' is not 'ab','c'.
    this.#low = Math.imul(low ^ 0x1ff, PRIME);
    this.#high = Math.imul(high ^ 0x1ff, PRIME);
  }
}

/** What happened to a message between two nodes. */
export function messageEvent(what: string, way: { from: NodeId; to: NodeId }, message: NetworkMessage): HubEvent {
  const { kind, type, id, re, to } = message;
  const detail = `${kind} ${type} ${id}${re === undefined ? '' : ` re ${re}`}${to === undefined ? '' : ` to ${to}`}`;
  return { what, from: way.from, to: way.to, detail, message: { kind, type } };
}

function lineOf({ at, what, from, to, detail = '' }: HubEntry): string {
  const who = to === undefined ? from : `${from} -> ${to}`;
  return `${at.toFixed(3).padStart(12)} ms  ${what.padEnd(12)} ${who.padEnd(18)} ${detail}`.trimEnd();
}
