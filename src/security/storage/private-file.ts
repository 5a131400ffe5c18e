import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, NetworkError } from '../../base/errors.js';
import { letters, systemRandom } from '../../base/random.js';

export interface ReadOptions {
  /** A larger file is refused. @default 65,536 */
  readonly maxBytes?: number | undefined;
}

export interface WriteOptions {
  /** Leave a file that is there already as it is. @default false */
  readonly ifAbsent?: boolean | undefined;
}

const MAX_BYTES = 65_536;
const OTHERS_ANYTHING = 0o077;
const OWNER_ONLY = 0o600;
const ATTEMPTS = 3;
/** A FIFO or a device in the place of the file must not hold the process up. */
const CAREFULLY = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file that only this user can read.
 * @returns undefined if there is none
 * @throws NetworkError INVALID_OPTION for a link, an owner or a mode that others can use, with what to run; IO
 */
export function readPrivateFile(path: string, options: ReadOptions = {}): string | undefined {
  const file = openPrivateFile(path, constants.O_RDONLY);
  if (file === undefined) return undefined;
  try {
    return readText(file, path, options.maxBytes ?? MAX_BYTES);
  } finally {
    closeSync(file);
  }
}

/**
 * Opens a file that is there, if only this user can use it.
 * @returns its descriptor, or undefined if there is none
 * @throws as `readPrivateFile` does
 */
export function openPrivateFile(path: string, flags: number): number | undefined {
  let file: number;
  try {
    file = openSync(path, flags | CAREFULLY);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw explainFileError(error, path, 'opened');
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile())
      throw refused(`${path} is not a file`, `Move it away: mv ${quote(path)} ${quote(`${path}.old`)}`);
    requirePrivate(found, path, '600');
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * Puts the text in the place of the file, whole or not at all, and on the disk before it returns. Others than this
 * user can never read it. Two processes may do so at once: one of them is the last.
 * @returns whether it was written: false only with `ifAbsent`
 * @throws NetworkError IO if the disk is full or fails; what was there before is there still
 */
export function writePrivateFile(path: string, text: string, options: WriteOptions = {}): boolean {
  const place = options.ifAbsent === true ? linkSync : renameSync;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const aside = `${path}.${process.pid}-${letters(systemRandom, 8)}.new`;
      try {
        writeAside(aside, text);
        place(aside, path);
        syncDirectory(dirname(path));
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST' && options.ifAbsent === true) return false;
        // Someone who takes us for dead (another container, perhaps) has removed it.
        if (codeOf(error) !== 'ENOENT' || attempt === ATTEMPTS) throw error;
      } finally {
        rmSync(aside, { force: true });
      }
    }
  } catch (error) {
    throw explainFileError(error, path, 'written');
  } finally {
    removeLeftovers(path);
  }
}

/**
 * Makes the directory and those above it, if they are not there, for this user alone.
 * @throws NetworkError INVALID_OPTION if it is there and others can use it, with what to run; IO
 */
export function makePrivateDirectory(path: string): void {
  let found: Stats;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    found = lstatSync(path);
  } catch (error) {
    throw explainFileError(error, path, 'made');
  }
  if (!found.isDirectory()) throw refused(`${path} is not a directory`, 'Name the directory itself.');
  requirePrivate(found, path, '700');
}

function requirePrivate(found: Stats, path: string, mode: string): void {
  const user = process.geteuid?.();
  // Windows has neither.
  if (user === undefined) return;
  if (found.uid !== user && found.uid !== 0) {
    throw refused(`${path} belongs to another user (${found.uid})`, `If you trust what is in it: ${chown(user, path)}`);
  }
  if ((found.mode & OTHERS_ANYTHING) === 0) return;
  const now = (found.mode & 0o777).toString(8);
  throw refused(`${path} is open to other users (mode ${now})`, `chmod ${mode} ${quote(path)}`);
}

function readText(file: number, path: string, maxBytes: number): string {
  const { size } = fstatSync(file);
  if (size > maxBytes) {
    throw refused(`${path} has ${size} bytes, more than ${maxBytes}: netmgr did not write it`, 'Move it away.');
  }
  const bytes = Buffer.alloc(size);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length < size; length += count) {
      count = readSync(file, bytes, length, size - length, length);
    }
  } catch (error) {
    throw explainFileError(error, path, 'read');
  }
  return bytes.toString('utf8', 0, length);
}

/** A new file with the whole text in it, on the disk. */
function writeAside(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | CAREFULLY, OWNER_ONLY);
  try {
    // The umask may have taken away from the owner, too.
    fchmodSync(file, OWNER_ONLY);
    let rest: Uint8Array = Buffer.from(text);
    while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** So that the name survives a power cut as well. */
function syncDirectory(path: string): void {
  // Windows opens no directories.
  if (process.platform === 'win32') return;
  const directory = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } catch (error) {
    // Some file systems cannot, and need not.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error;
  } finally {
    closeSync(directory);
  }
}

/** What processes left behind that were killed while they wrote: there may be secrets in it. */
function removeLeftovers(path: string): void {
  const start = `${basename(path)}.`;
  try {
    for (const name of readdirSync(dirname(path))) {
      const pid = name.startsWith(start)
        ? /^([1-9]\d*)-[a-z0-9]{8}\.new$/.exec(name.slice(start.length))?.[1]
        : undefined;
      if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dirname(path), name), { force: true });
    }
  } catch {
    // The next one that writes here tries again.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const DENIED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Says what to do about an error of the file system.
 * @param done what could not be done with the path: `read`
 */
export function explainFileError(error: unknown, path: string, done: string): NetworkError {
  if (error instanceof NetworkError) return error;
  const code = codeOf(error);
  if (code === 'ELOOP')
    return refused(`${path} is a symbolic link`, 'Put the file itself there: links are not followed.');
  if (FULL.has(code)) {
    return new NetworkError('IO', `${path} cannot be ${done}: the disk is full`, {
      cause: error,
      hint: 'Make room on the disk and try again.',
    });
  }
  const message = `${path} cannot be ${done}: ${messageOf(error)}`;
  if (DENIED.has(code)) return refused(message, `See who owns it: ls -ld ${quote(dirname(path))} ${quote(path)}`);
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'EISDIR') {
    return refused(message, 'Something else is in the place of a directory or a file: move it away.');
  }
  return new NetworkError('IO', message, { cause: error, hint: 'Check the disk, and try again.' });
}

const refused = (message: string, hint: string): NetworkError => new NetworkError('INVALID_OPTION', message, { hint });

const chown = (user: number, path: string): string => `chown ${user} ${quote(path)}`;

/** To be pasted into a shell. */
const quote = (path: string): string => (/^[\w./:@%+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
