/** What was left out of the log of one address within a minute. */
export interface Withheld {
  readonly address: string;
  readonly lines: number;
  /** How many of each reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

export interface AuditWindowOptions {
  /** Lines of an address within a window; the others are summed up. @default 10 */
  readonly maxLines?: number | undefined;
  /** In milliseconds. @default 60,000 */
  readonly windowMs?: number | undefined;
  /** Addresses that have a window of their own; all others share one. @default 1,000 */
  readonly maxAddresses?: number | undefined;
}

interface Window {
  readonly since: number;
  lines: number;
  withheld: number;
  readonly reasons: Record<string, number>;
}

/** Who has no window of his own. */
const OTHERS = 'other addresses';

/**
 * Bounds what refusals may write: the first 10 of an address and minute are told, the rest counted and summed up when
 * the minute is over. Pure: it is told the time, on a monotonic clock.
 */
export class AuditWindows {
  readonly #maxLines: number;
  readonly #windowMs: number;
  readonly #maxAddresses: number;
  /** In the order of their beginning. */
  readonly #windows = new Map<string, Window>();

  constructor(options: AuditWindowOptions = {}) {
    this.#maxLines = options.maxLines ?? 10;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#maxAddresses = options.maxAddresses ?? 1_000;
  }

  /** @returns whether this one is to be told */
  add(address: string, reason: string, now: number): boolean {
    const window = this.#windowOf(address, now);
    if (window.lines < this.#maxLines) {
      window.lines += 1;
      return true;
    }
    window.withheld += 1;
    window.reasons[reason] = (window.reasons[reason] ?? 0) + 1;
    return false;
  }

  /** Ends the windows whose time is over. @returns what each left out, if anything */
  due(now: number): Withheld[] {
    const ended: Withheld[] = [];
    for (const [address, window] of this.#windows) {
      if (now - window.since < this.#windowMs) break;
      this.#windows.delete(address);
      if (window.withheld > 0) ended.push({ address, lines: window.withheld, reasons: window.reasons });
    }
    return ended;
  }

  /** How long until the oldest window ends, in milliseconds; undefined without one. */
  nextMs(now: number): number | undefined {
    for (const window of this.#windows.values()) return Math.max(0, window.since + this.#windowMs - now);
    return undefined;
  }

  #windowOf(address: string, now: number): Window {
    const own = this.#windows.get(address);
    if (own) return own;
    const name = this.#windows.size < this.#maxAddresses ? address : OTHERS;
    const shared = this.#windows.get(name);
    if (shared) return shared;
    const window: Window = { since: now, lines: 0, withheld: 0, reasons: {} };
    this.#windows.set(name, window);
    return window;
  }
}
