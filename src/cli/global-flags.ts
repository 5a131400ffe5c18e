import { NODE_NAME } from '../base/names.js';
import { usageError } from './exit-codes.js';
import { choiceFlag, type Flag, plainText, switchFlag, valueFlag } from './flags.js';

export const configDirFlag: Flag<string | undefined> = valueFlag({
  name: 'config-dir',
  placeholder: 'DIR',
  description: 'where the settings are',
  fallbackText: "the platform's place for settings",
  parse: plainText,
});

export const stateDirFlag: Flag<string | undefined> = valueFlag({
  name: 'state-dir',
  placeholder: 'DIR',
  description: 'where keys, sockets and locks are; taken as it is',
  setting: 'state-dir',
  fallbackText: "the platform's place for state, then the cluster's name",
  parse: plainText,
});

export const clusterFlag: Flag<string> = valueFlag({
  name: 'cluster',
  placeholder: 'NAME',
  description: 'the name of the cluster',
  setting: 'cluster',
  fallback: 'default',
  parse: (text) => parseName(text, 'cluster'),
});

export const leaderFlag: Flag<string | undefined> = valueFlag({
  name: 'leader',
  placeholder: 'ADDR',
  description: 'the leader that is meant',
  fallbackText: "the current context, else this host's leader",
  parse: plainText,
});

export const contextFlag: Flag<string | undefined> = valueFlag({
  name: 'context',
  placeholder: 'NAME',
  description: "the named context that is meant; see 'netmgr config'",
  setting: 'context',
  parse: plainText,
});

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export const logLevelFlag: Flag<LogLevel> = choiceFlag({
  name: 'log-level',
  placeholder: 'LEVEL',
  description: 'what is told on stderr',
  setting: 'log-level',
  choices: ['debug', 'info', 'warn', 'error', 'silent'],
  fallback: 'info',
});

export const quietFlag: Flag<boolean> = switchFlag({
  name: 'quiet',
  short: 'q',
  description: 'nothing on stderr but errors',
});

export const jsonFlag: Flag<boolean> = switchFlag({
  name: 'json',
  description: 'JSON on stdout, and errors as JSON on stderr',
});

/** Understood by every command, before or after its name. */
export const GLOBAL_FLAGS: readonly Flag<unknown>[] = [
  leaderFlag,
  contextFlag,
  clusterFlag,
  stateDirFlag,
  configDirFlag,
  logLevelFlag,
  quietFlag,
  jsonFlag,
];

export function parseName(text: string, what: string): string {
  if (NODE_NAME.test(text)) return text;
  throw usageError(
    `'${text}' is not a ${what} name`,
    'A name has 1 to 63 of the characters a-z, 0-9, dot, dash and underscore, and begins with a letter or digit.',
  );
}
