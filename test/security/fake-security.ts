import { silentLog } from '../../src/base/log.js';
import { LogAudit } from '../../src/role/audit.js';
import type { Invitation, SecurityOperations } from '../../src/role/security-operations.js';

const INVITATION: Invitation = {
  id: 'abcdefgh',
  role: 'operator',
  uses: 1,
  used: 0,
  createdAt: 0,
  expiresAt: 1,
  maySubmit: false,
  automatic: false,
};

/** Security without keys: it knows the devices that it is told of, and does the rest at once. */
export class FakeSecurity implements SecurityOperations {
  readonly fingerprint = 'fingerprint';
  readonly counters = {};
  readonly audit: LogAudit = new LogAudit(silentLog);
  readonly #devices = new Map<string, { readonly name: string; evictedAt?: number }>();
  readonly #listeners = new Set<(device: { readonly name: string }) => void>();

  readonly invites: SecurityOperations['invites'] = {
    create: async () => ({ ...INVITATION, token: 'nmtk-1-o-fingerprint-abcdefgh-secret-sum' }),
    list: () => [INVITATION],
    revoke: async () => true,
    revokeAll: async () => 1,
  };

  readonly devices: SecurityOperations['devices'] = {
    byName: (name) => this.#devices.get(name),
    holder: (session) => this.#devices.get(session) ?? this.#devices.get(session.replace(/\.[^.]*$/, '')),
    evict: async (name) => {
      const device = this.#devices.get(name);
      if (!device) return false;
      device.evictedAt = 1;
      for (const listener of this.#listeners) listener(device);
      return true;
    },
    forget: async (name) => this.#devices.delete(name),
    onEvicted: (listener) => {
      this.#listeners.add(listener);
      return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
    },
  };

  enrol(name: string): void {
    this.#devices.set(name, { name });
  }

  authority(): ReturnType<SecurityOperations['authority']> {
    return { fingerprint: this.fingerprint, notAfter: 1, leaf: { notAfter: 1, renewAt: 1 } };
  }

  async rotateAuthority(): Promise<{ fingerprint: string; revokedInvites: number }> {
    return { fingerprint: 'another', revokedInvites: 0 };
  }

  async stop(): Promise<void> {}
}
