import type { NetworkError } from '../../base/errors.js';
import { visible } from '../../message/escape.js';
import { usageError } from '../exit-codes.js';

const SPACE = /[ \t\r\n]/;
/** What a backslash takes its meaning from between double quotes, as in a POSIX shell. */
const ESCAPABLE_IN_QUOTES = /["\\$`]/;
const SHOWN_CHARACTERS = 200;
const QUOTING = "Quote as in a shell ('…', \"…\", \\); for pipes and expansions run one: sh -c '…'.";

/**
 * Splits a command line into an argv the way a POSIX shell reads words: blanks separate, '…' is literal, in "…" a
 * backslash escapes only `"`, `\`, `$` and `` ` ``, elsewhere it escapes anything; a backslash before a line break
 * removes both. Nothing is expanded: `~`, `$HOME`, `*`, `|`, `>`, `;` and `#` are ordinary characters, since no
 * shell is ever run.
 * @throws NetworkError INVALID_OPTION showing the text and where the quote is that nothing closes
 */
export function splitCommand(text: string): string[] {
  if (text.includes('\0')) throw broken(text, 'contains a NUL character', text.indexOf('\0'));
  const words = new Splitter(text).words();
  if (words.length === 0) throw broken(text, 'is empty');
  if (words[0] === '') throw broken(text, 'begins with an empty word where the program belongs');
  return words;
}

class Splitter {
  readonly #text: string;
  #at = 0;
  /** undefined between words: '' is a word, when quoted. */
  #word: string | undefined;
  readonly #words: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  words(): string[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endWord();
    return this.#words;
  }

  #step(): void {
    const character = this.#text[this.#at] as string;
    if (SPACE.test(character)) {
      this.#endWord();
      this.#at += 1;
    } else if (character === "'") this.#single();
    else if (character === '"') this.#double();
    else if (character === '\\') this.#escaped();
    else {
      this.#add(character);
      this.#at += 1;
    }
  }

  #single(): void {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw this.#unclosed(this.#at);
    this.#add(this.#text.slice(this.#at + 1, end));
    this.#at = end + 1;
  }

  #double(): void {
    const start = this.#at;
    this.#add('');
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1) {
      if (this.#at >= this.#text.length) throw this.#unclosed(start);
      const next = this.#text[this.#at + 1];
      if (this.#text[this.#at] !== '\\' || next === undefined) this.#add(this.#text[this.#at] as string);
      else {
        this.#at += 1;
        if (ESCAPABLE_IN_QUOTES.test(next)) this.#add(next);
        else if (next !== '\n') this.#add(`\\${next}`);
      }
    }
    this.#at += 1;
  }

  #escaped(): void {
    const next = this.#text[this.#at + 1];
    if (next === undefined) throw broken(this.#text, 'ends with a backslash that escapes nothing', this.#at);
    if (next !== '\n') this.#add(next);
    this.#at += 2;
  }

  #add(text: string): void {
    this.#word = (this.#word ?? '') + text;
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word);
    this.#word = undefined;
  }

  #unclosed(at: number): NetworkError {
    return broken(this.#text, `has a ${this.#text[at]} that is never closed`, at);
  }
}

function broken(text: string, problem: string, at?: number): NetworkError {
  const where = at === undefined ? '' : `, at character ${at + 1}`;
  return usageError(`the command ${problem}${where}: [${visible(text, SHOWN_CHARACTERS)}]`, QUOTING);
}
