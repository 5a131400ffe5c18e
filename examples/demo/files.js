// The input of the demo, and what its output is checked against.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** As many names as surely fit on a command line. */
const BATCH = 200;

/** Every regular file under a folder in the root, as `find . -type f` would name it, with what tells whether it changed. */
export function listFiles(root, folder) {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `./${path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name))}`)
    .map((name) => ({ name, ...stamp(root, name) }));
}

function stamp(root, name) {
  const { size, mtimeMs } = statSync(path.join(root, name), { throwIfNoEntry: false }) ?? {};
  return { size, mtimeMs };
}

/** Files that an editor, or git, wrote to meanwhile have no one digest. */
export function isUnchanged(root, file) {
  const now = stamp(root, file.name);
  return now.size === file.size && now.mtimeMs === file.mtimeMs;
}

const WITNESSES = [
  ['sha256sum', '--'],
  ['shasum', '-a', '256', '--'],
  ['openssl', 'dgst', '-sha256', '-r'],
];

/** Someone else's SHA-256 to check against: coreutils, or the next best thing that this machine has. */
export function findWitness() {
  const words = WITNESSES.find(([program]) => spawnSync(program, ['--version']).error === undefined);
  return words === undefined
    ? { name: 'node:crypto (this machine has no sha256sum)', digests: inThisProcess }
    : { name: words[0], digests: (root, names) => byProgram(words, root, names) };
}

/** @returns digests by name; a file that cannot be read has none */
async function byProgram(words, root, names) {
  const digests = new Map();
  for (let at = 0; at < names.length; at += BATCH) {
    const batch = names.slice(at, at + BATCH);
    const lines = await linesOf([...words, ...batch], root);
    // One line for each file, in order; a file that could not be read has none, so then they are asked one by one.
    const aligned = lines.length === batch.length;
    for (const [i, name] of batch.entries()) {
      const line = aligned ? lines[i] : (await linesOf([...words, name], root))[0];
      digests.set(name, digestIn(line));
    }
  }
  return digests;
}

async function linesOf([program, ...words], cwd) {
  const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return output.split('\n').filter((line) => line !== '');
}

/** sha256sum puts a backslash before the line of a name that it had to escape. */
const digestIn = (line = '') => /^\\?([0-9a-f]{64})\b/.exec(line)?.[1];

async function inThisProcess(root, names) {
  const digestOf = (name) =>
    createHash('sha256')
      .update(readFileSync(path.join(root, name)))
      .digest('hex');
  return new Map(names.map((name) => [name, digestOf(name)]));
}
