import { type ErrorCode, isNetworkError, messageOf, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Reached } from './connection.js';

/** How far a POST had come. */
export interface Progress extends Reached {
  readonly node: NodeId;
  readonly address: string;
  /** It was made twice, and there was a connection the first time. */
  readonly repeated: boolean;
}

/** The certificate of the peer does not prove that it is the node, whatever the reason. */
const UNPROVED = /^(CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE)/;
/** The peer says so of ours. */
const UNPROVED_HERE = /^ERR_SSL_(TLSV1|TLSV13|SSLV3)_ALERT_/;

/** What a POST failed with. */
export function postError(error: Error & { readonly code?: string }, progress: Progress): NetworkError {
  const { node, address, sent, handed, answering, end, repeated } = progress;
  const reason = error.code ?? messageOf(error);
  const failed = (code: ErrorCode, text: string, hint?: string): NetworkError =>
    new NetworkError(code, text, { cause: error, node, address, hint });
  if (UNPROVED_HERE.test(reason)) {
    return failed('NOT_ALLOWED', `${address} does not accept the certificate of this node (${reason})`);
  }
  if (answering) {
    const what = end === 'malformed' ? 'cannot be read' : 'broke off';
    return failed('RECEIVE_FAILED', `the answer of ${node} (${address}) ${what}: ${reason}`);
  }
  if (sent && !handed && !repeated) {
    return failed(
      'SEND_FAILED',
      `the connection to ${node} (${address}) ended while the request was being sent: ${reason}`,
    );
  }
  if (sent || repeated) {
    return failed('CLOSED', `the connection to ${node} (${address}) ended before its answer: ${reason}`);
  }
  if (isNetworkError(error)) {
    const text = error.code === 'CLUSTER_MISMATCH' ? `${address} is not ${node}: ${error.message}` : error.message;
    return failed(error.code, text);
  }
  if (UNPROVED.test(reason)) {
    return failed('CLUSTER_MISMATCH', `${address} does not prove that it is ${node} (${reason})`, 'Check the address.');
  }
  return failed('CONNECTION_FAILED', `${address}, the address of ${node}, cannot be reached: ${reason}`);
}

/** What a POST failed with that could not even be begun. */
export function unsent(thrown: unknown, { node, address }: Pick<Progress, 'node' | 'address'>): NetworkError {
  const text = `the request to ${node} (${address}) could not be sent: ${messageOf(thrown)}`;
  return new NetworkError('SEND_FAILED', text, { cause: thrown, node, address });
}
