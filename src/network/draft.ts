import { NetworkError } from '../base/errors.js';
import { ANYONE, EVERYONE, NODE_NAME, TYPE_NAME } from '../base/names.js';
import { MAX_TTL_MS, PRIORITY_NAMES, shownValue } from '../message/guard.js';

/** What a caller of the library says of a message. */
interface Draft {
  readonly type: string;
  readonly to?: string | undefined;
  readonly priority?: string | undefined;
  readonly component?: string | undefined;
}

/**
 * What is wrong with a message before it is sent: the peer would refuse it all the same, but hold it against the
 * connection, which is ended after a few.
 *
 * @returns INVALID_OPTION naming the field
 */
export function draftError({ type, to, priority, component }: Draft): NetworkError | undefined {
  if (!isText(type, TYPE_NAME)) return refuse('type', type, 'a message type');
  if (to !== undefined && to !== ANYONE && to !== EVERYONE && !isText(to, NODE_NAME)) {
    return refuse('to', to, 'a node name');
  }
  if (priority !== undefined && !PRIORITY_NAMES.has(priority)) return refuse('priority', priority, 'a priority');
  if (component !== undefined && !isText(component, TYPE_NAME)) return refuse('component', component, 'a component');
  return undefined;
}

/** The same for how long an answer is waited for. */
export function timeoutError(timeoutMs: number | undefined): NetworkError | undefined {
  if (timeoutMs === undefined || (timeoutMs >= 0 && timeoutMs <= MAX_TTL_MS)) return undefined;
  return refuse('timeoutMs', timeoutMs, `a number of milliseconds from 0 to ${MAX_TTL_MS} (7 days)`);
}

const isText = (value: unknown, rule: RegExp): boolean => typeof value === 'string' && rule.test(value);

const refuse = (field: string, value: unknown, rule: string): NetworkError =>
  new NetworkError('INVALID_OPTION', `${field}: ${shownValue(value)} is not ${rule}`);
