import { displayWidth } from './table.js';

/**
 * Prose in lines of at most `width`, broken at its spaces; those after the first begin with `indent`. A longer word stays
 * whole, so that it can be copied. What is to be pasted does not belong here: the line breaks would go with it.
 * @param width undefined: as it is
 */
export function wrapWords(text: string, width: number | undefined, indent = ''): string {
  if (width === undefined || displayWidth(text) <= width) return text;
  const lines: string[] = [];
  let line = '';
  // A run of spaces goes with the word after it: columns stay columns.
  for (const piece of text.match(/\s*\S+/g) ?? []) {
    if (line !== '' && displayWidth(line + piece) > width) {
      lines.push(line);
      line = indent + piece.trimStart();
    } else {
      line += piece;
    }
  }
  return [...lines, line].join('\n');
}
