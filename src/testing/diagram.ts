import type { NodeId } from '../base/names.js';
import type { HubEntry } from '../network/memory/history.js';

export interface DiagramOptions {
  /** Nodes in the order of their columns; others follow as they appear. @default none */
  readonly nodes?: readonly NodeId[] | undefined;
  /** So many of the last lines; what is left out is said. @default 60 */
  readonly maxLines?: number | undefined;
  /** Heartbeats, control messages, and who connects. @default false */
  readonly everything?: boolean | undefined;
}

const DEFAULT_LINES = 60;
const TIME_WIDTH = 11;
const NARROWEST = 14;
const WIDEST = 30;
/** Messages that nobody wants to see unless they look for them. */
const BACKGROUND: ReadonlySet<string> = new Set(['heartbeat', 'control']);
const CONNECTIONS: ReadonlySet<string> = new Set(['connect', 'disconnect', 'refuse', 'refused', 'unreachable']);

/** What became of a message, in words. */
const FATES: Readonly<Record<string, string>> = {
  deliver: '',
  duplicate: 'a second time',
  late: 'late',
  corrupt: 'damaged',
  drop: 'lost',
  wait: 'waits',
  lost: 'lost with its connection',
};
/** Those that do not arrive. */
const STOPPED: ReadonlySet<string> = new Set(['drop', 'wait', 'lost']);

/**
 * What a hub saw, as a sequence diagram in plain text: a column for each node, an arrow for each message at the time
 * of its arrival or loss, and its fate beside it.
 */
export function sequenceDiagram(events: readonly HubEntry[], options: DiagramOptions = {}): string {
  const shown = events.filter((event) => options.everything === true || matters(event));
  const nodes = [...new Set([...(options.nodes ?? []), ...nodesOf(shown)])];
  const maxLines = options.maxLines ?? DEFAULT_LINES;
  const kept = shown.slice(-maxLines);
  const columns = new Columns(nodes, kept);
  const left = shown.length - kept.length;
  const lines = kept.map((event) => columns.line(event));
  const omitted = left > 0 ? [`${' '.repeat(TIME_WIDTH)}  (${left} lines before these)`] : [];
  return [columns.head(), ...omitted, ...lines].join('\n');
}

function matters({ what, message }: HubEntry): boolean {
  if (message) return !BACKGROUND.has(message.kind);
  return !CONNECTIONS.has(what);
}

function nodesOf(events: readonly HubEntry[]): NodeId[] {
  const nodes = new Set<NodeId>();
  for (const { from, to, message } of events) {
    if (message && to !== undefined) nodes.add(from).add(to);
  }
  return [...nodes];
}

class Columns {
  readonly #nodes: readonly NodeId[];
  readonly #width: number;

  constructor(nodes: readonly NodeId[], events: readonly HubEntry[]) {
    const longest = (lengths: readonly number[]): number => lengths.reduce((a, b) => Math.max(a, b), 0);
    const names = longest(nodes.map((node) => node.length + 2));
    const types = longest(events.map(({ message }) => (message ? message.type.length + 6 : 0)));
    this.#nodes = nodes;
    this.#width = Math.min(WIDEST, Math.max(NARROWEST, names, types));
  }

  head(): string {
    const names = this.#nodes.map((node) => node.slice(0, this.#width - 1).padEnd(this.#width));
    return `${'ms'.padStart(TIME_WIDTH)}  ${names.join('')}`.trimEnd();
  }

  line(event: HubEntry): string {
    const time = event.at.toFixed(1).padStart(TIME_WIDTH);
    return `${time}  ${this.#body(event)}`.trimEnd();
  }

  #body({ what, from, to, detail, message }: HubEntry): string {
    const [here, there] = [this.#nodes.indexOf(from), this.#nodes.indexOf(to ?? '')];
    if (!message || here < 0 || there < 0 || here === there) {
      const who = to === undefined ? from : `${from} -> ${to}`;
      return `* ${who}: ${what === 'note' || what === 'fault' ? '' : `${what} `}${detail ?? ''}`;
    }
    const row = this.#lanes();
    this.#arrow(row, { here, there, type: message.type, arrives: !STOPPED.has(what) });
    const fate = FATES[what] ?? what;
    return `${row.join('')}${message.kind}${fate === '' ? '' : `, ${fate}`}`;
  }

  /** Every node's line, and room behind the last. */
  #lanes(): string[] {
    const row = new Array<string>((this.#nodes.length - 1) * this.#width + 4).fill(' ');
    for (let i = 0; i < this.#nodes.length; i += 1) row[i * this.#width] = '|';
    return row;
  }

  #arrow(
    row: string[],
    { here, there, type, arrives }: { here: number; there: number; type: string; arrives: boolean },
  ): void {
    const [start, end] = [here * this.#width, there * this.#width];
    const [low, high] = start < end ? [start, end] : [end, start];
    for (let i = low + 1; i < high; i += 1) row[i] = '-';
    row[start] = 'o';
    row[start < end ? end - 1 : end + 1] = arrives ? (start < end ? '>' : '<') : 'x';
    const label = ` ${type.slice(0, high - low - 6)} `;
    const from = low + 1 + Math.floor((high - low - 1 - label.length) / 2);
    for (const [i, character] of [...label].entries()) row[from + i] = character;
  }
}
