import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nameOfHost } from '../../src/cli/join/node-names.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';
import { Sandbox } from './harness.js';

assertNothingLeft();

/** What a leader leaves in its directory beside its certificates and its books. */
const left = (state: string): string[] =>
  readdirSync(join(state, 'leader')).filter((name) => !/^(ca|leaf)\.|\.journal$/.test(name));

test('a leader that was killed leaves a lock and a socket behind, which the next takes over', async () => {
  await using sandbox = new Sandbox();
  const first = await sandbox.lead();
  const port = new URL(first.ready.address).port;
  const worker = await sandbox.join('w1', [first.ready.address]);
  first.program.kill('SIGKILL');
  await first.program.exit;
  assert.ok(existsSync(join(sandbox.state, 'leader', 'lock')) && existsSync(first.ready.socket));
  const second = await sandbox.lead(['--bind', `127.0.0.1:${port}`]);
  await worker.said(/"msg":"back with the leader"/);
  const { code, stdout } = await sandbox.run(['status', '--wait', 'alive=1,nodes=1', '--timeout', '20s']);
  assert.equal(code, 0);
  assert.match(stdout, /\nw1 +alive/);
  second.program.kill('SIGTERM');
  assert.equal((await second.program.exit).code, 0);
  assert.deepEqual(left(sandbox.state), []);
});

test('of two leaders with one state directory, and of two with one port, the second says who has it', async () => {
  await using sandbox = new Sandbox();
  await using other = new Sandbox();
  const { program, ready } = await sandbox.lead();
  const [same, busy] = await Promise.all([
    sandbox.run(['lead', '--bind', '127.0.0.1:0']),
    other.run(['lead', '--bind', new URL(ready.address).host]),
  ]);
  assert.deepEqual([same.code, same.stdout], [78, '']);
  assert.match(same.stderr, new RegExp(`another leader uses .*leader already: process ${program.pid}\n`));
  assert.deepEqual([busy.code, busy.stdout], [78, '']);
  assert.match(
    busy.stderr,
    /netmgr: another program listens on 127\.0\.0\.1:\d+\n.*--bind 127\.0\.0\.1:0' picks a free/,
  );
  assert.deepEqual(left(other.state), []);
});

test('of five leaders started at once, one leads', async () => {
  await using sandbox = new Sandbox();
  const programs = Array.from({ length: 5 }, () => sandbox.start(['lead', '--bind', '127.0.0.1:0']));
  const ends: (number | null)[] = [];
  for (const { exit } of programs) void exit.then(({ code }) => ends.push(code));
  const leading = await Promise.any(programs.map(async (program) => (await program.said(/join it with/)) && program));
  const others = programs.filter((program) => program !== leading);
  for (const { exit } of others) assert.equal((await exit).code, 78);
  assert.equal((await sandbox.run(['status', '--check'])).code, 0);
  assert.deepEqual(ends, [78, 78, 78, 78]);
});

test('names: the host name, then with -2; a name in use is refused; a name of a process that was killed is free', async () => {
  await using sandbox = new Sandbox();
  await sandbox.lead();
  const host = nameOfHost(hostname());
  const first = sandbox.start(['join']);
  await first.said(/"msg":"joined"/);
  const second = sandbox.start(['join']);
  await second.said(/"msg":"joined"/);
  const { stdout } = await sandbox.run(['nodes', 'ls', '--json']);
  const names = (JSON.parse(stdout) as { nodes: { node: string }[] }).nodes.map(({ node }) => node);
  assert.deepEqual(names.sort(), [host, `${host}-2`]);
  const here = await sandbox.run(['join', '--name', host]);
  assert.equal(here.code, 78);
  assert.match(here.stderr, new RegExp(`the name '${host}' is in use on this host by process ${first.pid}`));
  const elsewhere = await sandbox.run(['join', '--name', host, '--state-dir', sandbox.path('elsewhere')], {
    env: { NETMGR_LEADER: `unix:${sandbox.state}/leader/leader.sock` },
  });
  assert.equal(elsewhere.code, 78);
  assert.match(elsewhere.stderr, new RegExp(`the leader refuses the name '${host}'`));
  second.kill('SIGKILL');
  await second.exit;
  await sandbox.join(`${host}-2`);
});

test('a state directory whose path is too long for a socket works all the same', async () => {
  await using sandbox = new Sandbox();
  const state = sandbox.path('d'.repeat(120));
  const env = { NETMGR_STATE_DIR: state, XDG_RUNTIME_DIR: sandbox.path('run') };
  const { ready } = await sandbox.lead([], { env });
  assert.ok(ready.socket.startsWith(sandbox.path('run/netmgr/')) && Buffer.byteLength(ready.socket) <= 107);
  assert.equal(statSync(ready.socket).mode & 0o777, 0o600);
  await sandbox.join('w1', ['--on', 'up=tr a-z A-Z'], { env });
  assert.equal((await sandbox.run(['call', 'up', 'x'], { env })).stdout, 'X\n');
});

test('a directory that others may change is refused, with what to do', async () => {
  await using sandbox = new Sandbox();
  mkdirSync(sandbox.state);
  chmodSync(sandbox.state, 0o777);
  for (const words of [['lead', '--bind', '127.0.0.1:0'], ['join']]) {
    const { code, stderr } = await sandbox.run(words);
    assert.equal(code, 78, stderr);
    assert.match(stderr, /the state directory .* can be written by others \(mode 777\).*\n {2}chmod go-w/);
  }
  chmodSync(sandbox.state, 0o755);
  chmodSync(join(sandbox.state, 'leader'), 0o750);
  const open = await sandbox.run(['lead', '--bind', '127.0.0.1:0']);
  assert.equal(open.code, 78);
  assert.match(open.stderr, /leader is open to others \(mode 750\)\n.*chmod 700/);
  chmodSync(join(sandbox.state, 'leader'), 0o700);
  await sandbox.lead();
});

test('a state directory that cannot be made, or whose socket is no socket, is refused', async () => {
  await using sandbox = new Sandbox();
  sandbox.file('occupied', '');
  const file = await sandbox.run(['lead', '--bind', '127.0.0.1:0', '--state-dir', sandbox.path('occupied/state')]);
  assert.equal(file.code, 78);
  assert.match(file.stderr, /cannot be made: .*\n {2}'--state-dir DIR' names another place/);
  mkdirSync(join(sandbox.state, 'leader'), { recursive: true, mode: 0o700 });
  writeFileSync(join(sandbox.state, 'leader', 'leader.sock'), 'mine');
  const taken = await sandbox.run(['lead', '--bind', '127.0.0.1:0']);
  assert.equal(taken.code, 78);
  assert.match(taken.stderr, /is a file, not a socket; it is left alone/);
  assert.doesNotMatch(taken.stderr, /picks a free port/);
  assert.equal(readFileSync(join(sandbox.state, 'leader', 'leader.sock'), 'utf8'), 'mine');
});

test('two clusters of one user live side by side', async () => {
  await using sandbox = new Sandbox();
  const env = { NETMGR_STATE_DIR: undefined, XDG_STATE_HOME: sandbox.path('state-home') };
  const [one, lab] = await Promise.all([sandbox.lead([], { env }), sandbox.lead(['--cluster', 'lab'], { env })]);
  assert.equal(one.ready.socket, sandbox.path('state-home/netmgr/default/leader/leader.sock'));
  assert.equal(lab.ready.socket, sandbox.path('state-home/netmgr/lab/leader/leader.sock'));
  assert.match((await sandbox.run(['status'], { env: { ...env, NETMGR_CLUSTER: 'lab' } })).stdout, /^lab {2}leader/);
  const token = (await sandbox.run(['invite', 'create'], { env })).stdout.trim();
  const wrong = await sandbox.run(['join', '--cluster', 'lab', one.ready.address], {
    env: { ...env, NETMGR_TOKEN: token },
  });
  assert.equal(wrong.code, 78, wrong.stderr);
  assert.match(wrong.stderr, /netmgr: .*cluster default, not lab/);
});

test('a port that listens but never answers keeps nobody longer than the time it was given', async () => {
  await using sandbox = new Sandbox();
  // How long each connection was kept: how long a process takes to start is not of interest.
  const ages: number[] = [];
  let dialled = 0;
  const hold = (socket: Socket): void => {
    const bornAt = performance.now();
    dialled += 1;
    socket.on('error', () => {}).on('close', () => ages.push(performance.now() - bornAt));
    socket.resume();
  };
  const server = createServer(hold).listen(0, '127.0.0.1');
  const mute = createServer(hold).listen(sandbox.path('mute.sock'));
  await Promise.all([server, mute].map((each) => new Promise((resolve) => each.once('listening', resolve))));
  const { port } = server.address() as { port: number };
  try {
    for (const address of [`ws://127.0.0.1:${port}`, `unix:${sandbox.path('mute.sock')}`]) {
      const all = [
        ['status', '--timeout', '1s'],
        ['call', 'x', '--timeout', '1s'],
        ['emit', 'x', '--timeout', '1s'],
        ['map', 'x'],
        ['nodes', 'ls'],
        ['join', '--retry-for', '1s'],
      ];
      const before = dialled;
      const runs = await Promise.all(all.map((words) => sandbox.run([...words, '--leader', address])));
      assert.ok(dialled - before >= all.length);
      await until(() => ages.length === dialled, 'all to have hung up');
      assert.ok(Math.max(...ages) < 3 * 5000, `${ages}`);
      for (const [index, { code, stdout, stderr }] of runs.entries()) {
        assert.deepEqual([code, stdout], [69, ''], `${all[index]?.join(' ')} ${stderr}`);
      }
      const wait = await sandbox.run(['status', '--wait', 'alive>=1', '--timeout', '1s', '--leader', address]);
      assert.ok(wait.code === 69 || wait.code === 124, wait.stderr);
    }
  } finally {
    server.close();
    mute.close();
  }
});
