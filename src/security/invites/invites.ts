import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import { isCount, isRole, TOKEN_ROLES, type TokenRole } from '../storage/book-entry.js';
import type { Ledger } from '../storage/book-journal.js';
import { toBase32 } from './base32.js';
import {
  createEntry,
  hasExpired,
  type Instant,
  type Invitation,
  type InviteBook,
  type InviteRecord,
  revokeEntry,
} from './invite-book.js';
import { formatToken, type JoinToken } from './join-token.js';

export interface InvitesOptions {
  readonly book: InviteBook;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** SHA-256 of the CA certificate of now, which tokens pin. */
  readonly fingerprint: () => Uint8Array;
  /** How many devices an invitation has enrolled. */
  readonly uses: (id: string) => number;
  /** Invitations that are kept, ended ones included. @default 10,000 */
  readonly maxInvites?: number | undefined;
}

export interface NewInvitation {
  readonly role: TokenRole;
  /** How many devices it may enrol: 1 to 100,000. @default 1 */
  readonly uses?: number | undefined;
  /** How long it is valid, in milliseconds: 1 s to 365 days. @default 86,400,000 (a day) */
  readonly ttlMs?: number | undefined;
  /** Whether the collaborators that enrol with it may call, emit and submit. @default false */
  readonly maySubmit?: boolean | undefined;
  /** The leader's own, made at its start: replaces the one of the start before, if that was not used. @default false */
  readonly automatic?: boolean | undefined;
}

type Wanted = { readonly [Field in keyof NewInvitation]-?: NonNullable<NewInvitation[Field]> };

/** What is wrong with a token; `unknown` and `wrong` look the same to whoever presents it. */
export type InviteFault = 'unknown-token' | 'wrong-token' | 'token-revoked' | 'token-expired';

const DAY_MS = 86_400_000;
const MAX_INVITES = 10_000;
const MAX_USES = 100_000;
const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 365 * DAY_MS;
/** For so long it can still be said of a token that it has expired or was revoked; then it is unknown. */
const KEEP_ENDED_MS = 7 * DAY_MS;
const ID_BYTES = 5;
const SECRET_BYTES = 20;
const NOBODYS_HASH = Buffer.alloc(32);

/** The join tokens of a leader. It keeps the SHA-256 of their secrets only: each token is told once, when it is made. */
export class Invites {
  readonly #book: InviteBook;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #fingerprint: () => Uint8Array;
  readonly #uses: (id: string) => number;
  readonly #max: number;
  /** Revoked, but the disk does not know it. */
  readonly #unstored = new Set<InviteRecord>();

  constructor(options: InvitesOptions) {
    this.#book = options.book;
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#fingerprint = options.fingerprint;
    this.#uses = options.uses;
    this.#max = options.maxInvites ?? MAX_INVITES;
  }

  /**
   * Makes a token; it is valid, and stored, when this resolves.
   * @throws NetworkError INVALID_OPTION naming the field; OVERLOADED when there are too many; IO
   */
  async create(invitation: NewInvitation): Promise<{ readonly token: string } & Invitation> {
    const wanted = checkInvitation(invitation);
    if (wanted.automatic) await this.#revokeWhere((record) => record.automatic && this.#uses(record.id) === 0);
    this.#makeRoom();
    const secret = randomBytes(SECRET_BYTES);
    const fingerprint = this.#fingerprint();
    const record = this.#record(wanted, { hash: sha256(secret), fingerprint });
    this.#book.add(record);
    try {
      await this.#ledger.append(createEntry(record));
    } catch (error) {
      this.#book.remove(record.id);
      throw error;
    }
    const token = formatToken({ role: record.role, fingerprint, id: record.id, secret });
    return { token, ...this.#seen(record) };
  }

  /** In the order of their making, those that ended within the last week included. */
  list(): Invitation[] {
    return [...this.#book.all()].map((record) => this.#seen(record));
  }

  /**
   * Nobody can enrol with it from now on, also if that cannot be stored; devices that have enrolled stay.
   * @returns whether there is such an invitation
   * @throws NetworkError IO: after a restart it would be valid again; try again
   */
  async revoke(id: string): Promise<boolean> {
    const record = this.#book.get(id);
    if (!record) return false;
    await this.#revoke([record]);
    return true;
  }

  /** Revokes all that could still be used. @returns how many that were */
  revokeAll(): Promise<number> {
    return this.#revokeWhere(() => true);
  }

  /** How many could still be used, but that their tokens pin another CA than that of now. */
  foreign(): number {
    const isForeign = this.#isForeign();
    return [...this.#book.all()].filter((record) => isForeign(record) && !this.#hasEnded(record)).length;
  }

  /** Revokes those. */
  revokeForeign(): Promise<number> {
    return this.#revokeWhere(this.#isForeign());
  }

  /**
   * Whether the token is that of an invitation which still holds; how often it was used is not looked at.
   * A wrong secret, role or id takes as long as a right one.
   */
  check({ id, secret, role }: JoinToken): InviteRecord | InviteFault {
    const record = this.#book.get(id);
    const expected = record ? Buffer.from(record.hash, 'base64url') : NOBODYS_HASH;
    const isRight = timingSafeEqual(createHash('sha256').update(secret).digest(), expected);
    if (!record) return 'unknown-token';
    if (!isRight || record.role !== role) return 'wrong-token';
    if (record.revokedAt !== undefined || record.authority !== base64url(this.#fingerprint())) return 'token-revoked';
    return hasExpired(record, this.#instant()) ? 'token-expired' : record;
  }

  /** Forgets those that ended more than `keepMs` ago. @returns how many @param keepMs default a week */
  prune(keepMs: number = KEEP_ENDED_MS): number {
    const { wall } = this.#instant();
    let pruned = 0;
    for (const record of this.#book.all()) {
      if (!this.#hasEnded(record) || this.#unstored.has(record)) continue;
      if (keepMs > 0 && wall - (record.revokedAt ?? record.expiresAt) < keepMs) continue;
      this.#book.remove(record.id);
      pruned += 1;
    }
    return pruned;
  }

  #isForeign(): (record: InviteRecord) => boolean {
    const ours = base64url(this.#fingerprint());
    return (record) => record.authority !== ours;
  }

  async #revokeWhere(isMeant: (record: InviteRecord) => boolean): Promise<number> {
    const meant = [...this.#book.all()].filter((record) => isMeant(record) && this.#needsRevoking(record));
    const open = meant.filter((record) => record.revokedAt === undefined).length;
    await this.#revoke(meant);
    return open;
  }

  #hasEnded(record: InviteRecord): boolean {
    if (record.revokedAt !== undefined || hasExpired(record, this.#instant())) return true;
    return this.#uses(record.id) >= record.uses;
  }

  /** Whether it could be used, or would be after a restart. */
  #needsRevoking(record: InviteRecord): boolean {
    if (this.#unstored.has(record)) return true;
    return record.revokedAt === undefined && !this.#hasEnded(record);
  }

  /** All in one turn, so that one fsync serves them. */
  async #revoke(records: readonly InviteRecord[]): Promise<void> {
    const at = this.#instant().wall;
    const storing: Promise<void>[] = [];
    for (const record of records) {
      if (record.revokedAt === undefined) this.#unstored.add(record);
      record.revokedAt ??= at;
      if (this.#unstored.has(record)) storing.push(this.#storeRevocation(record, record.revokedAt));
    }
    const failed = (await Promise.allSettled(storing)).find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #storeRevocation(record: InviteRecord, at: number): Promise<void> {
    await this.#ledger.append(revokeEntry(record.id, at));
    this.#unstored.delete(record);
  }

  #record(wanted: Wanted, made: { hash: string; fingerprint: Uint8Array }): InviteRecord {
    const { role, uses, maySubmit, automatic, ttlMs } = wanted;
    const { now, wall } = this.#instant();
    const times = { createdAt: wall, expiresAt: wall + ttlMs, endsAt: now + ttlMs, revokedAt: undefined };
    const authority = base64url(made.fingerprint);
    return { id: this.#newId(), role, uses, maySubmit, automatic, ...times, hash: made.hash, authority };
  }

  #newId(): string {
    for (;;) {
      const id = toBase32(randomBytes(ID_BYTES));
      if (!this.#book.get(id)) return id;
    }
  }

  #makeRoom(): void {
    if (this.#book.size < this.#max) return;
    this.prune(0);
    if (this.#book.size < this.#max) return;
    throw new NetworkError('OVERLOADED', `there are ${this.#max} invitations that can still be used, and no room`, {
      hint: 'Revoke some: netmgr invite ls, netmgr invite revoke ID',
    });
  }

  #seen(record: InviteRecord): Invitation {
    const { id, role, uses, createdAt, expiresAt, revokedAt, maySubmit, automatic } = record;
    const seen = { id, role, uses, used: this.#uses(id), createdAt, expiresAt, maySubmit, automatic };
    return revokedAt === undefined ? seen : { ...seen, revokedAt };
  }

  #instant(): Instant {
    return { now: this.#clock.now(), wall: Math.max(0, Math.floor(this.#clock.wallNow())) };
  }
}

function checkInvitation(invitation: NewInvitation): Wanted {
  const { role, uses = 1, ttlMs = DAY_MS, maySubmit = false, automatic = false } = invitation;
  if (!isRole(role)) throw invalid(`role must be one of ${TOKEN_ROLES.join(', ')}`);
  if (!isCount(uses, 1) || uses > MAX_USES) throw invalid(`uses must be a whole number from 1 to ${MAX_USES}`);
  if (!isCount(ttlMs, MIN_TTL_MS) || ttlMs > MAX_TTL_MS) {
    throw invalid(`ttlMs must be a whole number of milliseconds from ${MIN_TTL_MS} (1 s) to ${MAX_TTL_MS} (365 days)`);
  }
  if (typeof maySubmit !== 'boolean') throw invalid('maySubmit must be true or false');
  if (typeof automatic !== 'boolean') throw invalid('automatic must be true or false');
  if (maySubmit && role !== 'collaborator') {
    throw invalid(
      `maySubmit is for collaborators: ${role === 'operator' ? 'an operator always may' : 'an observer never may'}`,
    );
  }
  return { role, uses, ttlMs, maySubmit, automatic };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url');

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

const invalid = (rule: string): NetworkError =>
  new NetworkError('INVALID_OPTION', `the invitation is not valid: ${rule}`);
