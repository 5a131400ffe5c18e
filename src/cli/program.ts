import { join } from 'node:path';
import { Command as Commander, CommanderError, Option } from 'commander';
import { toNetworkError } from '../base/errors.js';
import { CATALOGUE, type CatalogueEntry } from './catalogue.js';
import type { Command, Invocation } from './command.js';
import type { Environment } from './environment.js';
import { usageError } from './exit-codes.js';
import { type Flag, variableOf } from './flags.js';
import { configDirFlag, GLOBAL_FLAGS, logLevelFlag, quietFlag } from './global-flags.js';
import { nearest } from './nearest.js';
import { createOutput, type Output } from './output.js';
import { settingsDirectory } from './paths.js';
import { reportError } from './report-error.js';
import { readSettings, readSettingsOrProblem, resolveFlag, type SettingSources, type TypedFlags } from './settings.js';
import { storageError } from './storage.js';
import { styleFor } from './style.js';

export interface ProgramParts {
  readonly environment: Environment;
  readonly version: string;
}

/**
 * Runs one command line to its end.
 * @param words without the program's own name
 * @returns the exit code; errors are reported, never thrown
 */
export async function runProgram(words: readonly string[], parts: ProgramParts): Promise<number> {
  const { environment } = parts;
  const state = { quiet: isQuiet(words, environment), exitCode: 0 };
  const { stdout, stderr } = environment;
  const output = createOutput({ stdout, stderr, quiet: () => state.quiet });
  const json = wantsJson(words, environment);
  try {
    const program = assemble(parts, output, (exitCode) => {
      state.exitCode = exitCode;
    });
    requireCommand(program, words);
    await program.parseAsync(helpLast(words), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) state.exitCode = 0;
    else if (output.closed.aborted) state.exitCode = 0;
    else state.exitCode = reportError(fromCommander(error), output, json);
  }
  const fault = await output.settled();
  return fault === undefined ? state.exitCode : reportError(storageError('stdout', fault), output, json);
}

/** commander would answer `stauts --help` with the help of everything. @throws CommandError (2) */
function requireCommand(program: Commander, words: readonly string[]): void {
  const word = words[0] === 'help' ? words[1] : words[0];
  if (word === undefined || word.startsWith('-')) return;
  if (!program.commands.some((command) => command.name() === word)) throw unknownWord(program, word);
}

/** `help status` is `status --help`. */
const helpLast = (words: readonly string[]): string[] =>
  words[0] === 'help' ? [...words.slice(1), '--help'] : [...words];

/** Looked for by hand: errors of the command line itself come before the flags are read. */
const wantsJson = (words: readonly string[], environment: Environment): boolean =>
  beforeDashes(words).includes('--json') || /^(1|true|yes|on)$/i.test(environment.variables['NETMGR_JSON'] ?? '');

function isQuiet(words: readonly string[], environment: Environment): boolean {
  const typed = beforeDashes(words);
  if (typed.includes('--quiet') || typed.includes('-q')) return true;
  return /^(1|true|yes|on)$/i.test(environment.variables[variableOf(quietFlag)] ?? '');
}

function beforeDashes(words: readonly string[]): readonly string[] {
  const dashes = words.indexOf('--');
  return dashes === -1 ? words : words.slice(0, dashes);
}

/** commander's own complaints become errors like all others; its suggestion becomes the hint. */
function fromCommander(thrown: unknown): unknown {
  if (!(thrown instanceof CommanderError)) return toNetworkError(thrown);
  const [message = '', ...rest] = thrown.message.replace(/^error: /, '').split('\n');
  const suggestion = rest
    .join(' ')
    .trim()
    .replace(/^\(|\)$/g, '');
  return usageError(
    message,
    suggestion === '' ? "'netmgr --help' lists the commands, 'netmgr COMMAND --help' its flags." : suggestion,
  );
}

function assemble(parts: ProgramParts, output: Output, finish: (exitCode: number) => void): Commander {
  const program = new Commander('netmgr');
  program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void output.data(text),
      writeErr: () => {},
    })
    .configureHelp({ showGlobalOptions: true, helpWidth: helpWidth(parts.environment), minWidthToWrap: 20 })
    .description('One command per machine: a leader and its collaborators share work and answer calls.')
    .usage('COMMAND [flags]')
    .version(parts.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .addHelpText('after', ROOT_HELP);
  for (const flag of GLOBAL_FLAGS) program.addOption(optionOf(flag));
  const stubs = new Map<Commander, CatalogueEntry>();
  for (const entry of CATALOGUE) {
    stubs.set(program.command(entry.name, { hidden: entry.hidden === true }).summary(entry.summary), entry);
  }
  const context: BuildContext = { ...parts, output, finish, program };
  program.hook('preSubcommand', async (_program, chosen) => {
    const entry = stubs.get(chosen);
    if (entry !== undefined) describe(chosen, (await entry.load())(parts.environment), context);
  });
  refuseUnknown(program);
  return program;
}

interface BuildContext extends ProgramParts {
  readonly output: Output;
  readonly finish: (exitCode: number) => void;
  readonly program: Commander;
}

const ROOT_HELP = `
Examples:
  netmgr lead                                    start a leader here; it prints the join command
  netmgr join --on sha256=sha256sum              join it from here, with a program as a handler
  netmgr status                                  who is there
  find . -type f | netmgr map sha256             share the lines out

Every flag has an environment variable: --state-dir is NETMGR_STATE_DIR.
`;

/** Turns a command of ours into one of commander's, its subcommands included. */
function describe(target: Commander, command: Command, context: BuildContext): void {
  target
    .summary(command.summary)
    .description(`${command.summary}${command.details ? `\n\n${reflowed(command.details)}` : ''}`);
  for (const argument of command.arguments ?? []) {
    const dots = argument.variadic ? '...' : '';
    const name = `${argument.name}${dots}`;
    target.argument(argument.required ? `<${name}>` : `[${name}]`, argument.description);
  }
  for (const flag of command.flags ?? []) target.addOption(optionOf(flag));
  target.addHelpText('after', examplesText(command));
  target.helpOption('-h, --help', 'print this help').helpCommand(false).allowExcessArguments(false);
  for (const sub of command.commands ?? []) describe(target.command(sub.name), sub, context);
  const { run } = command;
  if (run === undefined) {
    refuseUnknown(target);
    return;
  }
  target.action(async () => {
    const invocation = await invocationOf(target, command, context);
    context.finish(await run(invocation));
  });
}

/** Its line breaks are the source's; commander breaks to the width of the terminal. Indented lines stay as they are. */
const reflowed = (text: string): string => text.replace(/(\S)\n(?=[^\s])/g, '$1 ');

/** A command that only holds others: whatever reaches it is mistyped. */
function refuseUnknown(group: Commander): void {
  group.allowUnknownOption(true).allowExcessArguments(true);
  group.action(() => {
    throw unknownWord(group, group.args[0]);
  });
}

function unknownWord(group: Commander, word: string | undefined): Error {
  const names = group.commands.map((command) => command.name()).filter((name) => name !== 'complete');
  const path = commandPath(group);
  if (word === undefined) {
    return usageError(`'${path}' needs a command: ${names.join(', ')}`, `'${path} --help' says what they do.`);
  }
  if (word.startsWith('-')) {
    const near = nearest(word, optionNames(group));
    const hint = near === undefined ? `'${path} --help' lists the flags.` : `Did you mean ${near}?`;
    return usageError(`unknown option '${word}'`, hint);
  }
  const near = nearest(word, names);
  const hint = near === undefined ? `The commands are ${names.join(', ')}.` : `Did you mean '${path} ${near}'?`;
  return usageError(`'${word}' is not a command of '${path}'`, hint);
}

const optionNames = (group: Commander): string[] => [
  ...group.options.flatMap((option) => option.long ?? []),
  ...(group.parent ? optionNames(group.parent) : []),
];

function commandPath(command: Commander): string {
  return command.parent ? `${commandPath(command.parent)} ${command.name()}` : command.name();
}

function optionOf(flag: Flag<unknown>): Option {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const value = flag.kind === 'switch' ? '' : ` <${flag.placeholder ?? 'VALUE'}>`;
  const option = new Option(`${short}--${flag.name}${value}`, flag.description + fallbackNote(flag));
  if (flag.kind === 'list') {
    option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  }
  return option;
}

function fallbackNote(flag: Flag<unknown>): string {
  if (flag.kind !== 'value') return flag.kind === 'list' ? ' (may be repeated)' : '';
  const choices = flag.choices === undefined ? '' : ` (${flag.choices.join(', ')})`;
  const text = flag.fallbackText ?? (flag.fallback === undefined ? '' : String(flag.fallback));
  return text === '' ? choices : `${choices} (default: ${text})`;
}

function examplesText(command: Command): string {
  if (command.examples.length === 0) return '';
  const width = Math.max(...command.examples.map((example) => example.command.length));
  const lines = command.examples.map(({ command: line, text }) =>
    width > 56 ? `  ${line}\n      ${text}` : `  ${line.padEnd(width)}   ${text}`,
  );
  return `\nExamples:\n${lines.join('\n')}`;
}

const helpWidth = (environment: Environment): number => Math.max(60, Math.min(environment.stdout.columns || 100, 120));

async function invocationOf(target: Commander, command: Command, context: BuildContext): Promise<Invocation> {
  const { environment, output } = context;
  const typed = typedFlags(target, [...GLOBAL_FLAGS, ...(command.flags ?? [])]);
  const bare: SettingSources = { typed, variables: environment.variables, config: { path: '', values: {} } };
  const directory = settingsDirectory(environment, resolveFlag(configDirFlag, bare).value);
  const path = join(directory, 'config.json');
  const config = command.survivesBadSettings ? readSettingsOrProblem(path) : readSettings(path);
  const sources: SettingSources = { ...bare, config };
  for (const flag of [logLevelFlag, ...(command.flags ?? [])]) resolveFlag(flag, sources);
  return {
    operands: target.args,
    output,
    style: await styleFor(environment.stdout, environment.variables),
    config,
    signal: output.closed,
    commands: () => loadCommands(environment),
    value: (flag) => resolveFlag(flag, sources).value,
    setting: (flag) => resolveFlag(flag, sources),
  };
}

const loadCommands = (environment: Environment): Promise<readonly Command[]> =>
  Promise.all(CATALOGUE.filter((entry) => !entry.hidden).map(async (entry) => (await entry.load())(environment)));

/** What was typed for each flag, before or after the command's name. */
function typedFlags(target: Commander, flags: readonly Flag<unknown>[]): TypedFlags {
  const all = target.optsWithGlobals<Record<string, unknown>>();
  const typed: Record<string, true | string | readonly string[]> = {};
  for (const flag of flags) {
    const option = new Option(`--${flag.name}`);
    const said = all[option.attributeName()];
    // To commander `--no-x` is `--x`, which is on until it is denied.
    const value = option.negate ? said === false : said;
    if (value === true || typeof value === 'string' || Array.isArray(value)) typed[flag.name] = value;
  }
  return typed;
}
