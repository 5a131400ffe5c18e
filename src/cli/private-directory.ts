import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { messageOf } from '../base/errors.js';
import type { Environment } from './environment.js';
import { configurationError } from './exit-codes.js';

type User = Pick<Environment, 'uid'>;

const OTHERS_WRITE = 0o022;
const OTHERS_ANYTHING = 0o077;
const STICKY = 0o1000;

/**
 * Makes the directory and those above it, open to this user alone; one that is there must be so already, for whoever
 * can write in it can put his own socket in the place of ours.
 * @throws CommandError (78)
 */
export function makePrivateDirectory(user: User, path: string): void {
  let found: Stats;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    found = lstatSync(path);
  } catch (error) {
    throw configurationError(
      `the directory ${path} cannot be made: ${messageOf(error)}`,
      "'--state-dir DIR' names another place.",
    );
  }
  requireOwn(user, path, found);
  if (user.uid === undefined || (found.mode & OTHERS_ANYTHING) === 0) return;
  throw configurationError(
    `the directory ${path} is open to others (mode ${octal(found.mode)})`,
    `Only its user may use it: chmod 700 ${path}`,
  );
}

/**
 * The directory that holds the private ones: others may look, but not move what is in it. One that is not there is fine.
 * @throws CommandError (78)
 */
export function requireSafeDirectory(user: User, path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || user.uid === undefined) return;
  requireOwn(user, path, found);
  // In a sticky directory, such as /tmp, everybody may move only what is his own.
  if ((found.mode & OTHERS_WRITE) === 0 || (found.mode & STICKY) !== 0) return;
  throw configurationError(
    `the state directory ${path} can be written by others (mode ${octal(found.mode)}): they could pose as the leader`,
    `chmod go-w ${path}, or '--state-dir DIR' names another place.`,
  );
}

/** Whether a socket that was found is this user's or the system's. One that is not there is nobody's. */
export function isTrusted(user: User, path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined || belongs(user, found);
}

const belongs = ({ uid }: User, found: Stats): boolean => uid === undefined || found.uid === uid || found.uid === 0;

function requireOwn(user: User, path: string, found: Stats): void {
  if (!found.isDirectory()) throw configurationError(`${path} is not a directory`, 'Move it away.');
  if (belongs(user, found)) return;
  throw configurationError(
    `the directory ${path} belongs to another user (${found.uid})`,
    "'--state-dir DIR' names another place.",
  );
}

const octal = (mode: number): string => (mode & 0o7777).toString(8);
