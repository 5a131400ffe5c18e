import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Ran {
  readonly code: number;
  /** Both streams. */
  readonly text: string;
}

/** For tests that need a program of the machine. */
export function withTool(name: string): { readonly skip: string | false } {
  const isThere = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
  return { skip: isThere ? false : `${name} is not installed here` };
}

export function run(program: string, words: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, words, { timeout: 240_000, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, text: stdout + stderr });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
