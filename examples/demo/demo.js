// The main job, end to end, on this machine: `npm run demo`.
// A leader and three collaborators, each in another language, share out the SHA-256 of every file under this
// directory. One of them is killed on the way; the work is completed all the same, and every digest is checked.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Cluster } from './cluster.js';
import { findWitness, isUnchanged, listFiles } from './files.js';
import { bold, command, dim, green, interject, red, say, step } from './screen.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** What the work is, if it is not to be everything here: `npm run demo -- src`. */
const FOLDER = process.argv[2] ?? '.';
const VICTIM = 'module';
/** The victim dies when this share of the work is done. */
const KILL_AT = 1 / 3;

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopped.abort(signal));

const cluster = new Cluster(ROOT);
let startedAt = Date.now();
try {
  prepare();
  startedAt = Date.now();
  const interrupted = once(stopped.signal, 'abort').then(() => Promise.reject(new Error(stopped.signal.reason)));
  await Promise.race([demonstrate(), interrupted]);
} catch (error) {
  say(`\n${red(stopped.signal.aborted ? `Stopped by ${error.message}.` : error.message)}`);
  process.exitCode = stopped.signal.aborted ? 128 + constants.signals[stopped.signal.reason] : 1;
} finally {
  await cluster.dispose();
}

function prepare() {
  if (!existsSync(path.join(ROOT, 'node_modules/.package-lock.json'))) npm('ci');
  npm('run', '--silent', 'build');
}

function npm(...words) {
  command(['npm', ...words]);
  const { status } = spawnSync('npm', words, { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`npm ${words.join(' ')} failed`);
}

async function demonstrate() {
  await gather();
  const files = listFiles(ROOT, FOLDER);
  const result = await share(files);
  const verdict = await check(files, result.lines);
  step('Who is there now: the one that was killed is lost');
  command(['netmgr', 'status']);
  await cluster.run(['status']);
  step('The end: SIGTERM to all');
  const ends = await cluster.stop();
  say(
    ends.map(([name, end]) => `${name}: ${end === 0 ? 'drained, exit code 0' : red(`ended with ${end}`)}`).join('\n'),
  );
  summarise({ files, ...result, ...verdict, clean: ends.every(([, end]) => end === 0) });
}

async function gather() {
  step('A leader, and three collaborators that do the same in three languages');
  const readyFile = cluster.file('leader.json');
  const lead = ['lead', '--bind', '127.0.0.1:0', '--ready-file', readyFile];
  command(['netmgr', ...lead]);
  cluster.start('leader', lead);
  const { address } = await cluster.ready('leader', readyFile);
  for (const [name, how] of Object.entries(collaborators())) {
    const join = ['join', address, '--name', name, ...how];
    command(['netmgr', ...join]);
    cluster.start(name, join);
  }
  command(['netmgr', 'status', '--wait', 'alive>=3']);
  await cluster.run(['status', '--wait', 'alive>=3', '--timeout', '20s']);
}

function collaborators() {
  const python = spawnSync('python3', ['--version']).status === 0;
  const streaming = python ? 'python3 -u examples/demo/sha256.py' : 'node examples/demo/sha256-stream.mjs';
  const slots = ['--slots', String(Math.max(2, availableParallelism()))];
  return {
    shell: ['--on', 'sha256=sh examples/demo/sha256.sh', ...slots],
    [VICTIM]: ['--handlers', 'examples/demo/sha256.mjs', ...slots],
    [python ? 'python' : 'stream']: ['--on', `sha256=${streaming}`, '--stream', 'sha256', ...slots],
  };
}

/** Pipes the names into `netmgr map`, and kills the victim on the way. */
async function share(files) {
  step(`The work: SHA-256 of all ${files.length} files here, and kill -9 on the way`);
  say(dim(`$ find ${FOLDER} -type f -print0 | netmgr map sha256 -0 --timeout 20s`));
  const map = cluster.tool(['map', 'sha256', '-0', '--timeout', '20s'], ['pipe', 'pipe', 'inherit']);
  const ended = once(map, 'exit');
  // A map that ends early says so by its exit code and by what is missing.
  const fed = pipeline(Readable.from(files.map(({ name }) => `${name}\0`)), map.stdin).catch(() => undefined);
  const begunAt = Date.now();
  const lines = [];
  let killed;
  for await (const line of createInterface({ input: map.stdout })) {
    lines.push(JSON.parse(line));
    if (lines.length >= files.length * KILL_AT) killed ??= killVictim(lines.length);
  }
  const [[code]] = await Promise.all([ended, fed, killed]);
  stopped.signal.throwIfAborted();
  return { lines, code, ms: Date.now() - begunAt };
}

async function killVictim(done) {
  interject(red(`kill -9 ${await cluster.kill(VICTIM)}   (${VICTIM}, after ${done} results)`));
}

/** @returns what is not right, in words, and how many files someone wrote to meanwhile: they prove nothing */
async function check(files, lines) {
  const witness = findWitness();
  step(`The check: every digest against ${witness.name}`);
  const expected = await witness.digests(
    ROOT,
    files.map(({ name }) => name),
  );
  stopped.signal.throwIfAborted();
  const answers = new Map(lines.map((line) => [line.index, line]));
  const wrong = [];
  let changed = 0;
  files.forEach((file, index) => {
    const answer = answers.get(index);
    if (answer?.ok && answer.payload === expected.get(file.name)) return;
    if (answer && !isUnchanged(ROOT, file)) changed += 1;
    else wrong.push(`${file.name}: ${JSON.stringify(answer ?? 'no answer')}`);
  });
  say(`${files.length - wrong.length - changed} are the same${changed > 0 ? `, ${changed} changed meanwhile` : ''}`);
  for (const problem of wrong.slice(0, 10)) say(red(problem));
  return { wrong, changed };
}

function summarise({ files, lines, code, ms, wrong, changed, clean }) {
  const share = new Map();
  for (const { node } of lines) share.set(node, (share.get(node) ?? 0) + 1);
  const mebibytes = files.reduce((sum, { size }) => sum + (size ?? 0), 0) / 2 ** 20;
  const fine = (code === 0 || changed > 0) && wrong.length === 0 && lines.length === files.length && clean;
  step(fine ? green('It worked.') : red('Something went wrong.'));
  say(`${bold(files.length)} files, ${Math.round(mebibytes)} MiB, in ${(ms / 1000).toFixed(1)} s`);
  say([...share].map(([node, count]) => `  ${node.padEnd(8)} ${count}`).join('\n'));
  say(`  killed   ${VICTIM}, and every file has its digest all the same`);
  say(dim(`The whole demo took ${((Date.now() - startedAt) / 1000).toFixed(1)} s after the build.`));
  if (!fine) {
    say(
      red(
        `map's exit code ${code}, ${lines.length} results, ${wrong.length} wrong, ${clean ? 'clean' : 'unclean'} end`,
      ),
    );
    process.exitCode = 1;
  }
}
