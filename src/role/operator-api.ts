import type { NodeId } from '../base/names.js';
import type { Priority } from '../message/message.js';
import type { ClusterStatus, CollaboratorStatus } from './status.js';

export interface RequestOptions {
  /** A node; `?` (default): the leader picks one that has the handler and is least busy. */
  readonly to?: NodeId | undefined;
  /** How long to wait for the answer. @default 5000 */
  readonly timeoutMs?: number | undefined;
  /** Aborting sends a cancel; the handler's own signal fires. */
  readonly signal?: AbortSignal | undefined;
  readonly priority?: Priority | undefined;
  readonly component?: string | undefined;
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

/** A client of a leader (or of a collaborator's own socket): what the CLI is made of. */
export interface OperatorApi extends AsyncDisposable {
  readonly self: NodeId;
  /** The node at the other end. */
  readonly peer: NodeId;
  /**
   * The cluster as the leader sees it. With `after`, answers as soon as the revision differs from it,
   * or when `timeoutMs` (default 5,000) is over, with what is then.
   */
  status(options?: {
    readonly after?: number;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<ClusterStatus>;
  /** A collaborator's view of itself; only on a collaborator's socket. */
  selfStatus(options?: { readonly signal?: AbortSignal }): Promise<CollaboratorStatus>;
  /** @returns the payload of the answer; `node` says who gave it. @throws NetworkError what the handler or the way said */
  call(
    type: string,
    payload?: unknown,
    options?: RequestOptions,
  ): Promise<{ readonly node: NodeId; readonly payload: unknown }>;
  /** One request to each of `nodes`; each answer as it comes. Silence is an answer with code TIMEOUT. */
  callEach(
    type: string,
    payload: unknown,
    nodes: readonly NodeId[],
    options?: Omit<RequestOptions, 'to'>,
  ): AsyncIterable<Answer>;
  /** One event to each of `nodes`; whether the leader could hand it on. */
  emitEach(
    type: string,
    payload: unknown,
    nodes: readonly NodeId[],
    options?: Omit<RequestOptions, 'to' | 'timeoutMs'>,
  ): Promise<readonly { readonly node: NodeId; readonly sent: boolean; readonly code?: string }[]>;
  /** Removes a node: it is told EVICTED and its process may not come back. */
  evict(node: NodeId): Promise<void>;
  /** Resolves with the reason when the connection is gone for good. */
  readonly closed: Promise<Error | undefined>;
  stop(): Promise<void>;
}
