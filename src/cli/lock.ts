import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who holds a directory. */
export interface LockOwner {
  readonly pid: number;
  /** When the process started, in the kernel's own count; tells a process from a later one with its number. */
  readonly started: string | null;
}

export interface Lock {
  /** Whether the lock still is ours. */
  held(): boolean;
  release(): void;
}

export type LockOutcome = { readonly lock: Lock } | { readonly owner: LockOwner };

const ATTEMPTS = 5;

/**
 * Takes the directory for this process, or says whose it is. The lock is a file, linked into place with its owner's
 * name in it; the file of an owner that is no more is moved aside by a rename, so of several that find it one wins.
 */
export function takeLock(directory: string, pid: number): LockOutcome {
  const path = join(directory, 'lock');
  const text = JSON.stringify({ pid, started: startOf(pid) });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (createExclusively(path, text, pid)) return { lock: lockOf(path, text) };
    const found = readLock(path);
    if (found === undefined) continue;
    const owner = ownerOf(found);
    if (owner !== undefined && isAlive(owner)) return { owner };
    moveAside(path, found, pid);
  }
  return { owner: ownerOf(readLock(path) ?? '') ?? { pid: 0, started: null } };
}

/** Whether a living process holds the directory. */
export function lockOwner(directory: string): LockOwner | undefined {
  const owner = ownerOf(readLock(join(directory, 'lock')) ?? '');
  return owner !== undefined && isAlive(owner) ? owner : undefined;
}

/** Written aside and linked into place: nobody ever reads half a lock. */
function createExclusively(path: string, text: string, pid: number): boolean {
  const aside = `${path}.${pid}.new`;
  writeFileSync(aside, text, { mode: 0o600 });
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(aside);
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, 1024);
  } catch {
    return undefined;
  }
}

function ownerOf(text: string): LockOwner | undefined {
  try {
    const { pid, started } = JSON.parse(text) as { pid?: unknown; started?: unknown };
    if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined;
    return { pid: pid as number, started: typeof started === 'string' ? started : null };
  } catch {
    return undefined;
  }
}

/** Moves the dead owner's file away; if another file stood there by then, it is put back. */
function moveAside(path: string, expected: string, pid: number): void {
  const aside = `${path}.${pid}.old`;
  try {
    renameSync(path, aside);
    if (readLock(aside) !== expected) linkSync(aside, path);
    unlinkSync(aside);
  } catch {
    // Another process was faster; the next attempt sees what it left.
  }
}

function lockOf(path: string, text: string): Lock {
  const held = () => readLock(path) === text;
  return {
    held,
    release: () => {
      if (held()) unlinkSync(path);
    },
  };
}

function isAlive(owner: LockOwner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const stat = processStat(owner.pid);
  if (stat === undefined) return true;
  return stat.running && (owner.started === null || owner.started === stat.started);
}

/** When the process started, in ticks since the boot; null where the kernel does not tell. */
const startOf = (pid: number): string | null => processStat(pid)?.started ?? null;

/** Fields 3 and 22 of /proc/PID/stat. A process that has ended but was not waited for (Z, X) does not run. */
function processStat(pid: number): { readonly running: boolean; readonly started: string | null } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { running: fields[0] !== 'Z' && fields[0] !== 'X', started: fields[19] ?? null };
  } catch {
    return undefined;
  }
}
