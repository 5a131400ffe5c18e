// Runs the compiled tests on other versions of Node, which come from the `node` package of the registry:
//   node test/node-versions.js [20 22 24 26 ...] [-- options of test/run.js]
//   node test/node-versions.js --path 26          only installs it and prints where the executable is
// They are kept in the system's directory for temporary files, one folder per version.
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';

const ALL = ['20.19', '22', '24', '26'];
const CACHE = path.join(tmpdir(), `netmgr-test-nodes-${userInfo().uid}`);

const split = process.argv.indexOf('--', 2);
const words = process.argv.slice(2, split < 0 ? undefined : split);
const forRun = split < 0 ? [] : process.argv.slice(split + 1);

if (words[0] === '--path') console.log(executable(words[1] ?? ALL.at(-1)));
else testOn(words.length > 0 ? words : ALL);

function testOn(versions) {
  const verdicts = versions.map((version) => {
    const node = executable(version);
    console.log(`\n== Node ${versionOf(node)}`);
    const { status } = spawnSync(node, ['test/run.js', ...forRun], {
      cwd: path.resolve(import.meta.dirname, '..'),
      stdio: 'inherit',
    });
    return { node, passed: status === 0 };
  });
  console.log(
    `\n== ${verdicts.map(({ node, passed }) => `${versionOf(node)} ${passed ? 'ok' : 'FAILED'}`).join(', ')}`,
  );
  if (verdicts.some(({ passed }) => !passed)) process.exitCode = 1;
}

/** The path of that Node, installed if it is not there or does not work. */
function executable(version) {
  const folder = path.join(ownCache(), version);
  const node = path.join(folder, 'node_modules/node/bin/node');
  if (versionOf(node) === undefined) {
    mkdirSync(folder, { recursive: true });
    // The package's install script puts the executable for this machine in its place.
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }\n');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-save', `node@${version}`], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
    });
  }
  if (versionOf(node) === undefined) throw new Error(`node@${version} was installed in ${folder}, but does not run.`);
  return node;
}

function versionOf(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Executables are run from there, so it must not be a folder that someone else laid out. */
function ownCache() {
  mkdirSync(CACHE, { recursive: true, mode: 0o700 });
  const found = lstatSync(CACHE);
  if (!found.isDirectory() || found.uid !== userInfo().uid) throw new Error(`${CACHE} belongs to someone else.`);
  return CACHE;
}
