import { StringDecoder } from 'node:string_decoder';
import { NetworkError } from '../../base/errors.js';

export interface InputItem {
  /** From 0. */
  readonly index: number;
  readonly text: string;
}

/** A longer line cannot be a payload: the largest frame is 16 MiB. */
const MAX_ITEM_CHARACTERS = 16 * 1024 * 1024;

/**
 * The items of a stream, one for each separator and one for what follows the last; a carriage return before
 * a newline belongs to the line's end. Reads on only when asked: memory holds one chunk and one item.
 * @throws NetworkError TOO_LARGE for an item beyond 16 Mi characters
 */
export async function* readItems(
  source: AsyncIterable<Uint8Array | string>,
  separator: '\n' | '\0',
): AsyncGenerator<InputItem, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let index = 0;
  let rest = '';
  for await (const chunk of source) {
    const text = typeof chunk === 'string' ? chunk : decoder.write(chunk as Buffer);
    const parts = text.split(separator);
    parts[0] = rest + (parts[0] ?? '');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      yield { index, text: withoutReturn(part, separator) };
      index += 1;
    }
    if (rest.length > MAX_ITEM_CHARACTERS) {
      throw new NetworkError('TOO_LARGE', `input ${index} is longer than ${MAX_ITEM_CHARACTERS} characters`);
    }
  }
  rest += decoder.end();
  if (rest !== '') yield { index, text: withoutReturn(rest, separator) };
}

const withoutReturn = (text: string, separator: string): string =>
  separator === '\n' && text.endsWith('\r') ? text.slice(0, -1) : text;
