import type { Command } from '../command.js';
import type { Environment } from '../environment.js';
import { EXIT, usageError } from '../exit-codes.js';
import type { Flag } from '../flags.js';
import { GLOBAL_FLAGS } from '../global-flags.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const completionCommand = (_environment: Environment): Command => ({
  name: 'completion',
  summary: 'print a completion script for the shell',
  arguments: [{ name: 'SHELL', description: SHELLS.join(', '), required: true }],
  examples: [
    { command: 'netmgr completion bash > ~/.local/share/bash-completion/completions/netmgr', text: 'bash' },
    { command: 'netmgr completion zsh > ~/.zfunc/_netmgr', text: 'zsh, with ~/.zfunc in fpath' },
    { command: 'netmgr completion fish > ~/.config/fish/completions/netmgr.fish', text: 'fish' },
  ],
  run: async (invocation) => {
    const [shell] = invocation.operands;
    const known = SHELLS.find((name) => name === shell);
    if (known === undefined) throw usageError(`'${shell}' is not a shell that is known: ${SHELLS.join(', ')}`);
    const { RootCommand } = await import('@bomb.sh/tab');
    new RootCommand().setup('netmgr', 'netmgr', known);
    return EXIT.ok;
  },
});

/** Called by the scripts: `netmgr complete -- WORD…` prints what may come next. */
export const completeCommand = (_environment: Environment): Command => ({
  name: 'complete',
  summary: 'what the completion scripts ask',
  arguments: [{ name: 'words', description: 'what was typed so far', variadic: true }],
  examples: [],
  run: async (invocation) => {
    const { RootCommand } = await import('@bomb.sh/tab');
    const root = new RootCommand();
    addFlags(root, GLOBAL_FLAGS);
    for (const command of await invocation.commands()) addCommand(root, '', command);
    root.parse([...invocation.operands]);
    return EXIT.ok;
  },
});

interface Completable {
  option(name: string, description: string, handler: (complete: Suggest) => void, alias?: string): unknown;
  option(name: string, description: string, alias?: string): unknown;
}
type Suggest = (value: string, description: string) => void;

function addCommand(
  root: { command(name: string, description: string): Completable } & Completable,
  prefix: string,
  command: Command,
): void {
  const name = prefix === '' ? command.name : `${prefix} ${command.name}`;
  addFlags(root.command(name, command.summary), command.flags ?? []);
  for (const sub of command.commands ?? []) addCommand(root, name, sub);
}

function addFlags(command: Completable, flags: readonly Flag<unknown>[]): void {
  for (const flag of flags) {
    if (flag.kind === 'switch') {
      command.option(flag.name, flag.description, flag.short);
      continue;
    }
    const suggest = (complete: Suggest) => {
      for (const choice of flag.choices ?? []) complete(choice, '');
    };
    command.option(flag.name, flag.description, suggest, flag.short);
  }
}
