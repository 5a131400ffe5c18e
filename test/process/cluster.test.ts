import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { assertNothingLeft } from '../leaks.js';
import { writeHandlers } from './handlers.js';
import { assertTame, jsonLines, type LeaderProcess, type Program, Sandbox } from './harness.js';

const sandbox = new Sandbox();
let leader: LeaderProcess;
let shell: Program;
let module: Program;
let stream: Program;

before(async () => {
  const files = writeHandlers(sandbox);
  leader = await sandbox.lead();
  const scripts = [
    'up=tr a-z A-Z',
    'fail=sh -c "echo went wrong >&2; exit 3"',
    'busy=sh -c "exit 75"',
    'noisy=sh -c "printf \'\\033[31mred\\007\\n\' >&2"',
  ].flatMap((script) => ['--on', script]);
  [shell, module, stream] = await Promise.all([
    sandbox.join('w1', [...scripts, '--tag', 'zone=a', '--slots', '2']),
    sandbox.join('w2', ['--handlers', files.module, '--tag', 'zone=b', '--slots', '2']),
    sandbox.join('w3', ['--on', `upper=python3 ${files.stream}`, '--stream', 'upper', '--slots', '2']),
  ]);
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

test('a collaborator joins without an address, and with the one that the leader prints', async () => {
  const hostAndPort = leader.ready.address.replace('wss://', '');
  assert.match(leader.program.stderr, new RegExp(`join it with: {2}netmgr join ${hostAndPort} --token-file FILE\n`));
  assert.match(leader.program.stderr, /^a token: +netmgr invite create$/m);
  assert.doesNotMatch(leader.program.stderr, /nmtk-/);
  const { cluster, node, pid } = leader.ready;
  assert.deepEqual({ cluster, node, pid }, { cluster: 'default', node: 'leader', pid: leader.program.pid });
  const remote = await sandbox.join('w4', [leader.ready.address, '--on', 'up=tr a-z A-Z']);
  assert.equal((await sandbox.run(['call', 'up', 'over tcp', '--to', 'w4'])).stdout, 'OVER TCP\n');
  remote.kill('SIGTERM');
  const left = await remote.exit;
  assert.deepEqual([left.code, left.stdout], [0, '']);
  const { code, stdout } = await sandbox.run(['status', '--wait', 'left=1', '--timeout', '10s']);
  assert.equal(code, 0);
  assert.match(stdout, /\n3 alive {2}1 left\n/);
});

test('a shell tool, a JavaScript module and a co-process in Python answer', async () => {
  const table: readonly (readonly [readonly string[], string])[] = [
    [['call', 'up', 'hello'], 'HELLO\n'],
    [['call', 'upper', 'hello'], 'HELLO\n'],
    [['call', 'echo', '{"a":[1,null]}'], '{"a":[1,null]}\n'],
    [['call', 'echo', '12345678901234567890'], '12345678901234567890\n'],
    [['call', 'nothing'], ''],
    [['call', 'bytes'], '{"$b64":"AP8K"}\n'],
  ];
  const answers = await Promise.all(table.map(([words]) => sandbox.run(words)));
  for (const [index, [words, stdout]] of table.entries()) {
    if (words[1] === 'bytes') continue;
    assert.deepEqual(answers[index], { code: 0, signal: null, stdout, stderr: '' }, words.join(' '));
  }
  const [line] = jsonLines((await sandbox.run(['call', 'bytes', '--json'])).stdout);
  assert.deepEqual([line?.['node'], line?.['ok'], line?.['payload']], ['w2', true, { $b64: 'AP8K' }]);
});

test('each way to fail has its exit code, and says which node it was and what to do', async () => {
  const table: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['call', 'fail'], 1, /^netmgr: 'sh' ended with exit code 3; stderr: went wrong\n {2}So says w1/],
    [['call', 'fails'], 1, /^netmgr: no \\x1b\[31mway\\nsecond line\n {2}So says w2/],
    [['call', 'busy'], 75, /asks to be tried again/],
    [['call', 'silent', '--timeout', '1500ms'], 124, /no answer to 'silent' from .* within 1500 ms\n {2}'--timeout'/],
    [['call', 'nobody'], 4, /no collaborator handles 'nobody'/],
    [['call', 'ech', 'x'], 4, /Did you mean 'echo'/],
    [['call', 'up', 'x', '--to', 'w2'], 4, /w2 has no handler for 'up'/],
    [['call', 'up', 'x', '--to', 'w22'], 4, /there is no node 'w22'\n {2}Did you mean 'w2'/],
    [['call', 'up', '{bad'], 2, /the payload is not JSON/],
    [['status', 'w22'], 4, /there is no node 'w22'/],
    [['nodes', 'show', 'w22'], 4, /there is no node/],
    [['nodes', 'evict', 'w22'], 4, /there is no node/],
  ];
  const runs = await Promise.all(table.map(([words]) => sandbox.run(words)));
  for (const [index, [words, code, message]] of table.entries()) {
    assert.match(runs[index]?.stderr ?? '', message, words.join(' '));
    assert.deepEqual([runs[index]?.code, runs[index]?.stdout], [code, ''], words.join(' '));
    assertTame(runs[index]?.stderr ?? '');
  }
  const json = await sandbox.run(['call', 'fails', '--json']);
  assert.equal(json.code, 1);
  assert.match(json.stdout, /^\{"node":"w2","ok":false,"ms":[\d.]+,"error":\{"code":"HANDLER_FAILED",.*\}\}\n$/);
  assert.match(json.stderr, /^\{"error":\{"code":"HANDLER_FAILED","message":".*","hint":"So says w2; .*"\}\}\n$/);
});

test('a fan-out names who was ok, failed and silent, and its exit code is true', async () => {
  const all = await sandbox.run(['call', 'silent', '--all', '--timeout', '1500ms', '--json']);
  assert.equal(all.code, 3);
  const lines = jsonLines(all.stdout);
  const nodes = { w1: 'failed', w2: 'silent', w3: 'failed' };
  assert.deepEqual(lines.at(-1), { expected: 3, ok: 0, failed: 2, silent: 1, nodes });
  assert.match(all.stderr, /^0 of 3 ok, 2 failed \(w1, w3\), 1 silent \(w2\)\n$/);
  const [partly, quorum, missed, one, none] = await Promise.all([
    sandbox.run(['call', 'up', 'x', '--all']),
    sandbox.run(['call', 'up', 'x', '--all', '--quorum', '33%']),
    sandbox.run(['call', 'up', 'x', '--all', '--quorum', '2']),
    sandbox.run(['call', 'up', 'x', '--where', 'tag.zone=a', '--json']),
    sandbox.run(['call', 'up', 'x', '--where', 'tag.zone=z']),
  ]);
  assert.equal(partly.code, 1);
  assert.equal(jsonLines(partly.stdout).length, 3);
  assert.deepEqual([quorum.code, missed.code], [0, 3]);
  assert.equal(one.code, 0);
  assert.deepEqual(jsonLines(one.stdout).at(-1), { expected: 1, ok: 1, failed: 0, silent: 0, nodes: { w1: 'ok' } });
  assert.deepEqual([none.code, none.stdout], [4, '']);
});

test('events are counted as sent; each line of stdin is one', async () => {
  const [once, lines, bad] = await Promise.all([
    sandbox.run(['emit', 'echo', 'x', '--all', '--json']),
    sandbox.run(['emit', 'echo', '-', '--to', 'w1,w2'], { input: 'a\n{"b":1}\n' }),
    sandbox.run(['emit', 'echo', '-', '--all'], { input: 'a\n{bad\nc\n' }),
  ]);
  const nodes = { w1: 'sent', w2: 'sent', w3: 'sent' };
  assert.deepEqual(jsonLines(once.stdout), [{ expected: 3, sent: 3, failed: 0, silent: 0, nodes }]);
  assert.deepEqual([once.code, once.stderr], [0, '3 of 3 sent\n']);
  assert.deepEqual([lines.code, lines.stdout, lines.stderr], [0, '', '2 events: 2 of 2 sent\n']);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /^1 event was sent before this one:\nnetmgr: the payload is not JSON/);
});

test('status: the table, the document, one node, waiting, checking', async () => {
  const [table, document, node, waited, vain, check, list] = await Promise.all([
    sandbox.run(['status']),
    sandbox.run(['status', '--json']),
    sandbox.run(['status', 'w1']),
    sandbox.run(['status', '--wait', 'alive>=2', '--timeout', '5s', '--json']),
    sandbox.run(['status', '--wait', 'alive>=9', '--timeout', '1500ms']),
    sandbox.run(['status', '--check']),
    sandbox.run(['nodes', 'ls', '--where', 'tag.zone=a or tag.zone=b', '--json']),
  ]);
  assert.match(
    table.stdout,
    /^default {2}leader serving at wss:\/\/127\.0\.0\.1:\d+ .*\n3 alive.*\n\nNODE +STATUS +BUSY/,
  );
  assertTame(table.stdout);
  const status = JSON.parse(document.stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(status), ['schema', 'cluster', 'leader', 'counts', 'nodes', 'revision']);
  assert.match(node.stdout, /^node +w1\nrole +collaborator\nstatus +alive\n/);
  assert.equal((JSON.parse(waited.stdout) as { schema: number }).schema, 1);
  assert.equal(vain.code, 124);
  assert.match(vain.stderr, /'alive>=9' did not hold within 1500 ms; there are: 3 alive/);
  assert.deepEqual(check, { code: 0, signal: null, stdout: 'healthy: 3 alive\n', stderr: '' });
  assert.deepEqual((JSON.parse(list.stdout) as { nodes: { node: string }[] }).nodes.map((each) => each.node).sort(), [
    'w1',
    'w2',
  ]);
});

test('a line of a script on stderr reaches the log with its node, and moves no terminal', async () => {
  assert.equal((await sandbox.run(['call', 'noisy'])).code, 0);
  await shell.said(/"node":"w1","type":"noisy".*"msg":"\\\\x1b\[31mred\\\\x07"/);
  assertTame(shell.stderr);
});

test('a leader that is slow to answer is waited for as long as the caller says', async () => {
  leader.program.kill('SIGSTOP');
  const call = sandbox.run(['call', 'up', 'x', '--timeout', '20s']);
  // Longer than one dial takes by default.
  await setTimeout(2_500);
  leader.program.kill('SIGCONT');
  assert.deepEqual(await call, { code: 0, signal: null, stdout: 'X\n', stderr: '' });
});

test('one who is evicted says so and exits 77; the others stay', async () => {
  const evict = await sandbox.run(['nodes', 'evict', 'w3', '--json']);
  assert.deepEqual([evict.code, jsonLines(evict.stdout)], [0, [{ node: 'w3', evicted: true }]]);
  const { code, stdout, stderr } = await stream.exit;
  assert.deepEqual([code, stdout], [77, '']);
  assert.match(
    stderr,
    /netmgr: an operator has removed 'w3' from the cluster\n {2}.*netmgr nodes forget w3.*new token\.\n$/,
  );
  assert.doesNotMatch(stderr, /dialling again/);
  assert.equal((await sandbox.run(['call', 'up', 'x'])).stdout, 'X\n');
});

test('without a leader, status shows what the collaborators know; the leader left in order', async () => {
  leader.program.kill('SIGTERM');
  const { code, stdout } = await leader.program.exit;
  assert.deepEqual([code, stdout], [0, '']);
  const both = JSON.parse((await sandbox.run(['status', '--json'])).stdout) as { view: string; nodes: unknown[] };
  assert.deepEqual([both.view, both.nodes.length], ['collaborators', 2]);
  module.kill('SIGINT');
  assert.equal((await module.exit).code, 0);
  const [table, one, check, wrong] = await Promise.all([
    sandbox.run(['status']),
    sandbox.run(['status', '--json']),
    sandbox.run(['status', '--check']),
    sandbox.run(['call', 'up', 'x']),
  ]);
  assert.match(table.stdout, /^not connected for .*\nnode +w1 \(collaborator, pid \d+\)\n/);
  const view = JSON.parse(one.stdout) as { view: string; node: string; leader: { connected: boolean } };
  assert.deepEqual([view.view, view.node, view.leader.connected], ['collaborator', 'w1', false]);
  assert.deepEqual([check.code, check.stdout], [1, 'not healthy: w1 not connected to the leader\n']);
  assert.deepEqual([wrong.code, wrong.stdout], [69, '']);
  assert.match(wrong.stderr, /no leader answers on this host \(.*leader\.sock\)\n.*'netmgr lead' starts one/);
});
