import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { assertTame, type Exit, type Program, type Sandbox } from './harness.js';

/** What another host would be: a state directory of its own, with no leader in it. */
export const elsewhere = (
  sandbox: Sandbox,
  name: string,
): { readonly NETMGR_STATE_DIR: string; readonly NETMGR_CONFIG_DIR: string } => ({
  NETMGR_STATE_DIR: sandbox.path(`${name}-state`),
  NETMGR_CONFIG_DIR: sandbox.path(`${name}-config`),
});

/** A join token of the sandbox's leader. */
export async function invite(sandbox: Sandbox, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await sandbox.run(['invite', 'create', ...words]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^nmtk-1-[cov]-[a-z2-7]{52}-[a-z2-7]{8}-[a-z2-7]{32}-[a-z2-7]{7}\n$/);
  return stdout.trim();
}

export const secretOf = (token: string): string => token.split('-')[5] ?? '';
export const idOf = (token: string): string => token.split('-')[4] ?? '';
export const commandLine = (pid: number): string =>
  readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');

/** Refused with a sentence and what to do next, in a terminal's peace and without a secret. */
export function assertRefused(exit: Exit, code: number, message: RegExp, ...secrets: readonly string[]): void {
  assert.match(exit.stderr, message);
  assert.deepEqual([exit.code, exit.stdout], [code, ''], exit.stderr);
  assert.match(exit.stderr, /netmgr: .+\n {2}\S.+\n$/, 'what to do next');
  assertTame(exit.stderr);
  for (const secret of secrets) assert.ok(!exit.stderr.includes(secret), exit.stderr);
}

/** Ends in order. @returns what it has said */
export async function stop(program: Program): Promise<string> {
  program.kill('SIGTERM');
  const { code, stderr } = await program.exit;
  assert.equal(code, 0, stderr);
  return stderr;
}
