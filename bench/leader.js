/** `netmgr lead` as a process of its own, for the commands that need one. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const NETMGR = fileURLToPath(new URL('../bin/netmgr.js', import.meta.url));

/**
 * Resolves once it listens.
 * @param {{ stateDir: string, environment: NodeJS.ProcessEnv }} options
 */
export async function lead({ stateDir, environment }) {
  const readyFile = join(stateDir, 'ready.json');
  const leader = spawn(
    process.execPath,
    [NETMGR, 'lead', '--bind', '127.0.0.1:0', '--state-dir', stateDir, '--ready-file', readyFile, '--quiet'],
    { stdio: ['ignore', 'ignore', 'inherit'], env: environment },
  );
  const ended = new Promise((resolve) => leader.once('exit', resolve));
  while (!existsSync(readyFile)) {
    if (leader.exitCode !== null) throw new Error(`netmgr lead ended with ${leader.exitCode}`);
    await sleep(20);
  }
  return {
    stop: async () => {
      leader.kill('SIGTERM');
      await ended;
    },
  };
}
