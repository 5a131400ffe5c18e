import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { NetworkError } from '../../base/errors.js';
import { visible } from '../../message/escape.js';
import { configurationError } from '../exit-codes.js';
import type { ScriptBinding } from './binding.js';

/** Where the system looks when there is no PATH at all. */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * Looks for the programs of all bindings before the first message needs one.
 * @param path the PATH that the scripts will have
 * @throws NetworkError INVALID_OPTION (exit 78) naming the --on that cannot work, and what to do
 */
export async function checkBindings(bindings: readonly ScriptBinding[], path: string | undefined): Promise<void> {
  for (const { type, argv } of bindings) {
    const problem = await checkExecutable(argv, path);
    if (problem) throw configurationError(`--on ${type}=…: ${problem.message}`, problem.hint);
  }
}

type Verdict = 'fine' | 'missing' | 'directory' | 'not executable';

/**
 * Whether the program of an argv can be started from here: found (on PATH if its name has no `/`), a file, executable.
 * @param path the PATH that the script will have
 * @returns INVALID_OPTION (exit 78) with what to do; undefined if all is well
 */
export async function checkExecutable(
  argv: readonly string[],
  path: string | undefined,
): Promise<NetworkError | undefined> {
  const program = argv[0] ?? '';
  if (process.platform === 'win32') return undefined; // Its rules (PATHEXT, no x bit) are left to the start itself.
  if (program.includes('/')) return problem(program, await examine(resolve(program)));
  let worst: Verdict = 'missing';
  for (const folder of (path ?? DEFAULT_PATH).split(delimiter)) {
    const verdict = await examine(resolve(folder, program));
    if (verdict === 'fine') return undefined;
    if (verdict === 'not executable') worst = verdict;
  }
  return problem(program, worst);
}

async function examine(file: string): Promise<Verdict> {
  try {
    if ((await stat(file)).isDirectory()) return 'directory';
  } catch {
    return 'missing';
  }
  try {
    await access(file, constants.X_OK);
    return 'fine';
  } catch {
    return 'not executable';
  }
}

function problem(program: string, verdict: Verdict): NetworkError | undefined {
  if (verdict === 'fine') return undefined;
  const shown = visible(program);
  if (verdict === 'missing') {
    const where = program.includes('/') ? 'does not exist' : 'is not on the PATH';
    const hint = program.startsWith('~')
      ? 'No shell expands ~ here: give the whole path.'
      : 'Install it, or give the path of the program.';
    return configurationError(`the program '${shown}' ${where}`, hint);
  }
  if (verdict === 'directory') {
    return configurationError(`'${shown}' is a directory, not a program`, 'Give the path of a program in it.');
  }
  return configurationError(
    `the program '${shown}' may not be executed`,
    `Make it executable (chmod +x ${shown}), or name its interpreter: sh ${shown}.`,
  );
}

/**
 * What a failed start means. The advice is part of the message, since only that travels to the caller.
 * @param error the system's, with its code
 */
export function startFailure(program: string, error: NodeJS.ErrnoException): NetworkError {
  const shown = visible(program);
  const options = { cause: error };
  switch (error.code) {
    case 'ENOENT':
      return new NetworkError(
        'HANDLER_FAILED',
        `the program '${shown}', or the interpreter named in its first line, is missing: install it on this node`,
        options,
      );
    case 'EACCES':
    case 'EPERM':
      return new NetworkError(
        'HANDLER_FAILED',
        `the program '${shown}' may not be executed (${error.code}): make it executable for the user of netmgr join`,
        options,
      );
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
      return new NetworkError(
        'HANDLER_RETRY',
        `no room for one more process (${error.code}): lower --slots or raise the limits of this node (ulimit -u, -n)`,
        options,
      );
    default:
      return new NetworkError('HANDLER_FAILED', `'${shown}' could not be started: ${visible(error.message)}`, options);
  }
}
