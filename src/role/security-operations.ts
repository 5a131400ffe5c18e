import type { NodeId, Role } from '../base/names.js';
import type { Audit } from './audit.js';

/** What a device, and the one token that lets it enrol, may be. */
export type InvitedRole = Exclude<Role, 'leader'>;

/** What a new join token is to be good for. */
export interface InviteOptions {
  readonly role: InvitedRole;
  /** How many nodes may enrol with it. @default 1 */
  readonly uses?: number | undefined;
  /** How long, in milliseconds. @default 86,400,000 (a day) */
  readonly ttlMs?: number | undefined;
  /** Whether the collaborators that enrol with it may call, emit and submit. @default false */
  readonly maySubmit?: boolean | undefined;
}

/** A join token without its secret. Times are milliseconds since the epoch. */
export interface Invitation {
  /** The public part. */
  readonly id: string;
  readonly role: InvitedRole;
  readonly uses: number;
  readonly used: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number | undefined;
  readonly maySubmit: boolean;
  /** The leader made it by itself when it started. */
  readonly automatic: boolean;
}

/** What the leader vouches for itself with. Times are milliseconds since the epoch. */
export interface AuthorityView {
  /** SHA-256 of the authority's certificate, as join tokens carry it. */
  readonly fingerprint: string;
  readonly notAfter: number;
  readonly leaf: { readonly notAfter: number; readonly renewAt: number };
}

/** A key that may hold sessions, as far as a leader has to know it. */
export interface EnrolledDevice {
  /** Of the key, for people. */
  readonly id?: string | undefined;
  readonly name: NodeId;
  readonly evictedAt?: number | undefined;
}

/** What a leader needs of tokens, keys and certificates; `LeaderSecurity` is one. */
export interface SecurityOperations {
  readonly fingerprint: string;
  readonly counters: Readonly<Record<string, number>>;
  /** Where refusals, and what operators do, are written down. */
  readonly audit: Audit;
  readonly invites: {
    /** @throws NetworkError INVALID_OPTION naming the field, OVERLOADED, IO */
    create(
      invitation: InviteOptions & { readonly automatic?: boolean | undefined },
    ): Promise<Invitation & { readonly token: string }>;
    list(): readonly Invitation[];
    /** @returns whether there is such a token */
    revoke(id: string): Promise<boolean>;
    /** @returns how many could still have been used */
    revokeAll(): Promise<number>;
  };
  readonly devices: {
    /** Whose session it is that has this name. */
    holder(session: NodeId): EnrolledDevice | undefined;
    byName(name: NodeId): EnrolledDevice | undefined;
    /** Refuses the key from this moment on, and is done once that is stored. @returns whether there is such a device */
    evict(name: NodeId): Promise<boolean>;
    /** Frees the name. @returns whether there was such a device */
    forget(name: NodeId): Promise<boolean>;
    /** Told of each device that is refused from now on. */
    onEvicted(listener: (device: { readonly name: NodeId }) => void): Disposable;
  };
  authority(): AuthorityView;
  rotateAuthority(): Promise<{ readonly fingerprint: string; readonly revokedInvites: number }>;
  /** Ends its timers and files. */
  stop(): Promise<void>;
}
