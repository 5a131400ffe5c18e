import { lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../base/errors.js';
import { DeviceKey } from '../../security/devices/device-key.js';
import type { Environment } from '../environment.js';
import { type Finding, fail, ok, warn } from './finding.js';

type User = Pick<Environment, 'uid'>;

const OTHERS_WRITE = 0o022;
const OTHERS_ANYTHING = 0o077;
/** More than a host's nodes and contexts ever are; what is beyond is not looked at, and that is said. */
const MAX_ENTRIES = 10_000;
const DEEPEST = 3;
const MAX_TOLD = 10;

interface Entry {
  readonly path: string;
  readonly stats: Stats;
}

/** The modes and owners of everything in the state directory, and the keys that are in it. */
export function checkState(user: User, state: string): readonly Finding[] {
  const top = lstatSync(state, { throwIfNoEntry: false });
  if (top === undefined) return [ok('state', `${state} does not exist yet: nothing has run here`)];
  const entries: Entry[] = [];
  try {
    collect(state, DEEPEST, entries);
  } catch (error) {
    return [fail('state', `${state} cannot be looked at: ${messageOf(error)}`, `Whose is it? ls -ld ${state}`)];
  }
  const wrong = [wrongTop(user, state, top), ...entries.map((entry) => wrongEntry(user, entry))].filter(
    (finding) => finding !== undefined,
  );
  const modes = wrong.length === 0 ? [ok('state', `${state} and what is in it are this user's alone`)] : told(wrong);
  const beyond =
    entries.length < MAX_ENTRIES ? [] : [warn('state', `only the first ${MAX_ENTRIES} entries were looked at`)];
  return [...modes, ...beyond, ...entries.filter(({ path }) => basename(path) === 'device.key').map(checkKey)];
}

function told(wrong: readonly Finding[]): readonly Finding[] {
  if (wrong.length <= MAX_TOLD) return wrong;
  return [...wrong.slice(0, MAX_TOLD), fail('state', `and ${wrong.length - MAX_TOLD} more of this kind`)];
}

function collect(directory: string, depth: number, into: Entry[]): void {
  for (const name of readdirSync(directory).sort()) {
    if (into.length >= MAX_ENTRIES) return;
    const path = join(directory, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    into.push({ path, stats });
    if (stats.isDirectory() && depth > 1) collect(path, depth - 1, into);
  }
}

/** The state directory itself may be looked at, but not be written in by others. */
function wrongTop(user: User, path: string, stats: Stats): Finding | undefined {
  if (user.uid === undefined) return undefined;
  if (!stats.isDirectory()) return fail('state', `${path} is not a directory`, 'Move it away.');
  if (stats.uid !== user.uid && stats.uid !== 0) return foreign(path, stats);
  if ((stats.mode & OTHERS_WRITE) === 0) return undefined;
  return fail('state', `others may write in ${path} (mode ${octal(stats)})`, `chmod go-w ${path}`);
}

/** Directories that only hold others may be looked at; all else is private. */
function wrongEntry(user: User, { path, stats }: Entry): Finding | undefined {
  if (user.uid === undefined) return undefined;
  if (stats.isSymbolicLink()) {
    return fail('state', `${path} is a symbolic link, which netmgr does not follow`, 'Move what it points to there.');
  }
  if (stats.uid !== user.uid && stats.uid !== 0) return foreign(path, stats);
  const holdsOthers = stats.isDirectory() && ['nodes', 'contexts'].includes(basename(path));
  if ((stats.mode & (holdsOthers ? OTHERS_WRITE : OTHERS_ANYTHING)) === 0) return undefined;
  const mode = stats.isDirectory() ? '700' : '600';
  return fail('state', `${path} is open to others (mode ${octal(stats)})`, `chmod ${mode} ${path}`);
}

const foreign = (path: string, { uid }: Stats): Finding =>
  fail(
    'state',
    `${path} belongs to another user (${uid})`,
    `Run netmgr as that user, or: sudo chown -R "$USER" ${path}`,
  );

const octal = ({ mode }: Stats): string => (mode & 0o7777).toString(8);

function checkKey({ path }: Entry): Finding {
  const where = dirname(path);
  try {
    const { id } = DeviceKey.fromPem(readFileSync(path, 'utf8'));
    const cluster = clusterOf(join(where, 'cluster.json'));
    if (cluster !== undefined) return ok('key', `${where}: key ${id}, enrolled in the cluster '${cluster}'`);
    return warn('key', `${where}: key ${id} is not enrolled yet`, 'It needs a token once: --token-file FILE.');
  } catch (error) {
    return fail(
      'key',
      `${path}: ${messageOf(error)}`,
      'Remove it and join with a new token; the old name stays taken.',
    );
  }
}

function clusterOf(path: string): string | undefined {
  try {
    const { cluster } = JSON.parse(readFileSync(path, 'utf8')) as { cluster?: unknown };
    return typeof cluster === 'string' ? cluster : undefined;
  } catch {
    return undefined;
  }
}

/** The certificates by which this user knows leaders, PEM, wherever they are stored. */
export function storedRoots(state: string): readonly string[] {
  const roots = new Set<string>();
  for (const kind of ['nodes', 'contexts']) {
    for (const name of namesIn(join(state, kind))) for (const root of rootsIn(join(state, kind, name))) roots.add(root);
  }
  return [...roots];
}

/** Those of one enrolled key. */
export function rootsIn(directory: string): readonly string[] {
  try {
    const { roots } = JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8')) as { roots?: unknown };
    return Array.isArray(roots) ? roots.filter((root) => typeof root === 'string') : [];
  } catch {
    return [];
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
