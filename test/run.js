// Runs the compiled tests with the Node that runs this file: node test/run.js [options] [part of a path ...]
//   --long        the long ones (*.long.js), one file at a time, instead of the quick ones (*.test.js)
//   --minutes N   end a run that hangs after this long (default 15, with --long 80); the runner then names the file
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, minutes: { type: 'string' } },
});
const suffix = values.long ? '.long.js' : '.test.js';
const minutes = Number(values.minutes ?? (values.long ? 80 : 15));

// A compiled test outlives its source: those without one are left out.
const files = readdirSync(path.join(ROOT, 'dist/test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith(suffix) && existsSync(path.join(ROOT, 'test', file.replace(/\.js$/, '.ts'))))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .map((file) => path.join('dist/test', file))
  .sort();

if (files.length === 0) {
  console.error(`No test matches ${positionals.join(' ') || suffix}. Compile them first: npm run build`);
  process.exitCode = 1;
} else {
  run(['--test', '--test-reporter=spec', `--test-concurrency=${values.long ? 1 : 2}`, ...files]);
}

function run(options) {
  const runner = spawn(process.execPath, options, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const limit = setTimeout(() => runner.kill('SIGTERM'), minutes * 60_000);
  const forward = (signal) => runner.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  runner.on('exit', (code) => {
    clearTimeout(limit);
    process.exitCode = code ?? 1;
  });
}
