import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { NetworkError, NetworkTimeoutError } from '../../../src/base/errors.js';
import type { ScriptHandlers, ScriptOptions } from '../../../src/cli/script/script-handlers.js';
import { children, isAlive, rejectsWith, Scripts, until } from './fixture.js';

const scripts = new Scripts();
const KILL_AFTER_MS = 400;
const QUICK: Partial<ScriptOptions> = { killAfterMs: KILL_AFTER_MS, lingerMs: 100 };

let files = 0;
/** The script writes its pids, one a line, into $1: when the file is there, it is ready. */
function withPids(
  script: string,
  options: Partial<ScriptOptions> = QUICK,
): { handlers: ScriptHandlers; pids: () => Promise<number[]> } {
  files += 1;
  const path = join(scripts.directory, `pids-${files}`);
  const handlers = scripts.handlers([{ argv: ['sh', '-c', script, 'sh', path] }], options);
  const pids = async (): Promise<number[]> => {
    await until(() => existsSync(path));
    return readFileSync(path, 'utf8').trim().split('\n').map(Number);
  };
  return { handlers, pids };
}

const READY = '> "$1.part"; mv "$1.part" "$1"';

test('on abort the caller hears at once, and the whole group gets TERM', async () => {
  const { handlers, pids } = withPids(`sleep 60 & { echo $$; echo $!; } ${READY}; wait`);
  const controller = new AbortController();
  const answer = scripts.call(handlers, undefined, { signal: controller.signal });
  const [leader, grandchild] = (await pids()) as [number, number];
  assert.ok(isAlive(leader) && isAlive(grandchild));
  const reason = new NetworkTimeoutError('too late');
  controller.abort(reason);
  await assert.rejects(answer, (error) => error === reason);
  await until(() => !isAlive(leader) && !isAlive(grandchild));
  assert.equal(handlers.counters.aborted, 1);
});

test('any reason of an abort becomes a NetworkError', async () => {
  const controller = new AbortController();
  const answer = scripts.call(scripts.sh('sleep 60'), undefined, { signal: controller.signal });
  controller.abort('enough');
  await rejectsWith(answer, 'CANCELLED', /enough/);
});

test('a message that was given up before it could start starts nothing', async () => {
  const mark = join(scripts.directory, 'started');
  for (const payload of ['stdin', 'file'] as const) {
    const handlers = scripts.handlers([{ payload, argv: ['touch', mark] }]);
    await rejectsWith(
      scripts.call(handlers, 'x', { signal: AbortSignal.abort(new NetworkError('CANCELLED', 'gone')) }),
      'CANCELLED',
      /gone/,
    );
    await handlers.stop();
    assert.equal(handlers.counters.aborted, 1);
  }
  assert.equal(existsSync(mark), false);
});

test('a script may clean up when TERM comes, and its stderr is still passed on', async () => {
  const { handlers, pids } = withPids(
    `trap 'echo cleaned-up >&2; exit 0' TERM; echo $$ ${READY}; while :; do sleep 0.01; done`,
  );
  const controller = new AbortController();
  const answer = scripts.call(handlers, undefined, { signal: controller.signal });
  await pids();
  controller.abort();
  await assert.rejects(answer);
  await scripts.log.line(/cleaned-up/);
});

test('a script that ignores TERM is killed, not before its time', async () => {
  const { handlers, pids } = withPids(
    `trap '' TERM; sleep 60 & { echo $$; echo $!; } ${READY}; while :; do sleep 1; done`,
  );
  const controller = new AbortController();
  const answer = scripts.call(handlers, undefined, { signal: controller.signal });
  const [leader, grandchild] = (await pids()) as [number, number];
  controller.abort();
  const since = scripts.clock.now();
  await assert.rejects(answer);
  assert.ok(isAlive(leader), 'the caller does not wait for it');
  await until(() => !isAlive(leader) && !isAlive(grandchild));
  assert.ok(scripts.clock.now() - since >= KILL_AFTER_MS, 'it had its time to end');
  await scripts.log.line(/ignored TERM for 400 ms and is killed/);
});

test('one that ends when TERM comes is not said to have ignored it', async () => {
  const { handlers, pids } = withPids(`sleep 60 & echo $$ ${READY}; wait`);
  const controller = new AbortController();
  const answer = scripts.call(handlers, undefined, { signal: controller.signal });
  const [leader] = (await pids()) as [number];
  controller.abort();
  await assert.rejects(answer);
  await handlers.stop();
  assert.deepEqual(
    scripts.log.lines.filter(({ fields }) => fields['pid'] === leader),
    [],
  );
});

test('stop ends what runs, and resolves when nothing is left', async () => {
  const { handlers, pids } = withPids(
    `trap '' TERM; sleep 60 & { echo $$; echo $!; } ${READY}; while :; do sleep 1; done`,
  );
  const answer = scripts.call(handlers);
  answer.catch(() => {});
  const [leader, grandchild] = (await pids()) as [number, number];
  await handlers.stop();
  assert.equal(isAlive(leader), false);
  assert.equal(isAlive(grandchild), false);
  await rejectsWith(answer, 'HANDLER_FAILED', /was ended by SIGKILL/);
  await handlers.stop();
});

test('stop waits for those that were aborted before', async () => {
  const { handlers, pids } = withPids(`trap '' TERM; echo $$ ${READY}; while :; do sleep 1; done`);
  const controller = new AbortController();
  const answer = scripts.call(handlers, undefined, { signal: controller.signal });
  const [leader] = (await pids()) as [number];
  controller.abort();
  await assert.rejects(answer);
  await handlers.stop();
  assert.equal(isAlive(leader), false);
});

test('kill ends the group at once', async () => {
  const { handlers, pids } = withPids(
    `trap '' TERM; sleep 60 & { echo $$; echo $!; } ${READY}; while :; do sleep 1; done`,
  );
  const answer = scripts.call(handlers);
  const [leader, grandchild] = (await pids()) as [number, number];
  handlers.kill();
  await rejectsWith(answer, 'HANDLER_FAILED', /was ended by SIGKILL/);
  await until(() => !isAlive(leader) && !isAlive(grandchild));
});

test('a grandchild that holds stdout does not hold the reply; it ends with the handler', async () => {
  const { handlers, pids } = withPids(`sleep 60 & { echo $$; echo $!; } ${READY}; echo the answer`);
  assert.equal(await scripts.call(handlers), 'the answer');
  const [, grandchild] = (await pids()) as [number, number];
  await until(() => !isAlive(grandchild));
  assert.equal(handlers.counters.outputCutOff, 1);
  await scripts.log.line(/held its output open: cut off/);
});

test('what a grandchild writes soon after its parent ended belongs to the answer', async () => {
  const script = scripts.sh('(sleep 0.05; echo from the grandchild) & exit 0', { lingerMs: 10_000 });
  assert.equal(await scripts.call(script), 'from the grandchild');
  assert.equal(script.counters.outputCutOff, 0);
});

test('one in the background that holds nothing delays nothing; it ends with the handler too', async () => {
  const { handlers, pids } = withPids(`sleep 60 >/dev/null 2>&1 </dev/null & echo $! ${READY}; echo done`, {
    lingerMs: 60_000,
  });
  assert.equal(await scripts.call(handlers), 'done');
  const [background] = (await pids()) as [number];
  await until(() => !isAlive(background));
});

test('one that left the group and holds stdout delays the reply and stop no longer than the rest', async (t) => {
  const { handlers, pids } = withPids(`setsid sleep 60 & echo $! ${READY}; echo done`);
  t.after(async () => process.kill(((await pids()) as [number])[0], 'SIGKILL'));
  assert.equal(await scripts.call(handlers), 'done');
  await handlers.stop();
});

test('while 256 aborted scripts have not ended yet, nothing new is started', async () => {
  const handlers = scripts.handlers([{ argv: ['sh', '-c', `trap '' TERM; sleep 60`] }], { killAfterMs: 60_000 });
  let refused: unknown;
  for (let i = 0; i < 400 && refused === undefined; i += 1) {
    const controller = new AbortController();
    const answer = scripts.call(handlers, undefined, { signal: controller.signal });
    controller.abort();
    await answer.catch((error: NetworkError) => {
      if (error.code === 'OVERLOADED') refused = error;
    });
  }
  handlers.kill();
  assert.match(String(refused), /256 scripts that were told to end are still running, the limit/);
  assert.equal(handlers.counters.refusedForLeftovers, 1);
});

test('no child is left, not even as a zombie', async () => {
  await until(() => children().length === 0);
});
