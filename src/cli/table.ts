import { visible } from '../message/escape.js';
import type { Terminal } from './environment.js';
import type { Output } from './output.js';
import type { Style } from './style.js';

export interface Column<Row> {
  readonly title: string;
  /** The least important columns (largest number) are left out first when the terminal is narrow. */
  readonly rank: number;
  /** It may be narrowed to this, never further. @default what its widest cell needs */
  readonly least?: number;
  readonly align?: 'left' | 'right';
  /** Remote text may be returned as it is: the table makes it visible. */
  readonly cell: (row: Row) => string;
  readonly paint?: (text: string, row: Row, style: Style) => string;
}

export interface TableLook {
  /** Characters in a line; undefined: as wide as need be, without colour (not a terminal). */
  readonly width: number | undefined;
  readonly style: Style;
}

export const tableLook = (output: Output, style: Style): TableLook => ({ width: lineWidth(output.stdout), style });

/** Characters in a line of this terminal; undefined if it is none. */
export const lineWidth = (stream: Terminal): number | undefined =>
  stream.isTTY === true ? Math.max(20, stream.columns || 80) : undefined;

/** A table as text, ending in a newline; no line is longer than the look's width. */
export async function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  look: TableLook,
): Promise<string> {
  const cells = rows.map((row) => columns.map((column) => visible(column.cell(row)) || '-'));
  const natural = columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...cells.map((line) => displayWidth(line[index] ?? ''))),
  );
  const widths = fitColumns(columns, natural, look.width);
  const shown = columns.map((column, index) => ({ column, index })).filter(({ index }) => widths[index] !== undefined);
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: shown.map(({ column }) => column.title),
    colWidths: shown.map(({ index }) => (widths[index] ?? 0) + PADDING),
    colAligns: shown.map(({ column }) => column.align ?? 'left'),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': PADDING, compact: true },
    chars: NO_BOXES,
    wordWrap: false,
  });
  rows.forEach((row, line) => {
    table.push(
      shown.map(({ column, index }) => {
        const text = clip(cells[line]?.[index] ?? '', widths[index] ?? 0);
        return column.paint === undefined ? text : column.paint(text, row, look.style);
      }),
    );
  });
  return `${paintHead(table.toString(), look.style)}\n`;
}

const PADDING = 2;
const NO_BOXES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

function paintHead(text: string, style: Style): string {
  const [head = '', ...lines] = text.split('\n').map((line) => line.trimEnd());
  return [style.faint(head), ...lines].join('\n');
}

/**
 * The width of each column, undefined for one that is left out: the least important go until the others fit at their
 * least widths, then the widest give up what is too much.
 */
function fitColumns<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  width: number | undefined,
): readonly (number | undefined)[] {
  const widths: (number | undefined)[] = [...natural];
  if (width === undefined) return widths;
  const least = columns.map((column, i) =>
    Math.min(natural[i] ?? 0, Math.max(column.least ?? Number.POSITIVE_INFINITY, displayWidth(column.title))),
  );
  const byRank = columns.map((_column, index) => index).sort((a, b) => rankOf(columns, b) - rankOf(columns, a));
  for (const index of byRank) {
    if (total(widths, least) <= width) break;
    if (widths.filter((value) => value !== undefined).length > 1) widths[index] = undefined;
  }
  for (let over = total(widths) - width; over > 0; over -= 1) {
    const widest = widestShrinkable(widths, least);
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

const rankOf = <Row>(columns: readonly Column<Row>[], index: number): number => columns[index]?.rank ?? 0;

/** Characters in a line of these columns; with `least`, if every column were as narrow as it may be. */
function total(widths: readonly (number | undefined)[], least?: readonly number[]): number {
  let sum = -PADDING;
  widths.forEach((width, index) => {
    if (width !== undefined) sum += (least?.[index] ?? width) + PADDING;
  });
  return sum;
}

function widestShrinkable(widths: readonly (number | undefined)[], least: readonly number[]): number {
  let widest = -1;
  widths.forEach((width, index) => {
    if (width === undefined || width <= (least[index] ?? 0)) return;
    if (widest === -1 || width > (widths[widest] ?? 0)) widest = index;
  });
  return widest;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Terminal cells that a text takes: 2 for wide East Asian characters and emoji, 0 for combining marks. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (character <= '\u00ff') return 1;
  if (/\p{M}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The text in at most `width` cells, with an ellipsis where something was cut. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    const next = characterWidth(character);
    if (used + next > width - 1) break;
    kept += character;
    used += next;
  }
  return `${kept}…`;
}

/** `label   value` lines; values wrap nowhere: with a width in the look they are clipped. */
export function renderPairs(pairs: readonly (readonly [string, string])[], look: TableLook): string {
  const labelWidth = Math.max(...pairs.map(([label]) => label.length));
  return pairs
    .map(([label, value]) => {
      const shown = visible(value) || '-';
      const room = look.width === undefined ? Number.POSITIVE_INFINITY : look.width - labelWidth - PADDING;
      return `${look.style.faint(label.padEnd(labelWidth))}  ${clip(shown, Math.max(1, room))}\n`;
    })
    .join('');
}
