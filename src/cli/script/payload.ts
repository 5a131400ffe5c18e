import { isUtf8 } from 'node:buffer';
import { messageOf, NetworkError } from '../../base/errors.js';
import { visible } from '../../message/escape.js';
import { revived } from '../../message/json-payload.js';
import { parsePayload } from '../payload.js';
import { mayHoldBytes, toJson } from './json.js';

const SHOWN_CHARACTERS = 80;

/**
 * What a script reads: text as it is, bytes as they are, anything else as JSON; nothing is added. Without a payload
 * it reads nothing. Bytes inside a JSON value are written `{"$b64":"…"}`, as they travel.
 */
export function scriptInput(payload: unknown): string | Uint8Array {
  if (payload === undefined) return '';
  if (typeof payload === 'string' || payload instanceof Uint8Array) return payload;
  return toJson(payload);
}

/**
 * What a script's stdout means: JSON if it begins with `{`, `[` or `"`, else text without its last newline. Output
 * that is not UTF-8 is no text, and replacing what cannot be read would falsify it: it is passed on as bytes. In JSON
 * `{"$b64":"…"}` stands for bytes.
 * @throws NetworkError HANDLER_FAILED if it begins like JSON and is not
 */
export function scriptOutput(output: Buffer): unknown {
  if (!isUtf8(output)) return new Uint8Array(output);
  const text = output.toString('utf8');
  try {
    const payload = parsePayload(text);
    if (payload === text) return text.replace(/\r?\n$/, '');
    return mayHoldBytes(text) ? revived(payload) : payload;
  } catch (error) {
    const shown = visible(text, SHOWN_CHARACTERS);
    const reason = visible(messageOf(error), 2 * SHOWN_CHARACTERS);
    throw new NetworkError('HANDLER_FAILED', `stdout begins like JSON and is not (${reason}): ${shown}`);
  }
}
