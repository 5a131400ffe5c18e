import type { NodeId } from '../base/names.js';
import type { RequestOptions } from './request.js';
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
  /** Removes a node: it is told EVICTED and its process may not come back. */
  evict(node: NodeId): Promise<void>;
  /** Resolves with the reason when the connection is gone for good. */
  readonly closed: Promise<Error | undefined>;
  stop(): Promise<void>;
}
