import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/base/version.js';
import { type Ran, run } from '../cli/fake-environment.js';
import { assertNothingLeft } from '../leaks.js';
import { assertTame, Sandbox } from './harness.js';

const sandbox = new Sandbox();
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

const wordsOf = (line: string): string[] => line.split(' ').filter((word) => word !== '');

/** The program without its process, which takes longer to start than to find a mistake. */
const runHere = (words: readonly string[]): Promise<Ran> => {
  const variables = { NETMGR_STATE_DIR: sandbox.state, NETMGR_CONFIG_DIR: sandbox.path('config') };
  return run(words, { home: sandbox.directory, variables });
};

/** So many at a time, for each is a process. */
async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const next = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([next(), next(), next()]);
}

test('what is mistyped is refused with the value, the forms that are right, and 2', async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['', /'netmgr' needs a command: lead, join, status/],
    ['stauts', /'stauts' is not a command of 'netmgr'\n {2}Did you mean 'netmgr status'\?/],
    ['stauts --help', /Did you mean 'netmgr status'/],
    ['help stauts', /Did you mean 'netmgr status'/],
    ['nodes lss', /Did you mean 'netmgr nodes ls'/],
    ['nodes', /'netmgr nodes' needs a command: ls, show, evict/],
    ['--jsn status', /unknown option '--jsn'\n {2}Did you mean --json\?/],
    ['status --jsn', /unknown option '--jsn'\n {2}Did you mean --json\?/],
    ['status --timeout 5', /--timeout: '5' is not a duration.*\n {2}A number needs its unit/],
    ['status --timeout 2d', /--timeout: '2d' is not between 1ms and 24h/],
    ['status --wait alive', /--wait: 'alive' is not a condition/],
    ['status --watch --check', /--watch goes with neither/],
    ['status --leader :::', /address ":::" is not valid\n {2}Write it as HOST/],
    ['status --log-level loud', /--log-level: 'loud' is not one of debug, info/],
    ['status --context nope', /there is no context 'nope'/],
    ['status --cluster A', /--cluster: 'A' is not a cluster name/],
    ['call', /missing required argument 'TYPE'/],
    ['call 9x', /'9x' is not a handler type/],
    ['call x --all --to w1', /--all goes with neither --to nor --where/],
    ['call x --quorum 2', /--quorum needs --all/],
    ['call x --all --quorum 200%', /--quorum: '200%' is not a share/],
    ['call x --where tag.', /--where: /],
    ['call x y z', /too many arguments/],
    ['map x --resume', /--resume needs --joblog FILE/],
    ['map x --halt never', /--halt: 'never' is not a condition to halt/],
    ['map x -j 0', /--jobs: '0' is not a whole number from 1/],
    ['lead --bind foo:99999', /--bind: 'foo:99999' is not an address to listen on/],
    ['lead --name UPPER', /--name: 'UPPER' is not a node name/],
    ['join notanaddress:xx', /address "notanaddress:xx" is not valid/],
    ['join --name 🦊', /--name: '🦊' is not a node name/],
    ['join --tag =x', /--tag: '=x' is not a tag/],
    ['join --slots 0', /--slots: '0' is not a whole number/],
    ['join --on foo', /--on foo: there is no '='/],
    ['join --on 9x=cat', /'9x' is not a message type/],
    ['join --on netmgr.x=cat', /netmgr's own/],
    ['join --stream x', /--stream x: no --on binds this TYPE/],
    ['join --env NETMGR_TOKEN', /are netmgr's own/],
    ['completion tcsh', /'tcsh' is not a shell that is known: bash, zsh, fish/],
    ['config set nope 1', /there is no setting 'nope'/],
    ['config set call.timeout 5', /'5' is not a duration/],
    ['config context add A unix:/x', /'A' is not a context name/],
  ];
  for (const [line, message] of table) {
    const { exitCode, stdout, stderr } = await runHere(wordsOf(line));
    assert.match(stderr, message, line);
    assert.deepEqual([exitCode, stdout], [2, ''], line);
    assertTame(stderr);
  }
  await inTurn(['stauts', 'status --jsn', 'join --name 🦊'], async (line) => {
    const [{ code, stdout, stderr }, here] = [await sandbox.run(wordsOf(line)), await runHere(wordsOf(line))];
    assert.deepEqual([code, stdout, stderr], [2, '', here.stderr], line);
  });
});

test('what is configured wrongly, or a file that is not right, gives 78', async () => {
  const module = (name: string, text: string) => ['join', '--handlers', sandbox.file(name, text)];
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [['lead', '--plaintext', '--bind', '0.0.0.0:7700'], /plaintext .* is for loopback addresses only/],
    [['status', '--leader', 'ws://h:1'], /plaintext .* is for loopback addresses only/],
    [['join', '--on', 'x=/nope/prog'], /--on x=…: the program '\/nope\/prog' does not exist\n {2}Install it/],
    [['join', '--on', 'x=netmgr-nope'], /the program 'netmgr-nope' is not on the PATH/],
    [['join', '--on', `x=${sandbox.directory}`], /is a directory, not a program/],
    [['join', '--on', `x=${sandbox.file('plain.sh', 'echo')}`], /may not be executed\n {2}Make it executable/],
    [['join', '--handlers', 'nope.mjs'], /--handlers nope\.mjs: the file does not exist/],
    [module('throws.mjs', "throw new Error('on \\x1b[31mimport')"), /it cannot be imported: on \\x1b\[31mimport/],
    [module('syntax.mjs', 'export default {'), /it cannot be imported: SyntaxError/],
    [module('nothing.mjs', ''), /it has no default export/],
    [module('empty.mjs', 'export default {}'), /its default export has no handlers/],
    [module('wrong.mjs', 'export default { x: 1 }'), /'x' is no function/],
    [['lead', '--bind', '127.0.0.1:0', '--ready-file', sandbox.path('no/where')], /--ready-file .*ENOENT/],
  ];
  await inTurn(table, async ([words, message]) => {
    const { code, stdout, stderr } = await sandbox.run(words, { env: { NETMGR_STATE_DIR: sandbox.path('state-78') } });
    assert.match(stderr, message, words.join(' '));
    assert.deepEqual([code, stdout], [78, ''], words.join(' '));
    assertTame(stderr);
  });
});

test('errors are JSON with --json, wherever it stands, and with NETMGR_JSON', async () => {
  const runs = await Promise.all([
    sandbox.run(['--json', 'stauts']),
    sandbox.run(['status', '--timeout', '5', '--json']),
    sandbox.run(['status'], { env: { NETMGR_JSON: '1' } }),
  ]);
  assert.deepEqual(
    runs.map(({ code }) => code),
    [2, 2, 69],
  );
  for (const { stderr } of runs) {
    const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
    assert.deepEqual(Object.keys(error), ['code', 'message', 'hint']);
  }
});

test('a flag beats its variable, that beats the setting, and that beats the default', async () => {
  const env = { NETMGR_CONFIG_DIR: sandbox.path('config-order') };
  const wait = async (words: readonly string[], extra: Readonly<Record<string, string>> = {}): Promise<string> => {
    const { stderr } = await sandbox.run(['call', 'x', '--leader', 'unix:/nope.sock', ...words], {
      env: { ...env, ...extra },
    });
    return stderr;
  };
  assert.equal((await sandbox.run(['config', 'set', 'call.timeout', 'bad'], { env })).code, 2);
  writeConfig(env.NETMGR_CONFIG_DIR, '{"call":{"timeout":"from-config"}}');
  assert.match(await wait([]), /'call\.timeout' in .*config\.json: 'from-config' is not a duration/);
  assert.match(await wait([], { NETMGR_TIMEOUT: 'from-env' }), /NETMGR_TIMEOUT: 'from-env' is not a duration/);
  assert.match(await wait(['--timeout', 'typed'], { NETMGR_TIMEOUT: 'from-env' }), /--timeout: 'typed'/);
  assert.match(await wait(['--timeout', '1s'], { NETMGR_TIMEOUT: 'from-env' }), /no leader answers/);
  writeConfig(env.NETMGR_CONFIG_DIR, '[]');
  const broken = await sandbox.run(['status'], { env });
  assert.equal(broken.code, 78);
  assert.match(broken.stderr, /are not a JSON object/);
});

function writeConfig(directory: string, text: string): void {
  spawnSync('mkdir', ['-p', directory]);
  writeFileSync(`${directory}/config.json`, text);
}

test('settings and contexts are kept, listed and forgotten', async () => {
  const env = { NETMGR_CONFIG_DIR: sandbox.path('config-kept') };
  const config = async (...words: string[]) => {
    const { code, stdout } = await sandbox.run(['config', ...words], { env });
    return [code, stdout];
  };
  assert.deepEqual(await config('get', 'join.slots'), [1, '']);
  assert.deepEqual(await config('set', 'join.slots', '4'), [0, '']);
  assert.deepEqual(await config('set', 'join.tag', 'gpu=1', 'zone=a'), [0, '']);
  assert.deepEqual(await config('get', 'join.slots'), [0, '4\n']);
  assert.deepEqual(await config('get', 'join.tag'), [0, 'gpu=1 zone=a\n']);
  assert.deepEqual(await config('unset', 'join.slots'), [0, '']);
  assert.deepEqual(await config('context', 'add', 'prod', 'unix:/p.sock'), [0, '']);
  assert.deepEqual(await config('context', 'add', 'lab', '127.0.0.1:1'), [0, '']);
  assert.deepEqual(await config('context', 'use', 'lab'), [0, '']);
  assert.deepEqual(await config('context', 'ls'), [0, '* lab   127.0.0.1:1\n  prod  unix:/p.sock\n']);
  assert.match(
    (await sandbox.run(['status'], { env })).stderr,
    /you have no key for the leader at wss:\/\/127\.0\.0\.1:1/,
  );
  assert.match(
    (await sandbox.run(['--context', 'prod', 'status'], { env })).stderr,
    /no leader answers at unix:\/p\.sock/,
  );
  assert.deepEqual(await config('context', 'rm', 'lab'), [0, '']);
  assert.match((await sandbox.run(['status'], { env })).stderr, /no leader answers on this host/);
});

test('the help of every command names its flags and examples', async () => {
  const pages = ['', 'lead', 'join', 'status', 'nodes', 'nodes ls', 'nodes show', 'nodes evict', 'nodes forget'];
  pages.push('call', 'emit', 'map', 'invite', 'invite create', 'invite ls', 'invite revoke', 'invite rotate', 'ca');
  pages.push('ca show', 'ca rotate', 'doctor', 'doctor explain');
  pages.push('config', 'config get', 'config set', 'config unset', 'config ls', 'config path', 'config context');
  pages.push('config context add', 'config context ls', 'config context use', 'config context rm', 'completion');
  for (const page of pages) {
    const { exitCode, stdout, stderr } = await runHere([...wordsOf(page), '--help']);
    assert.deepEqual([exitCode, stderr], [0, ''], page);
    assert.match(stdout, new RegExp(`^Usage: netmgr ${page}`), page);
    assert.match(stdout, /\nExamples:\n/, page);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 120, `${page}: ${line}`);
  }
  for (const words of [['--help'], ['config', 'context', 'add', '--help']]) {
    const [{ code, stdout }, here] = [await sandbox.run(words), await runHere(words)];
    assert.deepEqual([code, stdout], [0, here.stdout]);
  }
  assert.doesNotMatch((await runHere(['--help'])).stdout, /\n {2}(submit|jobs|drain|tail|limits|complete) /);
});

test('--version is one line; a Node that is too old can read the executable, and is told so', async () => {
  for (const flag of ['--version', '-V']) {
    assert.deepEqual(await sandbox.run([flag]), { code: 0, signal: null, stdout: `${VERSION}\n`, stderr: '' });
  }
  const bin = fileURLToPath(new URL('../../../bin/netmgr.js', import.meta.url));
  // Nothing younger than 2015 but import(), which Node has read since 2018.
  assert.doesNotMatch(
    readFileSync(bin, 'utf8').replaceAll(/'[^']*'|\/\/.*$/gm, ''),
    /=>|\bconst\b|\blet\b|\bawait\b|\?\.|\?\?|`/,
  );
  const faked = "Object.defineProperty(process.versions, 'node', { value: '18.20.0' });";
  const preload = sandbox.file('old.cjs', faked);
  const old = await sandbox.run(['status'], { env: { NODE_OPTIONS: `--require=${preload}` } });
  assert.deepEqual([old.code, old.stdout], [78, '']);
  assert.match(old.stderr, /^netmgr needs Node 20\.19 or newer; this is Node 18\.20\.0 \(/);
});

test('stdout and stdin may be closed; a full disk is told', async () => {
  const shell = (line: string) => ({ through: ['sh', '-c', line, 'sh'] });
  const [closed, noInput, full, fullHelp, fullVersion] = await Promise.all([
    sandbox.run(['config', 'ls'], shell('exec "$@" >&-')),
    sandbox.run(['config', 'path'], shell('exec "$@" <&-')),
    sandbox.run(['config', 'ls'], shell('exec "$@" >/dev/full')),
    sandbox.run(['--help'], shell('exec "$@" >/dev/full')),
    sandbox.run(['--version'], shell('exec "$@" >/dev/full')),
  ]);
  assert.deepEqual([closed.code, closed.stderr], [0, '']);
  assert.equal(noInput.code, 0);
  for (const { code, stderr } of [full, fullHelp]) {
    assert.equal(code, 75);
    assert.match(stderr, /^netmgr: stdout: ENOSPC: .*\n {2}Make room on the disk/);
  }
  assert.equal(fullVersion.code, 75);
});
