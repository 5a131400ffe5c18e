import { messageOf, NetworkError } from '../base/errors.js';

/**
 * Text from the outside as a payload: JSON if it begins with `{`, `[` or `"`, else the text itself, so that
 * `123e456` and a 20-digit number are never mangled. `forceJson` takes every text as JSON.
 * @throws NetworkError INVALID_PAYLOAD if it begins like JSON, or must be, and is not
 */
export function parsePayload(text: string, forceJson = false): unknown {
  if (!forceJson && !/^[{["]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = forceJson ? undefined : 'Text that begins with {, [ or " is taken as JSON.';
    throw new NetworkError('INVALID_PAYLOAD', `the payload is not JSON: ${messageOf(error)}`, { hint });
  }
}
