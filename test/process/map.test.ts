import assert from 'node:assert/strict';
import { readFileSync, truncateSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { writeHandlers } from './handlers.js';
import { jsonLines, type LeaderProcess, type Program, Sandbox } from './harness.js';

const sandbox = new Sandbox();
let leader: LeaderProcess;
let module = '';
const workers: Program[] = [];
const worker = (name: string) =>
  sandbox.join(name, ['--handlers', module, '--on', 'up=tr a-z A-Z', '--on', 'busy=sh -c "exit 75"', '--slots', '4']);

before(async () => {
  module = writeHandlers(sandbox).module;
  leader = await sandbox.lead();
  workers.push(...(await Promise.all([worker('w1'), worker('w2')])));
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

const numbers = (count: number, each: (index: number) => unknown = (index) => index): string =>
  Array.from({ length: count }, (_, index) => `${each(index)}\n`).join('');
/** The indexes of the results, which must be each input's once. */
function indexesOf(stdout: string, count: number): number[] {
  const indexes = jsonLines(stdout).map(({ index }) => index as number);
  assert.deepEqual(
    indexes.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, index) => index),
  );
  return indexes;
}

test('one line for each input: as they are done, or with --keep-order as they came', async () => {
  const slowFirst = numbers(20, (index) => (index === 0 ? 300 : 1));
  const [done, kept] = await Promise.all([
    sandbox.run(['map', 'slow'], { input: slowFirst }),
    sandbox.run(['map', 'slow', '--keep-order'], { input: slowFirst }),
  ]);
  assert.equal(done.code, 0);
  assert.match(done.stderr, /^20 of 20 ok in /);
  assert.equal(indexesOf(done.stdout, 20).at(-1), 0);
  const inOrder = indexesOf(kept.stdout, 20);
  assert.deepEqual(
    inOrder,
    inOrder.toSorted((a, b) => a - b),
  );
  const [line] = jsonLines(kept.stdout);
  assert.deepEqual(Object.keys(line ?? {}), ['index', 'node', 'ok', 'ms', 'payload']);
});

test('inputs are text, JSON, or ended by NUL; a bad one fails alone', async () => {
  const [json, nul, forced, empty] = await Promise.all([
    sandbox.run(['map', 'echo', '-k'], { input: '{"a":1}\n{bad\n123e456\r\n' }),
    sandbox.run(['map', 'echo', '-k', '-0'], { input: 'a\nb\0c\0' }),
    sandbox.run(['map', 'echo', '-k', '--ndjson'], { input: '12\ntext\n' }),
    sandbox.run(['map', 'echo']),
  ]);
  const payloads = (stdout: string) => jsonLines(stdout).map(({ payload }) => payload);
  assert.equal(json.code, 1);
  assert.deepEqual(payloads(json.stdout), [{ a: 1 }, undefined, '123e456']);
  assert.match(json.stdout, /"index":1,"node":null,"ok":false,.*"INVALID_PAYLOAD"/);
  assert.deepEqual([nul.code, payloads(nul.stdout)], [0, ['a\nb', 'c']]);
  assert.deepEqual([forced.code, payloads(forced.stdout)], [1, [12, undefined]]);
  assert.deepEqual([empty.code, empty.stdout], [0, '']);
  assert.match(empty.stderr, /^0 of 0 ok/);
});

test('what does not fit into a frame fails alone, and names no node', async () => {
  const { code, stdout } = await sandbox.run(['map', 'echo', '-k'], { input: `${'x'.repeat(2 ** 21)}\nb\n` });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^\{"index":0,"node":null,"ok":false,.*"code":"TOO_LARGE".*\n\{"index":1,"node":"w\d","ok":true/,
  );
});

test('a handler that asks for a retry is asked again, so often and no more', async () => {
  const { code, stdout, stderr } = await sandbox.run(['map', 'busy', '--retries', '1'], { input: 'a\nb\n' });
  assert.equal(code, 1);
  indexesOf(stdout, 2);
  assert.match(stdout, /"code":"HANDLER_RETRY"/);
  assert.match(stderr, /^0 of 2 ok, 2 failed, 2 tried again in/);
});

test('--halt: a failure ends it, and the exit code says that something failed', async () => {
  const { code, stdout, stderr } = await sandbox.run(['map', 'fails', '-j', '1', '--halt', 'soon,fail=2'], {
    input: numbers(50),
  });
  assert.equal(code, 1);
  assert.equal(jsonLines(stdout).length, 2);
  assert.match(stderr, /0 of 2 ok, 2 failed in .*; not all inputs were taken: 2 failed/);
});

test('--joblog, --resume and --resume-failed leave out what was done', async () => {
  const log = sandbox.path('log.tsv');
  const input = 'one\n{bad\nthree\n';
  const words = ['map', 'echo', '--joblog', log];
  assert.equal((await sandbox.run(words, { input })).code, 1);
  const rows = readFileSync(log, 'utf8').trimEnd().split('\n');
  assert.equal(rows[0], 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand');
  assert.equal(rows.length, 4);
  const all = await sandbox.run([...words, '--resume'], { input });
  assert.deepEqual([all.code, all.stdout], [0, '']);
  const failed = await sandbox.run([...words, '--resume-failed'], { input });
  assert.deepEqual([failed.code, jsonLines(failed.stdout).map(({ index }) => index)], [1, [1]]);
  assert.match(failed.stderr, /0 of 1 ok, 1 failed, 2 done before/);
  // A row that was cut off by a crash does not count, and neither does one whose input is another by now.
  truncateSync(log, rows.slice(0, 3).join('\n').length + 20);
  const changed = await sandbox.run([...words, '--resume'], { input: 'uno\n{bad\nthree\n' });
  assert.ok(jsonLines(changed.stdout).some(({ payload }) => payload === 'uno'));
});

test('| head -1: the map ends when nobody reads, and is quiet about it', async () => {
  const map = sandbox.start(['map', 'slow'], {
    input: numbers(2000, () => 5),
    through: ['sh', '-c', '"$@" | head -1', 'sh'],
  });
  const { code, stdout, stderr } = await map.exit;
  assert.equal(code, 0);
  assert.equal(jsonLines(stdout).length, 1);
  assert.equal(stderr, '');
});

test('a reader who is slow slows the map down, and nothing is said about it', async () => {
  const line = 'x'.repeat(20_000);
  const map = sandbox.start(['map', 'echo'], { input: numbers(400, () => line), unread: 'stdout' });
  // Far more than a pipe holds is on its way: it can only be waiting.
  await sandbox.run(['status']);
  assert.equal(map.ended, false);
  let lines = 0;
  map.child.stdout?.on('data', (chunk: Buffer) => {
    lines += chunk.toString('latin1').split('\n').length - 1;
  });
  const { code, stderr } = await map.exit;
  assert.deepEqual([code, lines], [0, 400]);
  assert.match(stderr, /^400 of 400 ok in .*\n$/);
});

test('a collaborator is killed on the way: every input is done all the same', async () => {
  const victim = await worker('w3');
  const map = sandbox.start(['map', 'slow'], { input: numbers(300, () => 20) });
  await map.said(/"node":"w3"/, 'stdout');
  victim.kill('SIGKILL');
  const { code, stdout, stderr } = await map.exit;
  assert.equal(code, 0, stderr);
  indexesOf(stdout, 300);
  assert.ok(jsonLines(stdout).every(({ ok }) => ok));
});

test('the leader is killed and started again on the way: the map goes on, and so do the collaborators', async () => {
  const map = sandbox.start(['map', 'slow'], { input: numbers(400, () => 20) });
  await map.said(/"index":40,/, 'stdout');
  leader.program.kill('SIGKILL');
  assert.equal((await leader.program.exit).signal, 'SIGKILL');
  leader = await sandbox.lead();
  const { code, stdout, stderr } = await map.exit;
  assert.equal(code, 0, `${stdout.slice(-500)}${stderr}`);
  indexesOf(stdout, 400);
  for (const each of workers) assert.match(each.stderr, /"msg":"back with the leader"/);
  const { code: there, stdout: status } = await sandbox.run(['status', '--wait', 'alive=2', '--json']);
  assert.equal(there, 0);
  const { nodes } = JSON.parse(status) as { nodes: { node: string; status: string }[] };
  assert.deepEqual(nodes.map(({ node }) => node).sort(), ['w1', 'w2']);
});
