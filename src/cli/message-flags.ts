import { messageOf } from '../base/errors.js';
import { TYPE_NAME } from '../base/names.js';
import { PRIORITIES, type Priority } from '../message/message.js';
import { usageError } from './exit-codes.js';
import { choiceFlag, type Flag, switchFlag, valueFlag } from './flags.js';
import { parsePayload } from './payload.js';
import { parseDuration } from './units.js';

/** How long an answer may take. */
export const timeoutFlag = (command: string, fallback: number, fallbackText: string): Flag<number> =>
  valueFlag({
    name: 'timeout',
    placeholder: 'DURATION',
    description: 'how long to wait for an answer',
    setting: `${command}.timeout`,
    fallback,
    fallbackText,
    parse: parsePositiveDuration,
  });

const LONGEST_MS = 24 * 3_600_000;

/** More than nothing, at most a day. */
export function parsePositiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms < 1 || ms > LONGEST_MS) throw usageError(`'${text}' is not between 1ms and 24h`);
  return ms;
}

export const ndjsonFlag: Flag<boolean> = switchFlag({
  name: 'ndjson',
  description: 'take every payload as JSON, numbers too',
});

export const priorityFlag: Flag<Priority> = choiceFlag({
  name: 'priority',
  placeholder: 'LEVEL',
  description: 'before or after other messages',
  choices: PRIORITIES as readonly Priority[],
  fallback: 'normal',
});

/** @throws CommandError (2) */
export function requireType(text: string | undefined): string {
  if (text === undefined || !TYPE_NAME.test(text)) {
    throw usageError(
      `'${text ?? ''}' is not a handler type`,
      'A type is a letter, then up to 127 letters, digits, dots, colons, dashes and underscores.',
    );
  }
  return text;
}

/** A payload as it was typed. @throws CommandError (2) if it must be JSON and is not */
export function typedPayload(text: string | undefined, forceJson: boolean): unknown {
  if (text === undefined) return undefined;
  try {
    return parsePayload(text, forceJson);
  } catch (error) {
    throw usageError(
      messageOf(error),
      'Text that begins with {, [ or " is taken as JSON; so is all text with --ndjson.',
    );
  }
}
