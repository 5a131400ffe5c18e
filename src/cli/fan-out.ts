import type { ErrorCode } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import { EXIT, usageError } from './exit-codes.js';
import { parseInteger } from './units.js';

export type Outcome = 'ok' | 'failed' | 'silent';

/** Codes that mean that the node said nothing; with any other it answered. */
const SILENCE: ReadonlySet<string> = new Set<ErrorCode>([
  'TIMEOUT',
  'UNREACHABLE',
  'CLOSED',
  'SEND_FAILED',
  'SLOW_PEER',
  'NO_TARGET',
  'CANCELLED',
  'BACKPRESSURE',
  'STOPPED',
]);

export const outcomeOf = (code: string | undefined): Outcome =>
  code === undefined ? 'ok' : SILENCE.has(code) ? 'silent' : 'failed';

/** What became of each node that was meant. A node of which nothing was heard is silent. */
export class Tally {
  readonly #nodes = new Map<NodeId, Outcome>();
  readonly #codes = new Map<NodeId, string | undefined>();

  constructor(expected: readonly NodeId[]) {
    for (const node of expected) this.#nodes.set(node, 'silent');
  }

  count(node: NodeId, code: string | undefined): void {
    this.#nodes.set(node, outcomeOf(code));
    this.#codes.set(node, code);
  }

  get expected(): number {
    return this.#nodes.size;
  }

  number(outcome: Outcome): number {
    let found = 0;
    for (const each of this.#nodes.values()) if (each === outcome) found += 1;
    return found;
  }

  /** Whether all said that they have no such handler. */
  get nobodyHandles(): boolean {
    return this.expected > 0 && [...this.#nodes.keys()].every((node) => this.#codes.get(node) === 'NO_HANDLER');
  }

  /** The last object of `--json`; `word` is `ok`, or `sent` for events. */
  summary(word: 'ok' | 'sent'): object {
    const nodes = [...this.#nodes].map(([node, outcome]) => [node, outcome === 'ok' ? word : outcome] as const);
    return {
      expected: this.expected,
      [word]: this.number('ok'),
      failed: this.number('failed'),
      silent: this.number('silent'),
      nodes: Object.fromEntries(nodes),
    };
  }

  /** One line for people. */
  sentence(word: 'ok' | 'sent'): string {
    const parts = [`${this.number('ok')} of ${this.expected} ${word}`];
    for (const outcome of ['failed', 'silent'] as const) {
      const names = [...this.#nodes].filter(([, each]) => each === outcome).map(([node]) => node);
      if (names.length > 0) parts.push(`${names.length} ${outcome} (${listed(names)})`);
    }
    return parts.join(', ');
  }

  /** With a quorum only that counts; otherwise silence outranks failure. */
  exitCode(quorum: Quorum | undefined): number {
    if (quorum !== undefined) return this.number('ok') >= quorumOf(quorum, this.expected) ? EXIT.ok : EXIT.partial;
    if (this.nobodyHandles) return EXIT.noTarget;
    if (this.number('silent') > 0) return EXIT.partial;
    return this.number('failed') > 0 ? EXIT.failed : EXIT.ok;
  }
}

const SHOWN_NAMES = 8;
const listed = (names: readonly string[]): string =>
  names.length <= SHOWN_NAMES
    ? names.join(', ')
    : `${names.slice(0, SHOWN_NAMES).join(', ')} and ${names.length - SHOWN_NAMES} more`;

export type Quorum =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number };

/** `3` or `66%`. */
export function parseQuorum(text: string): Quorum {
  if (text.endsWith('%')) {
    const percent = Number(/^\d{1,3}(\.\d{1,3})?$/.exec(text.slice(0, -1))?.[0] ?? Number.NaN);
    if (percent > 0 && percent <= 100) return { kind: 'percent', percent };
    throw usageError(`'${text}' is not a share from 1% to 100%`);
  }
  return { kind: 'count', count: parseInteger(text, 1, 1_000_000) };
}

/** How many answers it takes; of a share, rounded up. */
const quorumOf = (quorum: Quorum, expected: number): number =>
  quorum.kind === 'count' ? quorum.count : Math.ceil((expected * quorum.percent) / 100);
