import assert from 'node:assert/strict';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseBindings } from '../../../src/cli/script/binding.js';
import { rejectsWith, Scripts, until } from './fixture.js';

const scripts = new Scripts();
const LIMIT = 1024 * 1024;

test('stdin is the payload with nothing added, stdout the reply', async () => {
  const cat = scripts.handlers([{ argv: ['cat'] }]);
  assert.equal(await scripts.call(cat, 'two\nlines'), 'two\nlines');
  assert.deepEqual(await scripts.call(cat, { a: [1, 'é'] }), { a: [1, 'é'] });
  assert.equal(await scripts.call(cat, 12), '12');
  assert.equal(await scripts.call(cat, undefined), '');
  const count = scripts.sh('wc -c | tr -d " "');
  assert.equal(await scripts.call(count, 'abc'), '3');
  assert.equal(await scripts.call(count, { a: 1 }), '7');
  assert.equal(await scripts.call(count, undefined), '0');
});

test('bytes go in and come out as bytes', async () => {
  const payload = new Uint8Array([0, 255, 254, 10]);
  assert.deepEqual(await scripts.call(scripts.handlers([{ argv: ['cat'] }]), payload), payload);
});

test('no shell: the words of COMMAND are the argv, as they are', async () => {
  const [binding] = parseBindings({ on: [`test=printf '%s|' '$HOME' "a  b" ~ '*' \\| '' ";id"`] });
  assert.ok(binding);
  assert.equal(await scripts.call(scripts.handlers([binding])), '$HOME|a  b|~|*||||;id|');
});

test('a script that does not read its stdin may end well', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => scripts.call(scripts.handlers([{ argv: ['echo', 'done'] }]), 'x'.repeat(LIMIT))),
  );
  assert.deepEqual(answers, Array(10).fill('done'));
});

test('a large payload arrives whole', async () => {
  const payload = 'é'.repeat(LIMIT / 4);
  assert.equal(await scripts.call(scripts.handlers([{ argv: ['cat'] }]), payload), payload);
});

test('exit 75 asks for a retry', async () => {
  const script = scripts.sh('echo "the disk is busy" >&2; exit 75');
  await rejectsWith(
    scripts.call(script),
    'HANDLER_RETRY',
    /^'sh' asks to be tried again \(exit code 75\); stderr: the disk is busy$/,
  );
  assert.equal(script.counters.failed, 1);
});

test('any other exit code fails, with the code and the last lines of stderr', async () => {
  const script = scripts.sh('for i in 1 2 3 4 5 6 7; do echo "line $i" >&2; done; echo half an answer; exit 3');
  const lines = 'line 3 \\| line 4 \\| line 5 \\| line 6 \\| line 7';
  await rejectsWith(
    scripts.call(script),
    'HANDLER_FAILED',
    new RegExp(`^'sh' ended with exit code 3; stderr: ${lines}$`),
  );
  await rejectsWith(scripts.call(scripts.sh('exit 1')), 'HANDLER_FAILED', /^'sh' ended with exit code 1$/);
});

test('what quotes stderr is short and has no control characters', async () => {
  const script = scripts.sh(`i=0; while [ $i -lt 6 ]; do printf '\\033[2J%02000d\\n' 7 >&2; i=$((i+1)); done; exit 1`);
  await assert.rejects(scripts.call(script), (error: Error) => {
    assert.match(error.message, /stderr: \\x1b\[2J0000/);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    return error.message.length < 2_000;
  });
});

test('a signal fails, by its name', async () => {
  await rejectsWith(scripts.call(scripts.sh('kill -SEGV $$')), 'HANDLER_FAILED', /^'sh' was ended by SIGSEGV$/);
});

test('stdout that begins like JSON and is not fails, though the script ended well', async () => {
  const script = scripts.sh('echo "[INFO] starting"; echo noise >&2');
  const message =
    /^'sh' ended well, but its stdout begins like JSON and is not \(.*\): \[INFO\] starting\\n; stderr: noise$/;
  await rejectsWith(scripts.call(script), 'HANDLER_FAILED', message);
});

test('stderr is passed on line by line, with node, type and message id', async () => {
  const script = scripts.handlers([{ type: 'noisy', argv: ['sh', '-c', `printf 'one\\n\\033[31mtwo\\r\\nlast' >&2`] }]);
  const from = scripts.log.lines.length;
  await scripts.call(script, undefined, { id: 'm-1' });
  const fields = { node: 'w1', type: 'noisy', id: 'm-1' };
  assert.deepEqual(scripts.log.lines.slice(from), [
    { level: 'info', fields, message: 'one' },
    { level: 'info', fields, message: '\\x1b[31mtwo' },
    { level: 'info', fields, message: 'last' },
  ]);
});

test('stderr is passed on while the script runs', async () => {
  const script = scripts.sh('echo early-line >&2; cat >/dev/null; sleep 30');
  const controller = new AbortController();
  const answer = scripts.call(script, 'x', { signal: controller.signal });
  await scripts.log.line(/early-line/);
  controller.abort();
  await assert.rejects(answer);
});

test('a line of stderr is cut at 8 KiB, and counted', async () => {
  const script = scripts.sh(`head -c 20000 /dev/zero | tr '\\0' L >&2; echo >&2; echo after >&2`);
  const from = scripts.log.lines.length;
  await scripts.call(script);
  const [long, after] = scripts.log.lines.slice(from);
  assert.equal(long?.message, `${'L'.repeat(8192)}… (cut at 8192 bytes)`);
  assert.equal(after?.message, 'after');
  assert.equal(script.counters.stderrLinesCut, 1);
});

test('1 MiB of output is allowed', async () => {
  const answer = await scripts.call(scripts.sh(`head -c ${LIMIT} /dev/zero | tr '\\0' a`));
  assert.equal((answer as string).length, LIMIT);
});

test('more is not: the script is ended, the error names the limit', async () => {
  const one = scripts.sh(`head -c ${LIMIT + 1} /dev/zero`);
  await rejectsWith(scripts.call(one), 'HANDLER_FAILED', /^'sh' wrote more than 1048576 bytes to stdout, the limit/);
  const endless = scripts.handlers([{ argv: ['yes'] }]);
  await rejectsWith(scripts.call(endless), 'HANDLER_FAILED', /wrote more than 1048576 bytes/);
  await endless.stop();
  assert.equal(endless.counters.outputTooLarge, 1);
});

test('a program that is missing, or may not be executed, is named, with what to do', async () => {
  const missing = scripts.handlers([{ argv: ['netmgr-no-such-program'] }]);
  await rejectsWith(
    scripts.call(missing, 'x'),
    'HANDLER_FAILED',
    /'netmgr-no-such-program', .* is missing: install it/,
  );
  const path = join(scripts.directory, 'plain');
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o644);
  const forbidden = scripts.handlers([{ argv: [path] }]);
  await rejectsWith(
    scripts.call(forbidden, 'x'),
    'HANDLER_FAILED',
    /may not be executed \(EACCES\): make it executable/,
  );
  const lost = join(scripts.directory, 'lost');
  writeFileSync(lost, '#!/no/such/interpreter\n', { mode: 0o755 });
  const orphan = scripts.handlers([{ argv: [lost] }]);
  await rejectsWith(
    scripts.call(orphan, 'x'),
    'HANDLER_FAILED',
    /or the interpreter named in its first line, is missing/,
  );
});

test('--payload file: the path of a private file, gone afterwards, and nothing on stdin', async () => {
  const look = 'ls -ln "$NETMGR_PAYLOAD_FILE" | cut -c1-10; ls -ldn "$(dirname "$NETMGR_PAYLOAD_FILE")" | cut -c1-10';
  const script = scripts.handlers([
    { payload: 'file', argv: ['sh', '-c', `${look}; echo "$NETMGR_PAYLOAD_FILE"; cat; cat "$NETMGR_PAYLOAD_FILE"`] },
  ]);
  const [file, directory, path, content] = ((await scripts.call(script, { a: 1 }, { id: '..' })) as string).split('\n');
  assert.equal(file, '-rw-------');
  assert.equal(directory, 'drwx------');
  assert.equal(content, '{"a":1}');
  assert.ok(path);
  await until(() => !existsSync(path));
  await script.stop();
  assert.equal(existsSync(join(path, '..')), false, 'the directory is gone after stop');
});

test('--payload file: bytes raw, no payload an empty file', async () => {
  const script = scripts.handlers([{ payload: 'file', argv: ['sh', '-c', 'cat "$NETMGR_PAYLOAD_FILE"'] }]);
  assert.deepEqual(await scripts.call(script, new Uint8Array([255, 0])), new Uint8Array([255, 0]));
  assert.equal(await scripts.call(script), '');
});

test('handlers run as many processes at once as the node has slots', () => {
  const { handlers } = scripts.handlers([{ argv: ['cat'] }], { concurrency: 7 });
  assert.equal(handlers[0]?.options.concurrency, 7);
});

test('hundreds of runs, nothing left over', async () => {
  const cat = scripts.handlers([{ argv: ['cat'] }]);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < 200; i = next++) assert.equal(await scripts.call(cat, `payload ${i}`), `payload ${i}`);
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  assert.equal(cat.counters.succeeded, 200);
  assert.equal(cat.counters.failed, 0);
});
