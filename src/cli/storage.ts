import { writeSync } from 'node:fs';
import { messageOf } from '../base/errors.js';
import { CommandError, EXIT } from './exit-codes.js';

const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Why a file could not be written: 75 if the disk is full, so that trying again later makes sense, else 78.
 * @param what names the file as the user did
 */
export function storageError(what: string, cause: unknown): CommandError {
  const full = FULL.has((cause as NodeJS.ErrnoException).code);
  return new CommandError(full ? 'IO' : 'INVALID_OPTION', `${what}: ${messageOf(cause)}`, {
    exitCode: full ? EXIT.tryLater : EXIT.configuration,
    cause,
    hint: full ? 'Make room on the disk and try again.' : undefined,
  });
}

/** Writes all of the text; a disk may take only a part at once. */
export function writeAll(file: number, text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
}
