/** What a terminal, a log or a reader could be deceived by: controls, formats, separators, private use, surrogates. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;
const ALL_HIDDEN = new RegExp(HIDDEN, 'gu');

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) as number;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\u{${code.toString(16)}}`;
}

/**
 * Remote text as people may see it: every character that is hidden or acts on a terminal is written out
 * (`\n`, `\x1b`, `\u202e`). For logs, tables and errors.
 *
 * @param maxLength characters of the result at most; longer text ends in an ellipsis. @default no limit
 */
export function visible(text: string, maxLength: number = Number.POSITIVE_INFINITY): string {
  if (text.length > maxLength) return shortened(text, maxLength);
  if (!HIDDEN.test(text)) return text;
  const full = text.replace(ALL_HIDDEN, escaped);
  return full.length > maxLength ? shortened(text, maxLength) : full;
}

/** Whole characters and whole escapes only, so that a cut never changes what is shown. Looks at no more than it needs. */
function shortened(text: string, maxLength: number): string {
  let shown = '';
  for (const character of text) {
    const next = HIDDEN.test(character) ? escaped(character) : character;
    if (shown.length + next.length > maxLength - 1) break;
    shown += next;
  }
  return `${shown}…`;
}
