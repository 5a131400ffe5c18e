import type { NodeId } from '../base/names.js';
import type { RequestOptions } from './request.js';
import type { AuthorityView, Invitation, InviteOptions } from './security-operations.js';
import type { ClusterStatus, CollaboratorStatus } from './status.js';

export interface EachOptions extends Omit<RequestOptions, 'to'> {
  readonly nodes: readonly NodeId[];
}

/** What became of one request of several. */
export type Answer =
  | { readonly node: NodeId; readonly ok: true; readonly ms: number; readonly payload: unknown }
  | {
      readonly node: NodeId;
      readonly ok: false;
      readonly ms: number;
      readonly error: { readonly code: string; readonly message: string };
    };

/** What became of one event of several: whether the leader could hand it on. */
export interface Emission {
  readonly node: NodeId;
  readonly sent: boolean;
  /** Why not. */
  readonly code?: string | undefined;
}

export interface StatusOptions {
  /** Wait until the revision is another one than this. */
  readonly after?: number | undefined;
  /** How long to wait for the answer, and with `after` for the change. @default 5000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A new join token: the one message in which a secret travels. Keep it out of logs. */
export interface NewInvite extends Invitation {
  readonly token: string;
  /** Where other hosts reach the leader. */
  readonly address: string;
  /** Where this very host does. */
  readonly localAddress: string;
}

/** A client of a leader (or of a collaborator's own socket): what the CLI is made of. */
export interface OperatorApi extends AsyncDisposable {
  readonly self: NodeId;
  /** The node at the other end. */
  readonly peer: NodeId;
  /**
   * The cluster as the leader sees it. With `after`, answers as soon as the revision differs from it,
   * or when `timeoutMs` (default 5,000) is over, with what is then.
   */
  status(options?: StatusOptions): Promise<ClusterStatus>;
  /** A collaborator's view of itself; only on a collaborator's socket. */
  selfStatus(options?: { readonly signal?: AbortSignal | undefined }): Promise<CollaboratorStatus>;
  /** @returns the payload of the answer; `node` says who gave it. @throws NetworkError what the handler or the way said */
  call(
    type: string,
    payload?: unknown,
    options?: RequestOptions,
  ): Promise<{ readonly node: NodeId; readonly payload: unknown }>;
  /** One request to each of `nodes`; each answer as it comes. Silence is an answer with code TIMEOUT. */
  callEach(type: string, payload: unknown, options: EachOptions): AsyncIterable<Answer>;
  /** One event to each of `nodes`; whether the leader could hand it on. */
  emitEach(type: string, payload: unknown, options: Omit<EachOptions, 'timeoutMs'>): Promise<readonly Emission[]>;
  /**
   * Shuts a node, operator or observer out: its connections end with EVICTED, its key is refused from then on (one
   * without a key: its process), and its name stays reserved.
   * @throws NetworkError NO_TARGET
   */
  evict(node: NodeId): Promise<void>;
  /** Frees the name of a node that is gone or evicted. @throws NetworkError NO_TARGET; NAME_IN_USE while it is there */
  forget(node: NodeId): Promise<void>;
  /** Makes a join token. @throws NetworkError INVALID_PAYLOAD naming the field */
  createInvite(options: InviteOptions): Promise<NewInvite>;
  /** Those of the last week, without their secrets, the oldest first. */
  invites(): Promise<readonly Invitation[]>;
  /** Nobody can enrol with it any more; who has, stays. @returns whether there is such a token */
  revokeInvite(id: string): Promise<boolean>;
  /** Revokes all. @returns how many could still have been used */
  rotateInvites(): Promise<number>;
  authority(): Promise<AuthorityView>;
  /** Replaces the certificate authority; tokens that pin the old one are revoked. */
  rotateAuthority(): Promise<{ readonly fingerprint: string; readonly revokedInvites: number }>;
  /** Resolves with the reason when the connection is gone for good. */
  readonly closed: Promise<Error | undefined>;
  stop(): Promise<void>;
}
