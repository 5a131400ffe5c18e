import { NetworkError } from '../../src/base/errors.js';
import type { Ledger } from '../../src/security/storage/book-journal.js';
import type { JournalEntry } from '../../src/security/storage/private-journal.js';

/** A disk that is slow, or full, when a test says so. */
export class FakeDisk implements Ledger {
  readonly entries: JournalEntry[] = [];
  /** So many writes fail from now on. */
  fails = 0;
  /** Writes that wait. */
  waiting = 0;
  #gate: Promise<void> = Promise.resolve();
  #open: (() => void) | undefined;

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open?.();
  }

  async append(entry: JournalEntry): Promise<void> {
    this.waiting += 1;
    await this.#gate;
    this.waiting -= 1;
    if (this.fails > 0) {
      this.fails -= 1;
      throw new NetworkError('IO', '/var/lib/netmgr/devices.journal cannot be written: the disk is full');
    }
    // As it would be read again.
    this.entries.push(JSON.parse(JSON.stringify(entry)));
  }
}
