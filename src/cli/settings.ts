import { readFileSync } from 'node:fs';
import { messageOf, type NetworkError, toNetworkError } from '../base/errors.js';
import { CommandError, configurationError, EXIT } from './exit-codes.js';
import { type Flag, variableOf } from './flags.js';

/** Where a value came from; the earlier beats the later. */
export type Source = 'flag' | 'environment' | 'config' | 'default';

export interface Setting<T> {
  readonly value: T;
  readonly source: Source;
}

/** What the command line said: per flag's name the texts, or true for a switch. */
export type TypedFlags = Readonly<Record<string, true | string | readonly string[] | undefined>>;

export interface SettingSources {
  readonly typed: TypedFlags;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly config: SettingsSnapshot;
}

/** The settings file as it was when the command started: read once, never again. */
export interface SettingsSnapshot {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Why it could not be read, where that is no reason to stop. */
  readonly problem?: NetworkError | undefined;
}

const LARGEST_SETTINGS_BYTES = 1024 * 1024;

/** @throws CommandError (78) if there is a file and it is not a JSON object */
export function readSettings(path: string): SettingsSnapshot {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { path, values: {} };
    throw configurationError(`the settings in ${path} cannot be read: ${messageOf(error)}`);
  }
  if (text.length > LARGEST_SETTINGS_BYTES) throw configurationError(`the settings in ${path} are larger than 1 MiB`);
  try {
    const values: unknown = JSON.parse(text);
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) {
      return { path, values: values as Record<string, unknown> };
    }
  } catch {
    // Told below, like every other content that is not an object.
  }
  throw configurationError(`the settings in ${path} are not a JSON object`, 'Mend the file or remove it.');
}

/** For whoever tells of a bad file instead of failing: empty settings, with the problem. */
export function readSettingsOrProblem(path: string): SettingsSnapshot {
  try {
    return readSettings(path);
  } catch (error) {
    return { path, values: {}, problem: toNetworkError(error) };
  }
}

/** The value at `lead.bind`; undefined if there is none. */
export function settingAt(values: Readonly<Record<string, unknown>>, key: string): unknown {
  let at: unknown = values;
  for (const part of key.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

/**
 * Flag beats environment beats configuration beats default.
 * @throws CommandError naming the flag, variable or key: 2 for what was typed, 78 for what was configured
 */
export function resolveFlag<T>(flag: Flag<T>, sources: SettingSources): Setting<T> {
  const typed = sources.typed[flag.name];
  if (typed !== undefined) {
    const texts = typed === true ? ['1'] : typeof typed === 'string' ? [typed] : typed;
    return { value: parseFrom(flag, texts, { where: `--${flag.name}`, exitCode: EXIT.usage }), source: 'flag' };
  }
  const variable = sources.variables[variableOf(flag)];
  if (variable !== undefined && (variable !== '' || flag.kind === 'switch')) {
    const texts = flag.separator === undefined ? [variable] : splitList(variable, flag.separator);
    return {
      value: parseFrom(flag, texts, { where: variableOf(flag), exitCode: EXIT.configuration }),
      source: 'environment',
    };
  }
  const stored = flag.setting === undefined ? undefined : settingAt(sources.config.values, flag.setting);
  if (stored !== undefined && flag.setting !== undefined) {
    const where = `'${flag.setting}' in ${sources.config.path}`;
    return {
      value: parseFrom(flag, textsOf(stored, where), { where, exitCode: EXIT.configuration }),
      source: 'config',
    };
  }
  return { value: flag.fallback, source: 'default' };
}

const splitList = (text: string, separator: string): string[] =>
  text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');

function parseFrom<T>(
  flag: Flag<T>,
  texts: readonly string[],
  { where, exitCode }: { readonly where: string; readonly exitCode: number },
): T {
  try {
    return flag.parse(texts);
  } catch (error) {
    const hint = error instanceof CommandError ? error.hint : undefined;
    throw new CommandError('INVALID_OPTION', `${where}: ${messageOf(error)}`, { exitCode, hint });
  }
}

function textsOf(stored: unknown, where: string): readonly string[] {
  const items: readonly unknown[] = Array.isArray(stored) ? stored : [stored];
  return items.map((item) => {
    if (typeof item === 'string') return item;
    if (typeof item === 'number' || typeof item === 'boolean') return String(item);
    throw configurationError(`${where} is neither text, number, yes or no, nor a list of these`);
  });
}
