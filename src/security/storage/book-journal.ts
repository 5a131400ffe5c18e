import { messageOf, NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { type JournalEntry, PrivateJournal } from './private-journal.js';

/** Where the changes of a book are kept. */
export interface Ledger {
  /** @returns once it is durable @throws NetworkError IO: it is not, or nobody knows */
  append(entry: JournalEntry): Promise<void>;
}

/** What a journal tells: the invitations, the devices. */
export interface Book {
  /** Does again what an entry says was done. @returns false if it says nothing that the book knows */
  replay(entry: JournalEntry): boolean;
  /** The shortest history that leads to the state of now. */
  entries(): Iterable<JournalEntry>;
}

export interface BookJournalOptions {
  /** Left out: nothing is kept beyond this process. */
  readonly path: string | undefined;
  readonly log: Log;
}

/** The journal of a book: read and shortened at the start, added to from then on. */
export class BookJournal implements Ledger, AsyncDisposable {
  readonly #path: string;
  readonly #log: Log;
  readonly #journal: PrivateJournal | undefined;

  private constructor({ path, log }: BookJournalOptions) {
    this.#path = path ?? '';
    this.#log = log;
    this.#journal = path === undefined ? undefined : PrivateJournal.open({ path, log });
  }

  /** @throws as `PrivateJournal.open` does */
  static open(options: BookJournalOptions): BookJournal {
    return new BookJournal(options);
  }

  /** Lines refused or lost, by reason. */
  get counters(): { readonly full: number; readonly failed: number; readonly torn: number } {
    return this.#journal?.counters ?? { full: 0, failed: 0, torn: 0 };
  }

  /** @throws NetworkError INVALID_OPTION for an entry that is none of the book's: it may be an eviction */
  fill(book: Book): void {
    let line = 0;
    for (const entry of this.#journal?.entries ?? []) {
      line += 1;
      if (book.replay(entry)) continue;
      throw new NetworkError('INVALID_OPTION', `${this.#path}: line ${line} is damaged, or of a newer netmgr`, {
        hint: 'Start the newer netmgr, or put back a copy of the file. To begin anew, without any device or invitation, move it away.',
      });
    }
  }

  /**
   * Replaces the history by a shorter one that says the same, if there is one; if the disk is too full for that, the
   * long one will do. Before the first `append`.
   */
  shorten(book: Book): void {
    if (!this.#journal) return;
    const entries = [...book.entries()];
    if (entries.length >= this.#journal.entries.length) return;
    try {
      this.#journal.rewrite(entries);
    } catch (error) {
      this.#log.warn({ path: this.#path, error: messageOf(error) }, 'a journal could not be shortened');
    }
  }

  append(entry: JournalEntry): Promise<void> {
    return this.#journal?.append(entry) ?? Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#journal?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
