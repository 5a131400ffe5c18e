import type { CommandFactory } from './command.js';

/** A command before its module is loaded: enough for the list in the help. */
export interface CatalogueEntry {
  readonly name: string;
  readonly summary: string;
  /** Not in the list. */
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandFactory>;
}

/** Every command that exists. A module is loaded only when its command runs. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'lead',
    summary: 'start a leader in the foreground',
    load: async () => (await import('./commands/lead.js')).leadCommand,
  },
  {
    name: 'join',
    summary: 'join a leader as a collaborator and take work',
    load: async () => (await import('./commands/join.js')).joinCommand,
  },
  {
    name: 'status',
    summary: 'who is there and how it goes',
    load: async () => (await import('./commands/status.js')).statusCommand,
  },
  {
    name: 'nodes',
    summary: 'list, show, evict and forget nodes',
    load: async () => (await import('./commands/nodes.js')).nodesCommand,
  },
  {
    name: 'call',
    summary: 'ask one node, some or all, and print the answers',
    load: async () => (await import('./commands/call.js')).callCommand,
  },
  {
    name: 'emit',
    summary: 'send an event to one node, some or all',
    load: async () => (await import('./commands/emit.js')).emitCommand,
  },
  {
    name: 'map',
    summary: 'share the lines of stdin out over the collaborators',
    load: async () => (await import('./commands/map.js')).mapCommand,
  },
  {
    name: 'invite',
    summary: 'join tokens: make, list and revoke them',
    load: async () => (await import('./commands/invite.js')).inviteCommand,
  },
  {
    name: 'ca',
    summary: "the leader's own certificate authority",
    load: async () => (await import('./commands/ca.js')).caCommand,
  },
  {
    name: 'doctor',
    summary: 'what is wrong with this host, a token or the way to the leader',
    load: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
  {
    name: 'config',
    summary: 'settings that stay, and named contexts',
    load: async () => (await import('./commands/config.js')).configCommand,
  },
  {
    name: 'completion',
    summary: 'print a completion script for the shell',
    load: async () => (await import('./commands/completion.js')).completionCommand,
  },
  {
    name: 'complete',
    summary: 'what the completion scripts ask',
    hidden: true,
    load: async () => (await import('./commands/completion.js')).completeCommand,
  },
];
