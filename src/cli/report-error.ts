import { messageOf, NetworkError, toNetworkError } from '../base/errors.js';
import { visible } from '../message/escape.js';
import { redactTokens } from '../security/invites/join-token.js';
import { exitCodeOf, nodeOf } from './exit-codes.js';
import { jsonText, type Output } from './output.js';

/** Says on stderr what went wrong and what to do next; with `json` as one object. @returns the exit code */
export function reportError(thrown: unknown, output: Output, json: boolean): number {
  const error = toNetworkError(thrown);
  // What was typed is told back, and may have been a token in the wrong place.
  const message = redactTokens(error.message);
  const advice = error.hint ?? hintFor(error, thrown);
  const hint = advice === undefined ? undefined : redactTokens(advice);
  if (json) {
    output.complain(jsonText({ error: { code: error.code, message, hint: hint ?? null } }));
  } else {
    output.complain(`netmgr: ${visible(message)}`);
    if (hint !== undefined) output.complain(`  ${visible(hint)}`);
  }
  return exitCodeOf(error);
}

function hintFor(error: NetworkError, thrown: unknown): string | undefined {
  switch (error.code) {
    case 'CONNECTION_FAILED':
    case 'CLOSED':
      return "Is the leader running? 'netmgr lead' starts one on this host.";
    case 'NO_HANDLER':
      return "'netmgr nodes ls' shows who handles what.";
    case 'OVERLOADED':
    case 'BACKPRESSURE':
      return 'Everything is busy: try again later, or let more collaborators join.';
    case 'TIMEOUT':
      return "'--timeout' sets how long to wait, for instance --timeout 30s.";
    case 'TOO_LARGE':
      return 'One message may have 1 MiB: send a path or an address of what is larger.';
    case 'HANDLER_FAILED':
    case 'HANDLER_RETRY':
      return nodeOf(error) === undefined ? undefined : `So says ${error.node}; its log may say more.`;
    case 'NOT_ALLOWED':
    case 'CLUSTER_MISMATCH':
    case 'VERSION_MISMATCH':
    case 'HANDSHAKE_TIMEOUT':
    case 'IO':
      return `'netmgr doctor' looks for the cause; 'netmgr doctor explain ${error.code}' says what it may be.`;
    case 'INTERNAL':
      return `This is a fault in netmgr; please report it with these lines: ${placeOf(thrown)}`;
    // What was typed, or done, by whoever reads this.
    case 'INVALID_OPTION':
    case 'INVALID_PAYLOAD':
    case 'CANCELLED':
      return undefined;
    default:
      return `'netmgr doctor explain ${error.code}' says more.`;
  }
}

/** The first lines of the stack: enough to find the place. */
function placeOf(thrown: unknown): string {
  const cause = thrown instanceof NetworkError && thrown.cause !== undefined ? thrown.cause : thrown;
  const stack = cause instanceof Error ? (cause.stack ?? '') : messageOf(cause);
  return stack
    .split('\n')
    .slice(0, 4)
    .map((line) => line.trim())
    .join(' | ');
}
