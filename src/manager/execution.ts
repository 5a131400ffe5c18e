import { type ErrorCode, isNetworkError, messageOf, NetworkError } from '../base/errors.js';
import { payloadOf } from '../message/raw-payload.js';
import type { Handler } from './handler.js';
import type { Invocation } from './invocation.js';
import { validate } from './schema.js';

/** What a handler's own throw may say to the caller beside HANDLER_FAILED. */
const PASSED_ON: ReadonlySet<ErrorCode> = new Set([
  'HANDLER_FAILED',
  'HANDLER_RETRY',
  'INVALID_MESSAGE',
  'INVALID_PAYLOAD',
  'IO',
  'NAME_IN_USE',
  'NOT_ALLOWED',
  'NO_HANDLER',
  'NO_TARGET',
  'OVERLOADED',
]);

/**
 * Runs the handler between its two schemas. Promises only where there are some: most handlers answer in the turn in
 * which they are asked.
 * @returns what it answers, or a promise of that
 * @throws what the schema or the handler throws
 */
export function execute(invocation: Invocation): unknown {
  const { handler } = invocation.lane;
  const payload = payloadOf(invocation.message);
  if (!handler.options.input) return checked(handler, handler.run(payload, invocation));
  const input = validate(handler.options.input, payload, `payload of '${handler.type}'`);
  if (!isPromise(input)) return checked(handler, handler.run(input, invocation));
  return input.then((value) => checked(handler, handler.run(value, invocation)));
}

function checked(handler: Handler, result: unknown): unknown {
  const schema = handler.options.output;
  if (!schema) return result;
  const what = `answer of '${handler.type}'`;
  if (isPromise(result)) return result.then((value) => validate(schema, value, what));
  return validate(schema, result, what);
}

export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

/** What the caller is told of a failure. */
export function handlerError(thrown: unknown): NetworkError {
  if (isNetworkError(thrown) && PASSED_ON.has(thrown.code)) return thrown;
  return new NetworkError('HANDLER_FAILED', messageOf(thrown), { cause: thrown });
}
