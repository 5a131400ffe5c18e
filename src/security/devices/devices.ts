import type { Clock } from '../../base/clock.js';
import { Emitter } from '../../base/emitter.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Ledger } from '../storage/book-journal.js';
import { type Device, type DeviceBook, type DeviceRecord, enrolEntry, evictEntry, forgetEntry } from './device-book.js';
import { deviceIdOf } from './device-key.js';

export interface DevicesOptions {
  readonly book: DeviceBook;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Devices that are kept, evicted ones included. @default 100,000 */
  readonly maxDevices?: number | undefined;
}

export interface NewDevice extends Pick<Device, 'name' | 'role' | 'maySubmit' | 'invite'> {
  /** Raw public key, base64url. */
  readonly key: string;
}

const MAX_DEVICES = 100_000;

/**
 * The keys that may hold sessions. A device is one only once it is stored; until then it reserves its name, its key
 * and one use of its invitation, so that of two that want the same exactly one gets it.
 */
export class Devices {
  readonly #book: DeviceBook;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #unstored = new Map<DeviceRecord, Promise<void>>();
  readonly #unstoredUses = new Map<string, number>();
  /** Evicted, but the disk does not know it. */
  readonly #unstoredEvictions = new Set<DeviceRecord>();
  #latest: Promise<void> = Promise.resolve();
  readonly #events = new Emitter<{ evicted: Device }>();

  constructor(options: DevicesOptions) {
    this.#book = options.book;
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#max = options.maxDevices ?? MAX_DEVICES;
  }

  get isFull(): boolean {
    return this.#book.size >= this.#max;
  }

  /** In the order of their enrolment; what a name is reserved for is in it as well. */
  list(): Device[] {
    return [...this.#book.all()].filter((record) => !this.#unstored.has(record)).map(deviceOf);
  }

  byName(name: NodeId): Device | undefined {
    const record = this.#book.byName(name);
    return record && !this.#unstored.has(record) ? deviceOf(record) : undefined;
  }

  /** The record of a key, stored or about to be. */
  find(key: string): DeviceRecord | undefined {
    return this.#book.byKey(key);
  }

  isStored(record: DeviceRecord): boolean {
    return !this.#unstored.has(record);
  }

  /** Resolves once it is known whether the record could be stored; undefined if it is known already. */
  pending(record: DeviceRecord): Promise<void> | undefined {
    return this.#unstored.get(record)?.catch(() => {});
  }

  /** Who has the name: a device of this name, or a client one of whose sessions it could be (`ops` has `ops.1`). */
  holder(name: NodeId): DeviceRecord | undefined {
    const own = this.#book.byName(name);
    if (own) return own;
    for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
      const record = this.#book.byName(name.slice(0, dot));
      if (record && record.role !== 'collaborator') return record;
    }
    return undefined;
  }

  /** Devices that the invitation has enrolled. */
  uses(invite: string): number {
    return this.#book.uses(invite) - this.unstoredUses(invite);
  }

  /** Devices that it is enrolling now. */
  unstoredUses(invite: string): number {
    return this.#unstoredUses.get(invite) ?? 0;
  }

  /** Resolves when the enrolments that are under way now are over, well or not. */
  settled(): Promise<void> {
    return this.#latest;
  }

  /**
   * Adds a device whose name, key and invitation the caller has found free in this very turn.
   * @returns once it is stored
   * @throws NetworkError IO: it could not be, and nothing is reserved any more
   */
  async enrol(device: NewDevice): Promise<DeviceRecord> {
    const { key, name, role, maySubmit, invite } = device;
    const enrolledAt = this.#wall();
    const record: DeviceRecord = { key, name, role, maySubmit, invite, enrolledAt, evictedAt: undefined };
    if (!this.#book.add(record)) throw new NetworkError('INTERNAL', `the name ${name} or its key is taken`);
    this.#unstoredUses.set(invite, this.unstoredUses(invite) + 1);
    const storing = this.#store(record);
    this.#unstored.set(record, storing);
    const before = this.#latest;
    this.#latest = storing.catch(() => {}).then(() => before);
    await storing;
    return record;
  }

  /**
   * Refuses the device from now on, also if that cannot be stored; its name stays taken.
   * @returns whether there is such a device
   * @throws NetworkError IO: after a restart it would be welcome again; try again
   */
  async evict(name: NodeId): Promise<boolean> {
    const record = await this.#stored(name);
    if (!record) return false;
    if (record.evictedAt === undefined) {
      record.evictedAt = this.#wall();
      this.#unstoredEvictions.add(record);
      this.#events.emit('evicted', deviceOf(record));
    }
    if (this.#unstoredEvictions.has(record)) {
      await this.#ledger.append(evictEntry(name, record.evictedAt));
      this.#unstoredEvictions.delete(record);
    }
    return true;
  }

  /**
   * Makes the device unknown and its name free: another key may enrol with it.
   * @returns whether there was such a device
   * @throws NetworkError IO: nothing has changed
   */
  async forget(name: NodeId): Promise<boolean> {
    const record = await this.#stored(name);
    if (!record) return false;
    await this.#ledger.append(forgetEntry(name, this.#wall()));
    if (this.#book.byName(name) !== record) return true;
    this.#book.remove(name);
    this.#unstoredEvictions.delete(record);
    if (record.evictedAt === undefined) this.#events.emit('evicted', deviceOf(record));
    return true;
  }

  /** Told of each device that is refused from now on, evicted or forgotten: end its connections. */
  onEvicted(listener: (device: Device) => void): Disposable {
    return this.#events.on('evicted', listener);
  }

  async #store(record: DeviceRecord): Promise<void> {
    const { invite } = record;
    try {
      await this.#ledger.append(enrolEntry(record));
    } catch (error) {
      this.#book.undo(record);
      throw error;
    } finally {
      this.#unstored.delete(record);
      const left = this.unstoredUses(invite) - 1;
      if (left > 0) this.#unstoredUses.set(invite, left);
      else this.#unstoredUses.delete(invite);
    }
  }

  async #stored(name: NodeId): Promise<DeviceRecord | undefined> {
    let record = this.#book.byName(name);
    for (; record && this.#unstored.has(record); record = this.#book.byName(name)) await this.pending(record);
    return record;
  }

  #wall(): number {
    return Math.max(0, Math.floor(this.#clock.wallNow()));
  }
}

/** As everybody may see it. */
export function deviceOf(record: DeviceRecord): Device {
  const { name, role, maySubmit, enrolledAt, invite, evictedAt } = record;
  const id = deviceIdOf(Buffer.from(record.key, 'base64url'));
  const seen = { id, name, role, maySubmit, enrolledAt, invite };
  return evictedAt === undefined ? { ...seen, state: 'active' } : { ...seen, state: 'evicted', evictedAt };
}
