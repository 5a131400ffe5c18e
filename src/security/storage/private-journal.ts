import { closeSync, constants, fdatasync, fstatSync, ftruncateSync, statSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import { type Log, silentLog } from '../../base/log.js';
import { explainFileError, openPrivateFile, readPrivateFile, writePrivateFile } from './private-file.js';

export interface PrivateJournalOptions {
  /** The directory must be there. */
  readonly path: string;
  readonly log?: Log | undefined;
  /** A larger journal is not read, and none grows beyond it. @default 64 MiB */
  readonly maxBytes?: number | undefined;
  /** Puts the file on the disk. @default fdatasync */
  readonly sync?: ((file: number) => Promise<void>) | undefined;
}

/** A line: any JSON object. */
export type JournalEntry = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly line: string;
  resolve(): void;
  reject(error: NetworkError): void;
}

const MAX_BYTES = 64 * 1024 * 1024;
const writeTo = promisify(write) as (file: number, bytes: Uint8Array) => Promise<{ bytesWritten: number }>;
const systemSync = promisify(fdatasync);

/**
 * A file of JSON lines that is only ever added to; each line is on the disk before `append` resolves. Lines that are
 * added while the disk is busy go out together, with one sync. For one process at a time: a second one is noticed, and
 * whoever was there before acknowledges nothing more.
 */
export class PrivateJournal implements AsyncDisposable {
  /** Why lines were refused or lost, by reason. */
  readonly counters: { full: number; failed: number; torn: number } = { full: 0, failed: 0, torn: 0 };
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #sync: (file: number) => Promise<void>;
  #entries: readonly JournalEntry[];
  #file: number;
  /** Of what is known to be on the disk. */
  #bytes: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** After this nothing is certain any more, so nothing more is taken. */
  #failure: NetworkError | undefined;
  #closed = false;

  private constructor(options: PrivateJournalOptions) {
    const { path, log = silentLog, maxBytes = MAX_BYTES, sync = systemSync } = options;
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#sync = sync;
    const text = readPrivateFile(path, { maxBytes });
    const { entries, tornBytes } = readLines(text ?? '', path);
    if (tornBytes > 0) {
      this.counters.torn = 1;
      log.warn({ path, bytes: tornBytes }, 'the end of a journal was never written whole, and is dropped');
    }
    this.#entries = entries;
    const whole = linesOf(entries);
    if (text !== whole) writePrivateFile(path, whole);
    [this.#file, this.#bytes] = openForAppending(path);
  }

  /**
   * Reads the journal, or begins one. A last line that was never written whole is dropped and logged.
   * @throws NetworkError INVALID_OPTION for a file that others can use, or that is damaged before its end; IO
   */
  static open(options: PrivateJournalOptions): PrivateJournal {
    return new PrivateJournal(options);
  }

  /** What stood in it when it was opened, until `rewrite`. */
  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /**
   * Puts other lines in the place of all that there are: the shortest that say the same. Before the first `append`.
   * @throws NetworkError IO: the old lines are there still
   */
  rewrite(entries: Iterable<JournalEntry>): void {
    this.#requireOpen();
    if (this.#writing !== undefined) throw new NetworkError('INTERNAL', 'a journal is rewritten before it is added to');
    this.#requireOwn();
    writePrivateFile(this.#path, linesOf(entries));
    closeSync(this.#file);
    [this.#file, this.#bytes] = openForAppending(this.#path);
    this.#entries = [];
  }

  /**
   * Adds a line. How many may wait is the caller's to bound.
   * @returns once it is on the disk
   * @throws NetworkError IO: it is not, or nobody knows; after a sync that failed nothing is taken any more. STOPPED
   */
  append(entry: JournalEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#requireOpen();
      this.#waiting.push({ line: `${JSON.stringify(entry)}\n`, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Waits for what was added, and closes the file. Idempotent. */
  async close(): Promise<void> {
    const first = !this.#closed;
    this.#closed = true;
    await this.#writing;
    if (first) closeSync(this.#file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #writeAll(): Promise<void> {
    // Those that are added in this turn go out together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#writeBatch(batch.map((each) => each.line).join(''));
        for (const each of batch) each.resolve();
      } catch (error) {
        this.counters.failed += batch.length;
        const reason = toNetworkError(error, 'IO');
        for (const each of batch) each.reject(reason);
      }
    }
    this.#writing = undefined;
  }

  async #writeBatch(text: string): Promise<void> {
    if (this.#failure) throw this.#failure;
    let rest: Uint8Array = Buffer.from(text);
    const bytes = this.#bytes + rest.length;
    if (bytes > this.#maxBytes) {
      this.counters.full += 1;
      throw new NetworkError('IO', `${this.#path} is full (${this.#maxBytes} bytes)`, { hint: RESTART });
    }
    try {
      while (rest.length > 0) rest = rest.subarray((await writeTo(this.#file, rest)).bytesWritten);
    } catch (error) {
      this.#takeBack();
      throw explainFileError(error, this.#path, 'written');
    }
    await this.#confirm(bytes);
  }

  /** After a write that failed, a disk that was full for instance: the next one begins where this one began. */
  #takeBack(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch (error) {
      this.#failure = explainFileError(error, this.#path, 'repaired');
    }
  }

  async #confirm(bytes: number): Promise<void> {
    try {
      await this.#sync(this.#file);
      this.#bytes = bytes;
      this.#requireOwn();
    } catch (error) {
      // The next sync would succeed, and prove nothing: the kernel has forgotten the pages.
      const { message } = explainFileError(error, this.#path, 'put on the disk');
      this.#failure = new NetworkError('IO', message, { cause: error, hint: RESTART });
      throw this.#failure;
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new NetworkError('STOPPED', `${this.#path} is closed`);
    if (this.#failure) throw this.#failure;
  }

  /** @throws NetworkError IO if another process has written to the file, or put another one in its place */
  #requireOwn(): void {
    const ours = fstatSync(this.#file);
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (ours.size === this.#bytes && there?.ino === ours.ino && there.dev === ours.dev) return;
    throw new NetworkError('IO', `${this.#path} was changed by somebody else: does another leader use the directory?`);
  }
}

const RESTART = 'Start the leader again: what was acknowledged is in the journal.';

const linesOf = (entries: Iterable<JournalEntry>): string =>
  Array.from(entries, (entry) => `${JSON.stringify(entry)}\n`).join('');

function openForAppending(path: string): [file: number, bytes: number] {
  const file = openPrivateFile(path, constants.O_RDWR | constants.O_APPEND);
  if (file === undefined) throw new NetworkError('IO', `${path} was removed while it was being opened`);
  return [file, fstatSync(file).size];
}

/**
 * A write that was cut short leaves a beginning of what was written, or, after a power cut, zeros; neither was ever
 * acknowledged. Anything else that is no line of ours is damage, and not to be passed over: it may be an eviction.
 */
function readLines(text: string, path: string): { readonly entries: JournalEntry[]; readonly tornBytes: number } {
  const entries: JournalEntry[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? text.length : end);
    const entry = readEntry(line);
    if (entry === undefined) {
      const rest = text.slice(at);
      if (end < 0 || !/[^\0\n]/.test(rest)) return { entries, tornBytes: Buffer.byteLength(rest) };
      throw new NetworkError('INVALID_OPTION', `${path} is damaged: line ${entries.length + 1} cannot be read`, {
        hint: 'Put back a copy of it, or move it away: devices and invitations of this cluster are then unknown.',
      });
    }
    entries.push(entry);
    at += line.length + 1;
  }
  return { entries, tornBytes: 0 };
}

function readEntry(line: string): JournalEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JournalEntry) : undefined;
  } catch {
    return undefined;
  }
}
