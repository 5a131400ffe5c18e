import path from 'node:path';
import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import type { NodeId } from '../base/names.js';
import type { Random } from '../base/random.js';
import type { Authenticator } from '../network/authenticator.js';
import type { ListenTls } from '../network/credentials.js';
import { Audit } from './audit/audit.js';
import { LeafKeeper } from './certificates/leaf-keeper.js';
import { DeviceAuthenticator } from './devices/device-authenticator.js';
import { DeviceBook } from './devices/device-book.js';
import { Devices } from './devices/devices.js';
import { GuessLimit, type GuessLimitOptions } from './devices/guess-limit.js';
import { toBase32 } from './invites/base32.js';
import { InviteBook } from './invites/invite-book.js';
import { Invites } from './invites/invites.js';
import { BookJournal } from './storage/book-journal.js';
import { makePrivateDirectory } from './storage/private-file.js';

export interface LeaderSecurityOptions {
  /** Where keys, certificates and journals are kept; made if it is not there. @default none: in memory only */
  readonly directory?: string | undefined;
  readonly cluster: string;
  /** The leader's own name: no device may have it. */
  readonly leader: NodeId;
  /** Host names and IP addresses by which nodes reach the leader. @default [] */
  readonly names?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Also what is audited goes here. @default silent */
  readonly log?: Log | undefined;
  readonly guesses?: GuessLimitOptions | undefined;
}

/** For people: which authority nodes trust, and until when. Times in milliseconds since the epoch. */
export interface AuthorityView {
  /** SHA-256 of its certificate, in base32 as in a token. */
  readonly fingerprint: string;
  readonly notAfter: number;
  readonly leaf: { readonly notAfter: number; readonly renewAt: number };
}

interface Journals {
  readonly invites: BookJournal;
  readonly devices: BookJournal;
}

interface Parts {
  readonly keeper: LeafKeeper;
  readonly journals: Journals;
  readonly invites: Invites;
  readonly devices: Devices;
}

/**
 * Everything that makes a leader secure: its certificates, the invitations, the devices, who is let in, and the books
 * about who was not. One for each leader; after `stop` nothing of it may be used.
 */
export class LeaderSecurity implements AsyncDisposable {
  readonly invites: Invites;
  readonly devices: Devices;
  readonly audit: Audit;
  /** For the TLS listener; renewals reach it without a restart. */
  readonly tls: ListenTls;
  readonly authenticator: Authenticator;
  readonly #authenticator: DeviceAuthenticator;
  readonly #guesses: GuessLimit;
  readonly #keeper: LeafKeeper;
  readonly #journals: Journals;
  readonly #log: Log;

  private constructor(options: LeaderSecurityOptions, parts: Parts) {
    const { cluster, leader, clock, log = silentLog } = options;
    const { keeper, journals, invites, devices } = parts;
    this.#log = log;
    this.#keeper = keeper;
    this.#journals = journals;
    this.invites = invites;
    this.devices = devices;
    this.audit = new Audit({ clock, log });
    this.#guesses = new GuessLimit(options.guesses);
    const roots = () => keeper.authority.roots;
    const judges = { invites, devices, guesses: this.#guesses, audit: this.audit };
    this.#authenticator = new DeviceAuthenticator({ cluster, leader, clock, roots, ...judges });
    this.authenticator = this.#authenticator;
    this.tls = keeper;
  }

  /**
   * Opens what is kept in the directory; the first time it makes an authority. For one process at a time: the caller
   * holds a lock on the directory.
   * @throws NetworkError INVALID_OPTION for files that others can use, or that are damaged, with what to do; IO;
   *   CLUSTER_MISMATCH; NOT_ALLOWED if the clock is wrong
   */
  static async open(options: LeaderSecurityOptions): Promise<LeaderSecurity> {
    const { directory, clock, log = silentLog } = options;
    if (directory !== undefined) makePrivateDirectory(directory);
    const journals = openJournals(directory, log);
    let keeper: LeafKeeper | undefined;
    try {
      const opened = { now: clock.now(), wall: clock.wallNow() };
      const books = { invites: new InviteBook(opened), devices: new DeviceBook() };
      journals.devices.fill(books.devices);
      journals.invites.fill(books.invites);
      keeper = await openKeeper(options, books.devices.size > 0);
      const parts = assemble({ keeper, journals, books, clock });
      shorten(parts, books);
      // A crash may have come between the new authority and this.
      await parts.invites.revokeForeign();
      return new LeaderSecurity(options, parts);
    } catch (error) {
      await keeper?.stop();
      await closeAll(journals);
      throw error;
    }
  }

  /** SHA-256 of the authority's certificate, in base32 as in a token. */
  get fingerprint(): string {
    return toBase32(this.#keeper.authority.fingerprint);
  }

  /** What was refused, audited, limited, lost and done since the start. */
  get counters(): Record<string, number> {
    const journals = [this.#journals.invites.counters, this.#journals.devices.counters];
    const sum = (name: 'full' | 'failed' | 'torn') => journals.reduce((total, counters) => total + counters[name], 0);
    return {
      ...this.audit.counters,
      ...this.#authenticator.counters,
      ...this.#keeper.counters,
      guessLocks: this.#guesses.locks,
      guessersForgotten: this.#guesses.forgotten,
      journalFull: sum('full'),
      journalFailed: sum('failed'),
      journalTorn: sum('torn'),
    };
  }

  authority(): AuthorityView {
    const { notAfter, renewAt } = this.#keeper.leaf;
    return { fingerprint: this.fingerprint, notAfter: this.#keeper.authority.notAfter, leaf: { notAfter, renewAt } };
  }

  /**
   * Replaces the authority. Nodes that are enrolled do not notice: they are told of the new one when they connect, and
   * until then trust it by the old one's signature. Every invitation that could still be used is revoked, for its
   * token carries the fingerprint of the old one.
   * @throws as `LeafKeeper.rotate` does: then nothing has changed
   */
  async rotateAuthority(): Promise<{ readonly fingerprint: string; readonly revokedInvites: number }> {
    await this.#keeper.rotate();
    const { invites } = this;
    const revokedInvites = invites.foreign();
    try {
      await invites.revokeForeign();
    } catch (error) {
      // They are refused all the same, for they carry another fingerprint, and revoked at the next start.
      this.#log.error(
        { error: messageOf(error) },
        'that invitations were revoked with the authority could not be stored',
      );
    }
    return { fingerprint: this.fingerprint, revokedInvites };
  }

  /** Stores what is under way, and ends timers and files. Idempotent. */
  async stop(): Promise<void> {
    this.audit.stop();
    await this.#keeper.stop();
    await closeAll(this.#journals);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function openJournals(directory: string | undefined, log: Log): Journals {
  const pathOf = (name: string) => (directory === undefined ? undefined : path.join(directory, name));
  const invites = BookJournal.open({ path: pathOf('invites.journal'), log });
  try {
    return { invites, devices: BookJournal.open({ path: pathOf('devices.journal'), log }) };
  } catch (error) {
    void invites.close();
    throw error;
  }
}

function openKeeper(options: LeaderSecurityOptions, expected: boolean): Promise<LeafKeeper> {
  const { directory, cluster, leader, names = [], clock, random, log } = options;
  return LeafKeeper.open({ directory, cluster, leader, names, clock, random, log, expected });
}

interface Books {
  readonly invites: InviteBook;
  readonly devices: DeviceBook;
}

interface Opened {
  readonly keeper: LeafKeeper;
  readonly journals: Journals;
  readonly books: Books;
  readonly clock: Clock;
}

function assemble({ keeper, journals, books, clock }: Opened): Parts {
  const devices = new Devices({ book: books.devices, ledger: journals.devices, clock });
  const invites = new Invites({
    book: books.invites,
    ledger: journals.invites,
    clock,
    fingerprint: () => keeper.authority.fingerprint,
    uses: (id) => devices.uses(id),
  });
  return { keeper, journals, invites, devices };
}

/** Forgets what ended long ago, and begins the journals anew with what is left. */
function shorten({ invites, journals }: Parts, books: Books): void {
  invites.prune();
  books.devices.keepUses((id) => books.invites.get(id) !== undefined);
  journals.invites.shorten(books.invites);
  journals.devices.shorten(books.devices);
}

async function closeAll({ invites, devices }: Journals): Promise<void> {
  await Promise.all([invites.close(), devices.close()]);
}
