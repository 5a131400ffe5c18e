import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { writeHandlers } from './handlers.js';
import { jsonLines, Sandbox } from './harness.js';

assertNothingLeft();

test('a collaborator that is stopped is suspect, then lost, and alive again when it goes on', async () => {
  await using sandbox = new Sandbox();
  const leader = await sandbox.lead();
  const worker = await sandbox.join('w1');
  worker.kill('SIGSTOP');
  await leader.program.said(/"node":"w1","from":"alive","to":"suspect"/);
  const check = await sandbox.run(['status', '--check']);
  assert.deepEqual([check.code, check.stdout], [1, 'not healthy: w1 is suspect\n']);
  await leader.program.said(/"node":"w1","from":"suspect","to":"lost"/);
  worker.kill('SIGCONT');
  const { code } = await sandbox.run(['status', '--wait', 'alive=1,lost=0', '--timeout', '20s']);
  assert.equal(code, 0);
  assert.equal([...leader.program.stderr.matchAll(/"to":"lost"/g)].length, 1);
  await worker.said(/"msg":"back with the leader"/);
});

test('200,000 inputs: every one is answered, and the memory does not grow with them', async () => {
  await using sandbox = new Sandbox();
  const { module } = writeHandlers(sandbox);
  await sandbox.lead();
  await sandbox.join('w1', ['--handlers', module, '--slots', '64']);
  const count = 200_000;
  const line = `seq 0 ${count - 1} | "$@"`;
  // The peak of the memory of the map itself, as the kernel counts it.
  const report = "console.error('peak', Math.round(process.resourceUsage().maxRSS / 1024), 'MiB')";
  const preload = sandbox.file('peak.cjs', `process.on('exit', () => ${report});`);
  const map = sandbox.start(['map', 'echo', '--joblog', sandbox.path('log')], {
    through: ['sh', '-c', line, 'sh'],
    env: { NODE_OPTIONS: `--require=${preload}` },
  });
  const { code, stdout, stderr } = await map.exit;
  assert.equal(code, 0, stderr);
  const seen = new Set(jsonLines(stdout).map(({ payload }) => payload));
  assert.equal(seen.size, count);
  const peak = Number(/peak (\d+) MiB/.exec(stderr)?.[1]);
  assert.ok(peak < 300, `${peak} MiB`);
});

test('200 calls at the same moment: each gets its own answer', async () => {
  await using sandbox = new Sandbox();
  const { module } = writeHandlers(sandbox);
  await sandbox.lead();
  await sandbox.join('w1', ['--handlers', module]);
  const runs = Array.from({ length: 200 }, (_, index) =>
    sandbox.run(['call', 'echo', `n${index}`, '--timeout', '25s']),
  );
  for (const [index, { code, stdout, stderr }] of (await Promise.all(runs)).entries()) {
    assert.deepEqual([code, stdout, stderr], [0, `n${index}\n`, '']);
  }
});
