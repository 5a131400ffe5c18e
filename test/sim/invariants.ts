import { isNetworkError, messageOf } from '../../src/base/errors.js';
import type { VirtualClock } from '../../src/base/virtual-clock.js';
import type { HandlerContext } from '../../src/manager/handler.js';
import type { ClusterStatus } from '../../src/role/status.js';

/** A deadline wheel turns every 10 ms; the rest is generosity. */
const SLACK_MS = 25;
/** More than these only repeat the first. */
const MAX_VIOLATIONS = 20;

/** What every message of a simulation carries: which one it is, and for whom its sender meant it. */
export interface Cargo {
  readonly n: number;
  readonly target: string;
}

export interface Ask {
  readonly from: string;
  readonly type: string;
  readonly to: string;
  readonly timeoutMs: number;
  /** The caller gives up after this. */
  readonly cancelAfterMs: number | undefined;
}

interface OpenRequest {
  readonly n: number;
  readonly ask: Ask;
  /** Whose request it is: one start of one node. */
  readonly asker: object;
  readonly lastMs: number;
}

/** Watches a simulation and writes down what must not be. */
export class Invariants {
  readonly violations: string[] = [];
  /** How requests ended: `ok`, an error code, or `crashed` with their asker. */
  readonly outcomes = new Map<string, number>();
  readonly #clock: VirtualClock;
  readonly #note: (who: string, text: string) => void;
  readonly #open = new Map<number, OpenRequest>();
  /** How often a handler has begun, by request, or by event and node. */
  readonly #handled = new Map<string, number>();
  /** The network repeats messages: a handler may begin twice. */
  repeats = false;
  #issued = 0;

  constructor(clock: VirtualClock, note: (who: string, text: string) => void) {
    this.#clock = clock;
    this.#note = note;
  }

  violated(text: string): void {
    if (this.violations.length >= MAX_VIOLATIONS) return;
    this.violations.push(`at ${this.#clock.now().toFixed(1)} ms: ${text}`);
    this.#note('VIOLATION', text);
  }

  nextNumber(): number {
    this.#issued += 1;
    return this.#issued;
  }

  /** Follows a request to its end. */
  follow(asker: object, ask: Ask, start: (cargo: Cargo) => Promise<unknown>): void {
    const n = this.nextNumber();
    const patienceMs = Math.min(ask.timeoutMs, ask.cancelAfterMs ?? ask.timeoutMs);
    this.#open.set(n, { n, ask, asker, lastMs: this.#clock.now() + patienceMs + SLACK_MS });
    this.#note(ask.from, `asks ${ask.to} for ${ask.type}, #${n}, within ${ask.timeoutMs} ms`);
    start({ n, target: ask.to }).then(
      (answer) => this.#ended(n, 'ok', answer),
      (error) =>
        this.#ended(n, isNetworkError(error) ? error.code : `not a NetworkError: ${messageOf(error)}`, undefined),
    );
  }

  /** The asker's process was killed: nobody is there to be answered. */
  forget(asker: object): void {
    for (const { n, asker: owner } of [...this.#open.values()]) {
      if (owner !== asker) continue;
      this.#open.delete(n);
      this.#count('crashed');
    }
  }

  /** A handler begins. */
  handles(
    { name: node, stopped }: { readonly name: string; readonly stopped: boolean },
    context: HandlerContext,
  ): Cargo {
    const { to, from, kind } = context.message;
    const cargo = cargoOf(context);
    if (context.node !== node) this.violated(`#${cargo.n}: a handler of ${node} was told that it is ${context.node}`);
    if (to !== undefined && to !== node && to !== '*' && to !== '?') {
      this.violated(`#${cargo.n}: ${node} handles a message that is addressed to ${to}`);
    }
    const named = cargo.target !== '?' && cargo.target !== '*';
    if (named && cargo.target !== node) {
      this.violated(`#${cargo.n}: ${node} handles what ${from} meant for ${cargo.target}`);
    }
    if (stopped) this.violated(`#${cargo.n}: ${node} was stopped and begins to handle it`);
    const forOne = kind === 'request' && cargo.target !== '*';
    const key = forOne ? keyOf(cargo.n) : `${keyOf(cargo.n)} ${node}`;
    const times = (this.#handled.get(key) ?? 0) + 1;
    this.#handled.set(key, times);
    if (times > 1 && !this.repeats) this.violated(`${key}: handled ${times} times, and the network repeats nothing`);
    return cargo;
  }

  /** Asked from time to time, and at the end. */
  check(status: ClusterStatus | undefined): void {
    for (const { n, ask, lastMs } of this.#open.values()) {
      if (this.#clock.now() <= lastMs) continue;
      this.#open.delete(n);
      this.violated(`#${n}: the request of ${ask.from} to ${ask.to} for ${ask.type} has not ended by its deadline`);
    }
    if (status) this.#countsAddUp(status);
  }

  /** After the end: nothing is open, and every request ended in one way. */
  checkEnd(): void {
    for (const { n, ask } of this.#open.values()) this.violated(`#${n}: the request of ${ask.from} never ended`);
  }

  #ended(n: number, outcome: string, answer: unknown): void {
    const request = this.#open.get(n);
    if (!request) return;
    this.#open.delete(n);
    const { ask, lastMs } = request;
    this.#note(ask.from, `#${n} ended: ${outcome}`);
    this.#count(outcome);
    const lateMs = this.#clock.now() - lastMs + SLACK_MS;
    if (lateMs > SLACK_MS) this.violated(`#${n}: ended ${outcome} ${lateMs.toFixed(1)} ms after its deadline`);
    if (outcome.startsWith('not a')) this.violated(`#${n}: rejected with what is ${outcome}`);
    if (outcome === 'ok') this.#checkAnswer(request, answer as Partial<Answer> | null);
  }

  #checkAnswer({ n, ask }: OpenRequest, answer: Partial<Answer> | null): void {
    if (answer?.n !== n) this.violated(`#${n}: got the answer to #${answer?.n}`);
    if (ask.to !== '?' && answer?.node !== ask.to) this.violated(`#${n}: asked ${ask.to}, answered by ${answer?.node}`);
    const somebody = ask.to === '*' || this.#handled.has(keyOf(n));
    if (!somebody) this.violated(`#${n}: answered, and no handler ran`);
  }

  #countsAddUp({ counts, nodes }: ClusterStatus): void {
    const tally: Record<string, number> = {};
    for (const { status } of nodes) tally[status] = (tally[status] ?? 0) + 1;
    for (const [status, count] of Object.entries(counts)) {
      const seen = tally[status] ?? 0;
      if (seen !== count) this.violated(`the status counts ${count} ${status} and lists ${seen}`);
    }
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

const keyOf = (n: number): string => `#${n}`;

/** What every handler of a simulation answers. */
export interface Answer {
  readonly n: number;
  readonly node: string;
}

export function cargoOf(context: HandlerContext): Cargo {
  const { payload } = context.message as { readonly payload?: { value?: () => unknown } & Partial<Cargo> };
  const value = typeof payload?.value === 'function' ? payload.value() : payload;
  return value as Cargo;
}
