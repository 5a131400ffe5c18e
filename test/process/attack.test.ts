import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { writeHandlers } from './handlers.js';
import { assertTame, jsonLines, type LeaderProcess, type Program, Sandbox } from './harness.js';

const sandbox = new Sandbox();
let leader: LeaderProcess;
let worker: Program;

const tiny = sandbox.path('tiny');
mkdirSync(tiny);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', tiny]);
const noDisk = mounted.status === 0 ? false : 'a small disk cannot be mounted here';
if (noDisk === false) after(() => void spawnSync('umount', ['-l', tiny]));

before(async () => {
  const { module } = writeHandlers(sandbox);
  leader = await sandbox.lead();
  worker = await sandbox.join('w1', ['--handlers', module, '--slots', '4']);
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

test('without a leader every command says so and exits 69', async () => {
  const env = { NETMGR_STATE_DIR: sandbox.path('nobody') };
  const all = ['status', 'status x', 'nodes ls', 'nodes show x', 'nodes evict x', 'call x', 'emit x', 'map x'];
  all.push(
    'status --watch',
    `join --retry-for 200ms --state-dir ${sandbox.path('nowhere')}`,
    'status --wait alive>=1 --timeout 300ms',
  );
  const runs = await Promise.all(all.map((line) => sandbox.run(line.split(' '), { env })));
  for (const [index, { code, stdout, stderr }] of runs.entries()) {
    assert.deepEqual([code, stdout], [69, ''], `${all[index]}: ${stderr}`);
    assert.match(stderr, /'netmgr lead' starts one on this host/, all[index]);
  }
  const check = await sandbox.run(['status', '--check'], { env });
  assert.equal(check.code, 1);
  assert.match(check.stdout, /^not healthy: no leader answers on this host/);
});

test('an operator who comes over TCP without a key is refused with 77, and told what to do', async () => {
  const { address } = leader.ready;
  const words = [['status'], ['call', 'echo', 'x'], ['map', 'echo'], ['nodes', 'ls'], ['emit', 'echo', 'x']];
  for (const { code, stdout, stderr } of await Promise.all(
    words.map((each) => sandbox.run([...each, '--leader', address])),
  )) {
    assert.deepEqual([code, stdout], [77, '']);
    assert.match(
      stderr,
      /you have no key for the leader at wss:.*\n {2}On the leader's own host leave --leader .*invite create --role operator.*context add NAME/,
    );
  }
  const named = await sandbox.run(['status', '--check', '--leader', `unix:${leader.ready.socket}`]);
  assert.equal(named.code, 0);
});

test('a leader that is stopped keeps nobody longer than the time that was given', async () => {
  leader.program.kill('SIGSTOP');
  const commands = ['status --timeout 500ms', 'call echo x --timeout 500ms', 'emit echo x --timeout 500ms'];
  commands.push('status --wait alive>=1 --timeout 500ms', 'status --check --timeout 500ms');
  const runs = await Promise.all(commands.map((line) => sandbox.run(line.split(' '))));
  leader.program.kill('SIGCONT');
  for (const [index, { code, stderr }] of runs.entries()) {
    const expected = commands[index]?.includes('--check') ? [1] : [69, 124];
    assert.ok(expected.includes(code ?? -1), `${commands[index]}: ${code} ${stderr}`);
  }
  assert.equal((await sandbox.run(['status', '--wait', 'alive=1', '--timeout', '20s'])).code, 0);
});

test('20 calls, four at a time: each gets its own answer', async () => {
  const line = 'i=$0; while [ $i -lt 20 ]; do "$@" call echo "n$i"; i=$((i+4)); done';
  const loops = Array.from({ length: 4 }, (_, first) =>
    sandbox.run([], { through: ['sh', '-c', line.replace('$0', String(first)), 'sh'] }),
  );
  const answers = (await Promise.all(loops)).flatMap(({ stdout, stderr }) => {
    assert.equal(stderr, '');
    return stdout.trimEnd().split('\n');
  });
  assert.deepEqual(answers.sort(), Array.from({ length: 20 }, (_, index) => `n${index}`).sort());
});

test('a payload of 900 KB arrives whole; one of 2 MB is refused with the limit', async () => {
  const input = 'x'.repeat(900 * 1024);
  const whole = await sandbox.run(['call', 'echo', '-'], { input });
  assert.deepEqual([whole.code, whole.stderr], [0, '']);
  assert.ok(whole.stdout === `${input}\n`);
  const words = [
    ['call', 'echo', '-'],
    ['call', 'echo', '-', '--all'],
    ['emit', 'echo', '-'],
  ];
  const large = 'x'.repeat(2 * 1024 * 1024);
  const [one, all, event] = await Promise.all(words.map((each) => sandbox.run(each, { input: large })));
  for (const refused of [one, event]) {
    assert.deepEqual([refused?.code, refused?.stdout], [2, '']);
    assert.match(
      refused?.stderr ?? '',
      /larger than .* accepts in one frame\n {2}The limit is its maxFrameBytes, 1 MiB/,
    );
  }
  assert.equal(all?.code, 1);
  assert.match(all?.stdout ?? '', /"code":"TOO_LARGE"/);
  const endless = await sandbox.run(['call', 'echo', '-'], { through: ['sh', '-c', 'exec "$@" </dev/zero', 'sh'] });
  assert.deepEqual([endless.code, endless.stdout], [2, '']);
  assert.match(endless.stderr, /the payload on stdin is larger than 16777216 bytes/);
});

test('hostile names, payloads and types reach no terminal raw', async () => {
  const evil = '\x1b]0;owned\x07\u202e\x9b2J';
  const words = [
    ['call', evil],
    ['call', 'echo', '--to', evil],
    ['call', 'echo', '--where', evil],
    ['status', evil],
    ['status', '--leader', evil],
    ['status', '--context', evil],
    [evil],
    ['status', `--${evil}`],
    ['join', '--name', evil],
    ['join', '--on', `${evil}=cat`],
    ['join', '--on', `x=${evil}`],
    ['join', '--handlers', evil],
    ['join', '--tag', evil],
    ['config', 'set', evil, 'x'],
    ['map', 'echo', '--halt', evil],
    ['map', 'echo', '--joblog', `/nope/${evil}`],
  ];
  for (const each of words) {
    const { code, stdout, stderr } = await sandbox.run(each);
    assert.ok(code !== 0 && code !== 70, `${code} ${stderr}`);
    assertTame(stdout + stderr);
    assertTame((await sandbox.run([...each, '--json'])).stderr);
  }
});

test('a stderr that nobody reads stalls nobody: the leader answers, the member stays alive, lost lines are counted', async () => {
  await using own = new Sandbox();
  const ready = own.path('ready.json');
  // The shell's pipe is never read, and is full from the start.
  const clogged = ['sh', '-c', 'mkfifo "$HOME/clog-$$"; exec 3<>"$HOME/clog-$$"; exec "$@" 2>&3', 'sh'];
  const stuck = own.start(['lead', '--bind', '127.0.0.1:0', '--ready-file', ready, '--log-level', 'debug'], {
    through: clogged,
  });
  assert.equal((await own.run(['status', '--wait', 'alive>=0', '--timeout', '10s'])).code, 0);
  const noisy = sandbox.file(
    'noisy.sh',
    'i=0; while [ $i -lt 3000 ]; do echo "line $i ...................................................................................................." >&2; i=$((i+1)); done; cat',
  );
  own.start(['join', '--name', 'w1', '--on', `noisy=sh ${noisy}`, '--slots', '4'], { through: clogged });
  assert.equal((await own.run(['status', '--wait', 'alive=1', '--timeout', '10s'])).code, 0);
  for (let round = 0; round < 5; round += 1) {
    const { code, stdout, stderr } = await own.run(['call', 'noisy', 'hello']);
    assert.deepEqual([code, stdout], [0, 'hello\n'], stderr);
  }
  assert.equal((await own.run(['status', '--check'])).code, 0);
  stuck.kill('SIGTERM');
  assert.equal((await stuck.exit).code, 0);
});

test('a full disk: the map says that its record is not whole, and can be resumed', { skip: noDisk }, async () => {
  const input = Array.from({ length: 1000 }, (_, index) => `input-${index}\n`).join('');
  const log = `${tiny}/log`;
  const { code, stdout, stderr } = await sandbox.run(['map', 'echo', '--joblog', log], { input });
  assert.equal(code, 75);
  assert.match(stderr, /netmgr: --joblog .*\/log: ENOSPC.*\n {2}Make room on the disk/);
  assert.ok(jsonLines(stdout).length < 1000);
  assert.ok(readFileSync(log, 'utf8').length > 1000);
  const ready = await sandbox.run(['lead', '--bind', '127.0.0.1:0', '--ready-file', `${tiny}/ready`], {
    env: { NETMGR_STATE_DIR: sandbox.path('other-state') },
  });
  assert.equal(ready.code, 75);
  assert.match(ready.stderr, /--ready-file .*ENOSPC/);
  spawnSync('mount', ['-o', 'remount,size=1m', tiny]);
  const again = await sandbox.run(['map', 'echo', '--joblog', log, '--resume'], { input });
  assert.equal(again.code, 0);
  const indexes = [...jsonLines(stdout), ...jsonLines(again.stdout)].map(({ index }) => index);
  assert.equal(new Set(indexes).size, 1000);
});

test('after all that, leader and collaborator are as they were', async () => {
  assert.ok(!leader.program.ended && !worker.ended);
  assert.deepEqual((await sandbox.run(['status', '--check'])).stdout, 'healthy: 1 alive\n');
});
