import { type FileHandle, open } from 'node:fs/promises';
import { isNetworkError, messageOf, toNetworkError } from '../../base/errors.js';
import { type JoinToken, parseToken } from '../../security/invites/join-token.js';
import type { Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { configurationError, usageError } from '../exit-codes.js';
import { type Flag, plainText, valueFlag, variableOf } from '../flags.js';
import { lineWidth } from '../table.js';
import { wrapWords } from '../wrap.js';
import { askSecret } from './secret-question.js';

export const tokenFlag: Flag<string | undefined> = valueFlag({
  name: 'token',
  placeholder: 'TOKEN',
  description: 'the join token; others may see a command line: --token-file or NETMGR_TOKEN keep it from them',
  parse: plainText,
});
export const tokenFileFlag: Flag<string | undefined> = valueFlag({
  name: 'token-file',
  placeholder: 'FILE',
  description: 'read the join token from a file that only you can read; - is stdin',
  parse: plainText,
});

/** A token is 105 characters: what is longer is none. */
const LARGEST_BYTES = 4096;
const OTHERS_ANYTHING = 0o077;

export interface TakenToken {
  readonly text: string;
  readonly token: JoinToken;
  /** How it came, as the user knows it: `--token-file t`. */
  readonly source: string;
}

/**
 * The token that was given by flag, file, stdin or environment.
 * @returns undefined if none was
 * @throws CommandError (78) if it is none, saying what is wrong with it and never the secret; (2) if two were given
 */
export async function givenToken(environment: Environment, invocation: Invocation): Promise<TakenToken | undefined> {
  const word = invocation.setting(tokenFlag);
  const file = invocation.setting(tokenFileFlag);
  if (word.value !== undefined && file.value !== undefined && word.source === file.source) {
    throw usageError('--token and --token-file are two answers to one question', 'Leave one of them out.');
  }
  if (word.value !== undefined && (word.source === 'flag' || file.source !== 'flag')) {
    const { output } = invocation;
    if (word.source === 'flag') output.note(wrapWords(SEEN_BY_OTHERS, lineWidth(output.stderr)));
    return read(word.value, word.source === 'flag' ? '--token' : variableOf(tokenFlag));
  }
  if (file.value === undefined) return undefined;
  return read(await readTokenFile(environment, invocation, file.value), `--token-file ${file.value}`);
}

const SEEN_BY_OTHERS =
  'The token is erased from the command line now, but the shell remembers it, and others here may have seen it. ' +
  `Better: --token-file FILE (- is stdin), or ${variableOf(tokenFlag)}.`;

/** Asks for it on the terminal, without showing it. @throws CommandError (78), NetworkError CANCELLED */
export async function pastedToken(environment: Environment, leader: string): Promise<TakenToken> {
  return read(
    await askSecret(environment, `Join token for ${leader} (it is not shown): `),
    'the token that was pasted',
  );
}

function read(given: string, source: string): TakenToken {
  const text = given.trim();
  if (text === '') throw configurationError(`${source}: there is no token in it`, WHERE_FROM);
  try {
    return { text, token: parseToken(text), source };
  } catch (thrown) {
    const error = toNetworkError(thrown);
    throw configurationError(`${source}: ${error.message}`, error.hint ?? WHERE_FROM);
  }
}

const WHERE_FROM = "Copy it whole, as 'netmgr invite create' printed it on the leader's host.";

async function readTokenFile(environment: Environment, invocation: Invocation, path: string): Promise<string> {
  if (path === '-') {
    if (environment.stdinKind === 'terminal') return askSecret(environment, 'Join token (it is not shown): ');
    return bounded(environment.stdin, '--token-file -');
  }
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    await warnIfOpen(file, { environment, invocation, path });
    return await bounded(
      file.createReadStream({ autoClose: false, highWaterMark: LARGEST_BYTES }),
      `--token-file ${path}`,
    );
  } catch (error) {
    if (isNetworkError(error)) throw error;
    throw configurationError(`--token-file ${path}: ${messageOf(error)}`, WHERE_FROM);
  } finally {
    await file?.close();
  }
}

async function warnIfOpen(
  file: FileHandle,
  { environment, invocation, path }: { environment: Environment; invocation: Invocation; path: string },
): Promise<void> {
  const found = await file.stat();
  if (environment.uid === undefined || !found.isFile() || (found.mode & OTHERS_ANYTHING) === 0) return;
  const mode = (found.mode & 0o7777).toString(8);
  invocation.output.note(
    `warning: others on this host may read the token in ${path} (mode ${mode}): chmod 600 ${path}`,
  );
}

async function bounded(source: AsyncIterable<Uint8Array | string>, what: string): Promise<string> {
  let text = '';
  for await (const chunk of source) {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
    if (text.length > LARGEST_BYTES) {
      throw configurationError(`${what}: there is more in it than a token: over ${LARGEST_BYTES} bytes`, WHERE_FROM);
    }
  }
  return text;
}
