import { isNetworkError } from '../../base/errors.js';
import { RESERVED_PREFIX, TYPE_NAME } from '../../base/names.js';
import { visible } from '../../message/escape.js';
import { usageError } from '../exit-codes.js';
import { splitCommand } from './argv.js';

/** One `--on TYPE=COMMAND`. */
export interface ScriptBinding {
  readonly type: string;
  /** The program and its arguments; nothing of a message is ever added. */
  readonly argv: readonly string[];
  /** One process that stays (`--stream TYPE`) instead of one per message. */
  readonly stream: boolean;
  /** How a process that runs once gets its payload. */
  readonly payload: 'stdin' | 'file';
  /** Names of environment variables that it may see beside the standard ones. */
  readonly env: readonly string[];
}

/** The flags of `join` that are about scripts, as they were typed. */
export interface BindingFlags {
  readonly on?: readonly string[] | undefined;
  readonly stream?: readonly string[] | undefined;
  /** @default 'stdin' */
  readonly payload?: string | undefined;
  readonly env?: readonly string[] | undefined;
}

const FORM = 'The form is --on TYPE=COMMAND, for example --on sha256=sha256sum.';
const SHOWN_CHARACTERS = 200;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Ours are set by us; the others of that prefix (a token!) are for netmgr alone. */
const OWN_VARIABLES = 'NETMGR_';

/**
 * Reads `--on`, `--stream`, `--payload` and `--env`.
 * @throws NetworkError INVALID_OPTION naming the flag, its value and the accepted form
 */
export function parseBindings(flags: BindingFlags): ScriptBinding[] {
  const payload = parsePayloadMode(flags.payload ?? 'stdin');
  const env = [...new Set(flags.env ?? [])];
  for (const name of env) checkVariable(name);
  const bound = (flags.on ?? []).map(parseOn);
  const types = new Set<string>();
  for (const { type } of bound) {
    if (types.has(type)) throw usageError(`--on ${type}=…: '${type}' has a command already`, 'Give each TYPE once.');
    types.add(type);
  }
  const streams = new Set(flags.stream ?? []);
  for (const type of streams) {
    if (types.has(type)) continue;
    throw usageError(
      `--stream ${visible(type, SHOWN_CHARACTERS)}: no --on binds this TYPE`,
      `Add --on ${visible(type, SHOWN_CHARACTERS)}=COMMAND.`,
    );
  }
  return bound.map(({ type, argv }) => ({ type, argv, stream: streams.has(type), payload, env }));
}

function parseOn(value: string): { readonly type: string; readonly argv: readonly string[] } {
  const equals = value.indexOf('=');
  const shown = `--on ${visible(value, SHOWN_CHARACTERS)}`;
  if (equals === -1) throw usageError(`${shown}: there is no '='`, FORM);
  const type = value.slice(0, equals);
  if (!TYPE_NAME.test(type)) {
    const rule = 'TYPE is a letter, then up to 127 letters, digits and . _ : -.';
    throw usageError(`${shown}: '${visible(type, SHOWN_CHARACTERS)}' is not a message type`, `${rule} ${FORM}`);
  }
  if (type.startsWith(RESERVED_PREFIX)) {
    throw usageError(`${shown}: types that begin with '${RESERVED_PREFIX}' are netmgr's own`, 'Choose another TYPE.');
  }
  try {
    return { type, argv: splitCommand(value.slice(equals + 1)) };
  } catch (error) {
    if (!isNetworkError(error)) throw error;
    throw usageError(`--on ${type}=…: ${error.message}`, error.hint ?? FORM);
  }
}

function parsePayloadMode(value: string): ScriptBinding['payload'] {
  if (value === 'stdin' || value === 'file') return value;
  throw usageError(
    `--payload ${visible(value, SHOWN_CHARACTERS)}: not a way to hand over a payload`,
    "It is 'stdin' (default) or 'file'.",
  );
}

function checkVariable(name: string): void {
  if (!VARIABLE_NAME.test(name)) {
    const hint = 'Give the NAME of a variable of this process, without a value.';
    throw usageError(`--env ${visible(name, SHOWN_CHARACTERS)}: not the name of an environment variable`, hint);
  }
  if (name.startsWith(OWN_VARIABLES)) {
    throw usageError(`--env ${name}: variables that begin with ${OWN_VARIABLES} are netmgr's own`, 'Use another name.');
  }
}
