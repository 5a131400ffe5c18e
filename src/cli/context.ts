import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation } from './command.js';
import { configurationError } from './exit-codes.js';
import { settingAt } from './settings.js';

/** A leader with a name, as the settings keep it. */
export interface Context {
  readonly address: string;
  /** How this user is known there, once enrolled. */
  readonly identity?: Identity | undefined;
}

export interface Identity {
  /** The name that its key is bound to. */
  readonly node: string;
  readonly role: 'operator' | 'observer';
  /** Where the key is. */
  readonly directory: string;
}

/** The named contexts, in the order of their names. @throws CommandError (78) if one in the settings is none */
export function readContexts(invocation: Pick<Invocation, 'config'>): ReadonlyMap<string, Context> {
  const stored = settingAt(invocation.config.values, 'contexts') ?? {};
  const contexts = new Map<string, Context>();
  for (const [name, value] of Object.entries(stored).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { address, identity } = (value ?? {}) as { address?: unknown; identity?: unknown };
    const where = (field: string) => `'contexts.${name}.${field}' in ${invocation.config.path}`;
    if (typeof address !== 'string') throw configurationError(`${where('address')} is not a text`);
    if (identity !== undefined && !isIdentity(identity)) {
      throw configurationError(`${where('identity')} is not { node, role, directory }`, 'Remove it and enrol again.');
    }
    contexts.set(name, { address, identity });
  }
  return contexts;
}

function isIdentity(value: unknown): value is Identity {
  const { node, role, directory } = (value ?? {}) as Partial<Record<keyof Identity, unknown>>;
  return typeof node === 'string' && typeof directory === 'string' && (role === 'operator' || role === 'observer');
}

/** What an enrolment leaves in its directory. */
const FILES = ['device.key', 'cluster.json'];

/** Deletes the key of a context that is no more, and nothing but that. */
export function removeIdentity({ directory }: Identity): void {
  for (const file of FILES) rmSync(join(directory, file), { force: true });
  try {
    rmdirSync(directory);
  } catch {
    // Something else is in it: that stays.
  }
}
