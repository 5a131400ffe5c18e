import { visible } from '../message/escape.js';
import type { Terminal } from './environment.js';

/**
 * What a command says: data on stdout, all else on stderr. When the reader of stdout goes away (`| head`)
 * `closed` aborts, and what is written afterwards is dropped without a word.
 */
export interface Output {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly closed: AbortSignal;
  /** Resolves when all data is written; to why it could not be, unless it is that nobody reads any more. */
  settled(): Promise<Error | undefined>;
  /** Text as it is, with its own line ends; resolves when there is room for more. */
  data(text: string | Uint8Array): Promise<void>;
  /** One JSON document, indented: for a snapshot. */
  document(value: unknown): Promise<void>;
  /** One JSON value on one line: for a stream. */
  line(value: unknown): Promise<void>;
  /** A line for people on stderr; silent with --quiet. */
  note(text: string): void;
  /** A line on stderr even with --quiet. */
  complain(text: string): void;
}

export interface OutputParts {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly quiet: () => boolean;
}

export function createOutput(parts: OutputParts): Output {
  const { stdout, stderr } = parts;
  const gone = new AbortController();
  let fault: Error | undefined;
  const failed = (error: NodeJS.ErrnoException | null | undefined) => {
    if (!error) return;
    if (!gone.signal.aborted && error.code !== 'EPIPE') fault = error;
    gone.abort(error);
  };
  stdout.on('error', failed);
  // Nobody is left to be told that stderr is gone.
  stderr.on('error', () => {});
  // One wait for all who write while there is no room.
  let room: Promise<void> | undefined;
  const data = (text: string | Uint8Array) => {
    if (gone.signal.aborted || stdout.write(text)) return Promise.resolve();
    room ??= drained(stdout, gone.signal).finally(() => {
      room = undefined;
    });
    return room;
  };
  const complain = (text: string) => void stderr.write(`${text}\n`);
  return {
    stdout,
    stderr,
    closed: gone.signal,
    settled: () =>
      new Promise((resolve) => {
        if (gone.signal.aborted) return resolve(fault);
        // Its turn comes after all that was written before.
        stdout.write('', (error) => {
          failed(error);
          resolve(fault);
        });
      }),
    data,
    document: (value) => data(`${jsonText(value, 2)}\n`),
    line: (value) => data(`${jsonText(value)}\n`),
    note: (text) => {
      if (!parts.quiet()) complain(text);
    },
    complain,
  };
}

function drained(stream: Terminal, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.removeListener('drain', done);
      closed.removeEventListener('abort', done);
      resolve();
    };
    stream.once('drain', done);
    closed.addEventListener('abort', done, { once: true });
  });
}

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** JSON that no terminal is moved by: what `visible` would show is written as `\u` escapes, the value stays the same. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, bytesAsBase64, indent) ?? 'null';
  return text.replace(UNSAFE, (character) => (character === '\n' ? character : escapeUnits(character)));
}

function escapeUnits(character: string): string {
  let escaped = '';
  for (let i = 0; i < character.length; i += 1) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}

/** Bytes in a payload are shown as they travel in JSON. */
function bytesAsBase64(this: unknown, key: string, value: unknown): unknown {
  // A Buffer has turned itself into { type, data } by now; the holder still has the bytes.
  const held = typeof this === 'object' && this !== null ? (this as Record<string, unknown>)[key] : undefined;
  return held instanceof Uint8Array ? { $b64: Buffer.from(held).toString('base64') } : value;
}

/** For a terminal: control characters are shown, line ends and tabs stay. */
export const visibleText = (text: string): string =>
  text
    .split('\n')
    .map((line) =>
      line
        .split('\t')
        .map((cell) => visible(cell))
        .join('\t'),
    )
    .join('\n');
