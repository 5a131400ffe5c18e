import { usageError } from './exit-codes.js';

interface Described {
  /** Without the dashes; kebab-case. */
  readonly name: string;
  readonly short?: string | undefined;
  readonly description: string;
  /** Where it is a setting: its key in the configuration. */
  readonly setting?: string | undefined;
}

/**
 * One flag of a command: from it come the option on the command line, the environment variable
 * `NETMGR_<NAME>`, the configuration key, the help text and the completion.
 */
export interface Flag<T> extends Described {
  readonly kind: 'switch' | 'value' | 'list';
  /** What stands for the value in the help. */
  readonly placeholder?: string | undefined;
  /** Between the values of a list in its environment variable. */
  readonly separator?: string | undefined;
  readonly choices?: readonly string[] | undefined;
  /** How the help names the default, when it is not simply `fallback`. */
  readonly fallbackText?: string | undefined;
  readonly fallback: T;
  /** @throws CommandError naming the value and the forms that are right */
  readonly parse: (texts: readonly string[]) => T;
}

export function switchFlag(definition: Described): Flag<boolean> {
  return { ...definition, kind: 'switch', fallback: false, parse: (texts) => parseSwitch(texts.at(-1) ?? '') };
}

interface ValueDefinition<T> extends Described {
  readonly placeholder: string;
  readonly choices?: readonly string[] | undefined;
  readonly fallbackText?: string | undefined;
  readonly parse: (text: string) => T;
}

/** A flag with a value; undefined, or the fallback, when it is not given. */
export function valueFlag<T>(definition: ValueDefinition<T>): Flag<T | undefined>;
export function valueFlag<T>(definition: ValueDefinition<T> & { readonly fallback: T }): Flag<T>;
export function valueFlag<T>(definition: ValueDefinition<T> & { readonly fallback?: T }): Flag<T | undefined> {
  const { parse } = definition;
  return { fallback: undefined, ...definition, kind: 'value', parse: (texts) => parse(texts.at(-1) ?? '') };
}

/** A flag that may be given several times. */
export function listFlag<T>(definition: ValueDefinition<T> & { readonly separator: string }): Flag<readonly T[]> {
  const { parse } = definition;
  return { ...definition, kind: 'list', fallback: [], parse: (texts) => texts.map((text) => parse(text)) };
}

/** One of a few words. */
export function choiceFlag<C extends string>(
  definition: Omit<ValueDefinition<C>, 'parse' | 'choices'> & { readonly choices: readonly C[]; readonly fallback: C },
): Flag<C> {
  const parse = (text: string): C => {
    const found = definition.choices.find((choice) => choice === text);
    if (found === undefined) throw usageError(`'${text}' is not one of ${definition.choices.join(', ')}`);
    return found;
  };
  return { ...definition, kind: 'value', parse: (texts) => parse(texts.at(-1) ?? '') };
}

export const plainText = (text: string): string => text;

const YES = new Set(['1', 'true', 'yes', 'on']);
const NO = new Set(['', '0', 'false', 'no', 'off']);

function parseSwitch(text: string): boolean {
  if (YES.has(text.toLowerCase())) return true;
  if (NO.has(text.toLowerCase())) return false;
  throw usageError(`'${text}' is neither yes (1, true, yes, on) nor no (0, false, no, off)`);
}

/** The environment variable of a flag. */
export const variableOf = (flag: { readonly name: string }): string =>
  `NETMGR_${flag.name.toUpperCase().replaceAll('-', '_')}`;
