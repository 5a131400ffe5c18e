import { isPromise } from '../base/deferred.js';
import { payloadOf } from '../message/raw-payload.js';
import type { Handler } from './handler.js';
import type { Invocation } from './invocation.js';
import { type Checked, validate } from './schema.js';

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
  const input = validate(handler.options.input, payload, {
    what: `payload of '${handler.type}'`,
    code: 'INVALID_PAYLOAD',
  });
  if (!isPromise(input)) return checked(handler, handler.run(input, invocation));
  return input.then((value) => checked(handler, handler.run(value, invocation)));
}

function checked(handler: Handler, result: unknown): unknown {
  const schema = handler.options.output;
  if (!schema) return result;
  // The caller did nothing wrong, and the work is done.
  const answer: Checked = { what: `answer of '${handler.type}'`, code: 'HANDLER_FAILED' };
  if (isPromise(result)) return result.then((value) => validate(schema, value, answer));
  return validate(schema, result, answer);
}
