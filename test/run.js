// Runs the compiled tests with the Node that runs this file: node test/run.js [options] [part of a path ...]
//   --long        the long ones (*.long.js), one file at a time, instead of the quick ones (*.test.js)
//   --minutes N   end a run that hangs after this long (default 30, with --long 80), and name the files that ran then
//   --times       say at the end which files took longest, for LONGEST below
import { setMaxListeners } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

// Two files run at a time. The longest come first, so that no one of them is left to run alone at the end.
const LONGEST = [
  'process/attack',
  'process/ending',
  'process/cluster',
  'process/terminal',
  'sim/sim',
  'process/state',
  'process/security',
  'process/map',
  'process/usage',
  'attack/live',
  'attack/mutation',
  'security/bombs',
  'process/refusal',
  'package/package',
  'process/operators',
  'examples/demo',
  'cli/script/injection',
  'security/squatting',
  'security/browser',
  'security/terminal',
  'security/secrets',
  'architecture/architecture',
  'conformance/websocket',
  'process/compress',
  'cli/script/exec',
];

const ROOT = path.resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, minutes: { type: 'string' }, times: { type: 'boolean' } },
});
const suffix = values.long ? '.long.js' : '.test.js';
const minutes = Number(values.minutes ?? (values.long ? 80 : 30));

// A compiled test outlives its source: those without one are left out.
const files = readdirSync(path.join(ROOT, 'dist/test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith(suffix) && existsSync(path.join(ROOT, 'test', file.replace(/\.js$/, '.ts'))))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  .map((file) => path.join(ROOT, 'dist/test', file));

if (files.length === 0) {
  console.error(`No test matches ${positionals.join(' ') || suffix}. Compile them first: npm run build`);
  process.exitCode = 1;
} else {
  process.chdir(ROOT);
  start();
}

function rank(file) {
  const place = LONGEST.indexOf(file.slice(0, -suffix.length));
  return place < 0 ? LONGEST.length : place;
}

function start() {
  const stop = new AbortController();
  // Each file that waits to be run listens to it.
  setMaxListeners(0, stop.signal);
  const running = new Set();
  const ended = [];
  const limit = setTimeout(() => {
    console.error(`\nnot ended after ${minutes} minutes: ${[...running].join(', ')}`);
    stop.abort();
  }, minutes * 60_000);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
  const tests = run({ files, concurrency: values.long ? 1 : 2, signal: stop.signal });
  // A file is reported as a test that has its path as its name.
  tests.on('test:dequeue', ({ name, file }) => {
    if (name === file) running.add(path.relative(ROOT, file));
  });
  tests.on('test:complete', ({ name, file, details }) => {
    if (name !== file) return;
    running.delete(path.relative(ROOT, file));
    ended.push({ file: path.relative(ROOT, file), seconds: details.duration_ms / 1000 });
  });
  tests.on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  });
  tests.on('end', () => clearTimeout(limit));
  const report = tests.pipe(new Spec());
  if (values.times) report.on('end', () => showTimes(ended));
  report.pipe(process.stdout);
}

function showTimes(ended) {
  const longest = ended.sort((a, b) => b.seconds - a.seconds).slice(0, 40);
  for (const { file, seconds } of longest) console.error(`${seconds.toFixed(1).padStart(7)} s  ${file}`);
}
