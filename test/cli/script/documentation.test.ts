import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { splitCommand } from '../../../src/cli/script/argv.js';
import { parseBindings, type ScriptBinding } from '../../../src/cli/script/binding.js';
import { loadHandlerModule } from '../../../src/cli/script/module.js';
import type { ScriptHandlers } from '../../../src/cli/script/script-handlers.js';
import type { Handler } from '../../../src/manager/handler.js';
import { rejectsWith, Scripts } from './fixture.js';

const scripts = new Scripts();
const page = readFileSync(join(import.meta.dirname, '../../../../docs/handlers.md'), 'utf8');
const python = spawnSync('python3', ['--version']).status === 0 ? {} : { skip: 'needs python3' };

for (const [, name = '', text = ''] of page.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)) {
  writeFileSync(join(scripts.directory, name), text, { mode: 0o755 });
}

/** The bindings of all `netmgr join` lines of the page, with its files where this test put them. */
const bindings = [...page.matchAll(/^netmgr join (.*--on .*)$/gm)].flatMap(([, flags = '']): ScriptBinding[] => {
  const words = splitCommand(flags);
  const valuesOf = (flag: string): string[] => words.filter((_, i) => words[i - 1] === flag);
  return parseBindings({ on: valuesOf('--on'), stream: valuesOf('--stream') });
});
const inDirectory = (word: string): string =>
  /^(\.\/)?[a-z]+\.(sh|py|mjs)$/.test(word) ? join(scripts.directory, word) : word;

function handler(type: string): ScriptHandlers {
  const binding = bindings.find((candidate) => candidate.type === type);
  assert.ok(binding, `the page binds ${type}`);
  return scripts.handlers([{ ...binding, argv: binding.argv.map(inDirectory) }], { stopGraceMs: 3_600_000 });
}

test('the page binds what it shows', () => {
  const shown = bindings.map(({ type, stream }) => (stream ? `${type} (stream)` : type));
  assert.deepEqual(shown, ['sha256', 'words', 'average', 'score (stream)', 'shout (stream)']);
});

test('sha256sum', async () => {
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(await scripts.call(handler('sha256'), 'abc'), `${digest}  -`);
});

test('words.sh', async () => assert.equal(await scripts.call(handler('words'), 'to be or not to be'), '6'));

test('average.py', python, async () => {
  const average = handler('average');
  assert.deepEqual(await scripts.call(average, [1, 2, 6]), { average: 3 });
  await scripts.log.line(/^3 numbers for op1$/);
  await rejectsWith(
    scripts.call(average, []),
    'HANDLER_FAILED',
    /exit code 1; stderr: .* \| an empty list has no average$/,
  );
});

test('score.py', python, async () => {
  const score = handler('score');
  const words = ['', 'a', 'four', 'é'];
  assert.deepEqual(await Promise.all(words.map((word) => scripts.call(score, word))), [0, 1, 16, 1]);
  await rejectsWith(scripts.call(score, 7), 'HANDLER_FAILED', /has no len/);
});

test('shout.mjs', async () => {
  const shout = handler('shout');
  assert.deepEqual(await Promise.all(['a', 'b'].map((text) => scripts.call(shout, text))), ['A!', 'B!']);
  await rejectsWith(scripts.call(shout, 7), 'HANDLER_FAILED', /toUpperCase is not a function/);
});

// Nothing else ends them here: TERM would come after an hour.
test('the co-processes end when their stdin does', () => scripts.stopAll());

test('handlers.mjs', async () => {
  const loaded = await loadHandlerModule(join(scripts.directory, 'handlers.mjs'), scripts.clock);
  const [reverse, wait] = loaded as [Handler, Handler];
  assert.equal(reverse.run('abc', scripts.context('reverse')), 'cba');
  assert.equal(await wait.run(1, scripts.context('wait.for')), 'waited 1 ms');
  const controller = new AbortController();
  const waiting = wait.run(60_000, scripts.context('wait.for', { signal: controller.signal }));
  controller.abort(new Error('enough'));
  await assert.rejects(waiting as Promise<unknown>, /enough/);
});

const onLinux = { skip: process.platform === 'linux' ? false : 'a matter of Linux' };

test('what the page says of /dev/stderr and /dev/stdin is so', onLinux, async () => {
  await rejectsWith(scripts.call(scripts.sh('echo x > /dev/stderr || exit 9')), 'HANDLER_FAILED', /exit code 9/);
  await rejectsWith(scripts.call(scripts.sh('cat /dev/stdin || exit 9'), 'x'), 'HANDLER_FAILED', /exit code 9/);
});
