import type { Log } from '../../base/log.js';
import { visible } from '../../message/escape.js';
import { LineSplitter } from './lines.js';

/** A longer line reaches the log without its rest. */
const MAX_STDERR_LINE_BYTES: number = 8 * 1024;
/** What an error message quotes of stderr. */
const TAIL_LINES = 5;
const TAIL_LINE_CHARACTERS = 300;

/** Passes a script's stderr on to the log, line by line, and remembers the last lines for the error. */
export class StderrLog {
  readonly #log: Log;
  readonly #fields: object;
  readonly #lines: LineSplitter;
  readonly #tail: string[] = [];
  /** Lines that were longer than MAX_STDERR_LINE_BYTES. */
  cut = 0;

  constructor(log: Log, fields: object) {
    this.#log = log;
    this.#fields = fields;
    this.#lines = new LineSplitter(MAX_STDERR_LINE_BYTES, (line, cut) => this.#onLine(line, cut));
  }

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  /** The last lines, to be put behind an error message: `; stderr: … | …`, or nothing. */
  get tail(): string {
    return this.#tail.length === 0 ? '' : `; stderr: ${this.#tail.join(' | ')}`;
  }

  #onLine(line: Buffer, cut: boolean): void {
    if (cut) this.cut += 1;
    const text = visible(withoutReturn(line.toString('utf8')));
    this.#log.info(this.#fields, cut ? `${text}… (cut at ${MAX_STDERR_LINE_BYTES} bytes)` : text);
    if (text.trim() === '') return;
    this.#tail.push(visible(text, TAIL_LINE_CHARACTERS));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }
}

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text);
