import type { NodeId } from '../../base/names.js';
import { isBytes, isCount, isName, isRole, isTokenId, type TokenRole } from '../storage/book-entry.js';
import type { JournalEntry } from '../storage/private-journal.js';

/** A key that may hold sessions, under one name and in one role. */
export interface Device {
  /** Of the key: the beginning of its SHA-256, base32. */
  readonly id: string;
  readonly name: NodeId;
  readonly role: TokenRole;
  /** A collaborator that may call, emit and submit. */
  readonly maySubmit: boolean;
  /** Milliseconds since the epoch, as all times here. */
  readonly enrolledAt: number;
  /** Id of the invitation that it came with. */
  readonly invite: string;
  readonly state: 'active' | 'evicted';
  readonly evictedAt?: number | undefined;
}

export interface DeviceRecord extends Omit<Device, 'id' | 'state' | 'evictedAt'> {
  /** The raw public key, base64url. */
  readonly key: string;
  evictedAt: number | undefined;
}

const KEY_BYTES = 32;

/**
 * The devices, as their journal tells them, and how many each invitation has enrolled: one entry says both, so that
 * no crash can come between. Pure: entries in, state and entries out.
 */
export class DeviceBook {
  readonly #byKey = new Map<string, DeviceRecord>();
  readonly #byName = new Map<NodeId, DeviceRecord>();
  /** Of each invitation, forgotten devices included. */
  readonly #uses = new Map<string, number>();

  get size(): number {
    return this.#byKey.size;
  }

  byKey(key: string): DeviceRecord | undefined {
    return this.#byKey.get(key);
  }

  byName(name: NodeId): DeviceRecord | undefined {
    return this.#byName.get(name);
  }

  /** In the order of their enrolment. */
  all(): IterableIterator<DeviceRecord> {
    return this.#byKey.values();
  }

  /** How many devices the invitation has enrolled. */
  uses(invite: string): number {
    return this.#uses.get(invite) ?? 0;
  }

  /** @returns false if the name or the key is taken */
  add(record: DeviceRecord): boolean {
    if (this.#byKey.has(record.key) || this.#byName.has(record.name)) return false;
    this.#byKey.set(record.key, record);
    this.#byName.set(record.name, record);
    this.#uses.set(record.invite, this.uses(record.invite) + 1);
    return true;
  }

  /** The device is unknown from now on, its name free; the use of its invitation stays counted. */
  remove(name: NodeId): void {
    const record = this.#byName.get(name);
    if (!record) return;
    this.#byName.delete(name);
    this.#byKey.delete(record.key);
  }

  /** Takes back what `add` did: it could not be stored. */
  undo(record: DeviceRecord): void {
    this.remove(record.name);
    const left = this.uses(record.invite) - 1;
    if (left > 0) this.#uses.set(record.invite, left);
    else this.#uses.delete(record.invite);
  }

  /** Forgets the uses of invitations that are gone. */
  keepUses(isKnown: (invite: string) => boolean): void {
    for (const invite of this.#uses.keys()) if (!isKnown(invite)) this.#uses.delete(invite);
  }

  /** Does again what an entry says was done. @returns whether it is one of ours */
  replay(entry: JournalEntry): boolean {
    if (entry['t'] === 'enrol') return this.#replayEnrol(entry);
    if (entry['t'] === 'spent') return this.#replaySpent(entry);
    const { name, at } = entry;
    if (!isName(name) || !isCount(at)) return false;
    const record = this.#byName.get(name);
    if (entry['t'] === 'evict' && record) record.evictedAt ??= at;
    if (entry['t'] === 'forget') this.remove(name);
    return entry['t'] === 'evict' || entry['t'] === 'forget';
  }

  /** The shortest history that leads to the state of now. */
  *entries(): Generator<JournalEntry> {
    const spent = new Map(this.#uses);
    for (const record of this.#byKey.values()) {
      yield enrolEntry(record);
      if (record.evictedAt !== undefined) yield evictEntry(record.name, record.evictedAt);
      const before = spent.get(record.invite);
      if (before !== undefined) spent.set(record.invite, before - 1);
    }
    for (const [invite, uses] of spent) if (uses > 0) yield { t: 'spent', invite, uses };
  }

  #replayEnrol(entry: JournalEntry): boolean {
    const { key, name, role, maySubmit, at, invite } = entry;
    if (!isBytes(key, KEY_BYTES) || !isName(name) || !isRole(role) || !isCount(at) || !isTokenId(invite)) return false;
    if (typeof maySubmit !== 'boolean') return false;
    // Whoever had the key or the name was never told so: that entry was written, but its fsync failed.
    for (const unstored of [this.#byKey.get(key), this.#byName.get(name)]) if (unstored) this.undo(unstored);
    return this.add({ key, name, role, maySubmit, enrolledAt: at, invite, evictedAt: undefined });
  }

  #replaySpent({ invite, uses }: JournalEntry): boolean {
    if (!isTokenId(invite) || !isCount(uses, 1)) return false;
    this.#uses.set(invite, this.uses(invite) + uses);
    return true;
  }
}

export const enrolEntry = (record: DeviceRecord): JournalEntry => ({
  t: 'enrol',
  key: record.key,
  name: record.name,
  role: record.role,
  maySubmit: record.maySubmit,
  at: record.enrolledAt,
  invite: record.invite,
});

export const evictEntry = (name: NodeId, at: number): JournalEntry => ({ t: 'evict', name, at });

export const forgetEntry = (name: NodeId, at: number): JournalEntry => ({ t: 'forget', name, at });
