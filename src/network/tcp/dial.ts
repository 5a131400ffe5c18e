import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Attempt } from '../framed/attempt.js';
import { Reconnect } from '../reconnect.js';
import type { Pending } from './pending.js';

/** What has become of dialling one node: a dial under way, or one that has failed. */
export class Dial {
  readonly node: NodeId;
  /** What waits for it. */
  readonly pending: Pending;
  /** Under way. */
  attempt: Attempt | undefined = undefined;
  /** Where it was dialled last. */
  address = '';
  /** Not before this is it dialled again there. */
  restsUntil: number = Number.NEGATIVE_INFINITY;
  reconnect: Reconnect = Reconnect.initial;
  /** Dials that have failed, one after the other. */
  failures = 0;

  constructor(node: NodeId, pending: Pending) {
    this.node = node;
    this.pending = pending;
  }
}

/** What a refusal says that the caller has to know as it is; everything else is that no connection could be made. */
const TOLD: ReadonlySet<ErrorCode> = new Set([
  'HANDSHAKE_TIMEOUT',
  'CLUSTER_MISMATCH',
  'VERSION_MISMATCH',
  'NOT_ALLOWED',
  'NAME_IN_USE',
  'UNREACHABLE',
  'OVERLOADED',
  'INVALID_OPTION',
  'STOPPED',
]);

/** Why a dial has failed, said of the node: nothing that waited for it was sent. */
export function dialFailure(cause: NetworkError, { node, address }: Pick<Dial, 'node' | 'address'>): NetworkError {
  const code = TOLD.has(cause.code) ? cause.code : 'CONNECTION_FAILED';
  return new NetworkError(code, `${node}: ${cause.message}`, { cause, hint: cause.hint, node, address });
}
