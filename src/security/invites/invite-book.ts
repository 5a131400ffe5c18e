import { isBytes, isCount, isRole, isTokenId, type TokenRole } from '../storage/book-entry.js';
import type { JournalEntry } from '../storage/private-journal.js';

/** A right to enrol, as everybody may see it: the token's secret is not in it. */
export interface Invitation {
  /** Public part of the token. */
  readonly id: string;
  readonly role: TokenRole;
  /** How many devices it may enrol. */
  readonly uses: number;
  readonly used: number;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number | undefined;
  /** Whether collaborators that enrol with it may call, emit and submit. */
  readonly maySubmit: boolean;
  /** The leader made it by itself when it started. */
  readonly automatic: boolean;
}

/** What is stored of an invitation. How often it was used stands with the devices, so that both are one write. */
export interface InviteRecord extends Omit<Invitation, 'used' | 'revokedAt'> {
  /** SHA-256 of the secret, base64url. */
  readonly hash: string;
  /** SHA-256 of the CA certificate that the token pins, base64url. With another CA the token is of no use. */
  readonly authority: string;
  /** On the monotonic clock: a jump of the wall clock shortens or lengthens no invitation that is out. */
  readonly endsAt: number;
  revokedAt: number | undefined;
}

export interface Instant {
  /** Monotonic. */
  readonly now: number;
  /** Milliseconds since the epoch. */
  readonly wall: number;
}

/** So far the wall clock may be off before it is believed that more time has passed than the monotonic clock counted. */
const WALL_TOLERANCE_MS = 3_600_000;
const HASH_BYTES = 32;

/**
 * The invitations, as their journal tells them. Pure: entries in, state and entries out; it is told the time.
 */
export class InviteBook {
  readonly #records = new Map<string, InviteRecord>();
  readonly #opened: Instant;

  /** @param opened when the journal is read */
  constructor(opened: Instant) {
    this.#opened = opened;
  }

  get size(): number {
    return this.#records.size;
  }

  get(id: string): InviteRecord | undefined {
    return this.#records.get(id);
  }

  /** In the order of their making. */
  all(): IterableIterator<InviteRecord> {
    return this.#records.values();
  }

  add(record: InviteRecord): void {
    this.#records.set(record.id, record);
  }

  remove(id: string): void {
    this.#records.delete(id);
  }

  /** Does again what an entry says was done. @returns whether it is one of ours */
  replay(entry: JournalEntry): boolean {
    if (entry['t'] === 'create') return this.#replayCreate(entry);
    const { id, at: revokedAt } = entry;
    if (entry['t'] !== 'revoke' || !isTokenId(id) || !isCount(revokedAt)) return false;
    const record = this.#records.get(id);
    if (record) record.revokedAt ??= revokedAt;
    return true;
  }

  /** The shortest history that leads to the state of now. */
  *entries(): Generator<JournalEntry> {
    for (const record of this.#records.values()) {
      yield createEntry(record);
      if (record.revokedAt !== undefined) yield revokeEntry(record.id, record.revokedAt);
    }
  }

  #replayCreate(entry: JournalEntry): boolean {
    const { id, role, uses, at, expires, maySubmit, automatic, hash, authority } = entry;
    if (!isTokenId(id) || !isRole(role) || !isCount(uses, 1) || !isCount(at) || !isCount(expires)) return false;
    if (typeof maySubmit !== 'boolean' || typeof automatic !== 'boolean') return false;
    if (!isBytes(hash, HASH_BYTES) || !isBytes(authority, HASH_BYTES)) return false;
    if (this.#records.has(id)) return true;
    // A wall clock that stands before the making of the token is wrong: no token lives longer than it was made for.
    const { now, wall } = this.#opened;
    const endsAt = now + Math.min(expires - wall, expires - at);
    const record = { id, role, uses, createdAt: at, expiresAt: expires, maySubmit, automatic, hash, authority, endsAt };
    this.#records.set(id, { ...record, revokedAt: undefined });
    return true;
  }
}

export const createEntry = (record: InviteRecord): JournalEntry => ({
  t: 'create',
  id: record.id,
  role: record.role,
  uses: record.uses,
  at: record.createdAt,
  expires: record.expiresAt,
  maySubmit: record.maySubmit,
  automatic: record.automatic,
  hash: record.hash,
  authority: record.authority,
});

export const revokeEntry = (id: string, at: number): JournalEntry => ({ t: 'revoke', id, at });

export const hasExpired = (record: InviteRecord, { now, wall }: Instant): boolean =>
  now >= record.endsAt || wall >= record.expiresAt + WALL_TOLERANCE_MS;
