import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { writeHandlers } from './handlers.js';
import { jsonLines, type Program, processesOf, Sandbox } from './harness.js';

const sandbox = new Sandbox();
/** Says that it has begun, and ends after so many seconds. */
const nap = (seconds: number) => ['--on', `nap=sh -c "echo begun >&2; sleep ${seconds}; echo rested"`];
const handlers: { module: string } = { module: '' };
before(() => {
  handlers.module = writeHandlers(sandbox).module;
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

const begun = (worker: Program) => worker.said(/"msg":"begun"/);

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal}: a leader and a collaborator let what runs end and exit 0`, async () => {
    await using own = new Sandbox();
    const leader = await own.lead();
    const worker = await own.join('w1', nap(1));
    const call = own.start(['call', 'nap']);
    await begun(worker);
    leader.program.kill(signal);
    await leader.program.said(/"msg":"stopping"/);
    worker.kill(signal);
    const answer = await call.exit;
    assert.deepEqual(answer, { code: 0, signal: null, stdout: 'rested\n', stderr: '' });
    assert.deepEqual([(await leader.program.exit).code, (await worker.exit).code], [0, 0]);
    assert.deepEqual(processesOf(own.directory), []);
  });

  test(`${signal} twice: they end at once with ${code}, and no script is left`, async () => {
    await using own = new Sandbox();
    const leader = await own.lead();
    const worker = await own.join('w1', nap(60));
    const first = own.start(['call', 'nap', '--timeout', '60s']);
    await begun(worker);
    worker.kill(signal);
    await worker.said(/no new work is taken/);
    worker.kill(signal);
    assert.equal((await worker.exit).code, code);
    assert.equal((await first.exit).code, 3);
    const other = await own.join('w2', nap(60));
    const second = own.start(['call', 'nap', '--timeout', '60s']);
    await begun(other);
    leader.program.kill(signal);
    await leader.program.said(/"msg":"stopping"/);
    leader.program.kill(signal);
    assert.equal((await leader.program.exit).code, code);
    const asked = await second.exit;
    assert.equal(asked.code, 69);
    assert.match(asked.stderr, /leader was lost before it answered/);
    other.kill(signal);
    assert.equal((await other.exit).code, 0);
    assert.deepEqual(processesOf(own.directory), []);
  });

  test(`${signal}: map takes no more, finishes what runs, and says that it is not all; twice ends it with ${code}`, async () => {
    await using own = new Sandbox();
    await own.lead();
    await own.join('w1', ['--handlers', handlers.module, '--slots', '1']);
    const map = own.start(['map', 'slow'], { input: '200\n'.repeat(100) });
    await map.said(/"index":1,/, 'stdout');
    map.kill(signal);
    const { code: drained, stdout, stderr } = await map.exit;
    assert.equal(drained, 3);
    assert.match(stderr, new RegExp(`^${signal}: no more inputs are taken; \\d still run`));
    assert.match(stderr, /not all inputs were taken/);
    const lines = jsonLines(stdout);
    assert.ok(lines.length < 100 && lines.every(({ ok }) => ok === true));
    const second = own.start(['map', 'slow'], { input: '200\n30000\n30000\n30000\n' });
    await second.said(/"index":0,/, 'stdout');
    second.kill(signal);
    await second.said(/no more inputs/);
    second.kill(signal);
    assert.equal((await second.exit).code, code);
  });

  test(`${signal} gives up a call: ${code}, and its handler is told`, async () => {
    await using own = new Sandbox();
    await own.lead();
    const worker = await own.join('w1', nap(60));
    const call = own.start(['call', 'nap', '--timeout', '60s']);
    await begun(worker);
    call.kill(signal);
    const { code: given, stdout } = await call.exit;
    assert.deepEqual([given, stdout], [code, '']);
    worker.kill('SIGTERM');
    // It would take a minute if nobody had told the script.
    assert.equal((await worker.exit).code, 0);
  });
}

test('a collaborator that is killed: the call says that the work may be done, and exits 3', async () => {
  await using own = new Sandbox();
  await own.lead();
  const worker = await own.join('w1', ['--handlers', handlers.module]);
  const call = own.start(['call', 'slow', '30000', '--timeout', '60s', '--json']);
  await own.run(['status', '--wait', 'alive=1']);
  await busy(own, 1);
  worker.kill('SIGKILL');
  const { code, stdout, stderr } = await call.exit;
  assert.equal(code, 3);
  assert.equal(jsonLines(stdout)[0]?.['ok'], false);
  assert.match(stderr, /w1 was lost before it answered/);
  const check = await own.run(['status', '--check', '--json']);
  assert.deepEqual(JSON.parse(check.stdout), { schema: 1, healthy: false, reason: 'w1 is lost' });
  assert.equal(check.code, 1);
});

/** Until so much work is under way, as the leader sees it. */
async function busy(own: Sandbox, number: number): Promise<void> {
  for (;;) {
    const { nodes } = JSON.parse((await own.run(['nodes', 'ls', '--json'])).stdout) as {
      nodes: { slots: { busy: number } }[];
    };
    if (nodes.reduce((sum, { slots }) => sum + slots.busy, 0) >= number) return;
  }
}
