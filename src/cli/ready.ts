import { spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Environment } from './environment.js';
import { storageError } from './storage.js';

export interface ReadyNotice {
  readonly address: string;
  readonly pid: number;
  readonly node: string;
  readonly cluster: string;
  readonly socket: string;
  /** SHA-256 of the cluster's CA certificate, which join tokens carry; null in plaintext. */
  readonly fingerprint: string | null;
}

/** Whoever finds the file finds all of it. @throws CommandError: 78 if it cannot be written, 75 if the disk is full */
export function writeReadyFile(path: string, notice: ReadyNotice): void {
  const aside = `${path}.${notice.pid}.new`;
  try {
    writeFileSync(aside, `${JSON.stringify(notice)}\n`, { mode: 0o600 });
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw storageError(`--ready-file ${path}`, error);
  }
}

/**
 * Tells systemd, if it asks. Node cannot write to a datagram socket of the UNIX kind, so `systemd-notify` does;
 * the unit needs `NotifyAccess=all` for it.
 */
export function announceReady(environment: Environment): void {
  if (!environment.variables['NOTIFY_SOCKET']) return;
  const child = spawn('systemd-notify', ['--ready', `--pid=${environment.pid}`], { stdio: 'ignore' });
  // Without systemd-notify nobody can be told.
  child.on('error', () => {});
}
