import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { messageOf } from '../base/errors.js';
import type { Environment } from './environment.js';
import { configurationError } from './exit-codes.js';

export interface ReadyNotice {
  readonly address: string;
  readonly pid: number;
  readonly node: string;
  readonly cluster: string;
  readonly socket: string;
}

/** Whoever finds the file finds all of it. @throws CommandError (78) */
export function writeReadyFile(path: string, notice: ReadyNotice): void {
  const aside = `${path}.${notice.pid}.new`;
  try {
    writeFileSync(aside, `${JSON.stringify(notice)}\n`, { mode: 0o600 });
    renameSync(aside, path);
  } catch (error) {
    throw configurationError(`--ready-file ${path}: ${messageOf(error)}`);
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
