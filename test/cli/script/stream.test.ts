import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkError } from '../../../src/base/errors.js';
import type { ScriptHandlers, ScriptOptions } from '../../../src/cli/script/script-handlers.js';
import { children, rejectsWith, Scripts, until } from './fixture.js';

const scripts = new Scripts();

const stream = (argv: readonly string[], options?: Partial<ScriptOptions>): ScriptHandlers =>
  scripts.handlers([{ type: 'st', stream: true, argv }], options);

/** A co-process in JavaScript: `message` is what came in, `answer(object)` writes a line. */
const node = (body: string, options?: Partial<ScriptOptions>): ScriptHandlers =>
  stream(
    [
      process.execPath,
      '-e',
      `const answer = (value) => process.stdout.write((typeof value === 'string' ? value : JSON.stringify(value)) + '\\n');
       require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
         const message = JSON.parse(line); ${body} });`,
    ],
    options,
  );

/** Answers each message with its own payload. */
const ECHO = ['sed', '-u', 's/"type":"st",//'];

test('a JSON line in for each message, a JSON line out for each answer', async () => {
  const seen = node(`answer({ id: message.id, payload: line });`);
  const line = await scripts.call(seen, { a: 'é\n' }, { id: 'm-1' });
  assert.equal(line, '{"id":"m-1","type":"st","payload":{"a":"é\\n"}}');
  assert.equal(await scripts.call(seen, undefined, { id: 'm-2' }), '{"id":"m-2","type":"st"}');
});

test('any payload goes both ways', async () => {
  const echo = stream(ECHO);
  const payloads = ['text', '', 0, 1.5, true, null, [], { a: { b: [1] } }, new Uint8Array([0, 255]), { $b64: 'no' }];
  for (const payload of payloads) assert.deepEqual(await scripts.call(echo, payload), payload);
  assert.equal(await scripts.call(echo, undefined), undefined);
  const large = 'x'.repeat(500_000);
  assert.equal(await scripts.call(echo, large), large);
});

test('answers may come in any order', async () => {
  const reversed = node(`(globalThis.held ??= []).push(message);
    if (held.length === 3) for (const { id, payload } of held.splice(0).reverse()) answer({ id, payload });`);
  const order: number[] = [];
  const payloads = [1, 2, 3];
  const calls = payloads.map((payload) =>
    scripts.call(reversed, payload).then((value) => void order.push(value as number)),
  );
  await Promise.all(calls);
  assert.deepEqual(order, [3, 2, 1]);
});

test('an error is a string, or code and message', async () => {
  const errors = node('answer({ id: message.id, error: message.payload, payload: 1 });');
  await rejectsWith(scripts.call(errors, 'no such file'), 'HANDLER_FAILED', /^no such file$/);
  await rejectsWith(scripts.call(errors, { code: 'HANDLER_RETRY', message: 'later' }), 'HANDLER_RETRY', /^later$/);
  await rejectsWith(scripts.call(errors, { message: 'no code' }), 'HANDLER_FAILED', /^no code$/);
  await rejectsWith(
    scripts.call(errors, { code: 'EVICTED', message: 'not for you' }),
    'HANDLER_FAILED',
    /^not for you$/,
  );
  await rejectsWith(scripts.call(errors, { code: 7 }), 'HANDLER_FAILED', /the handler failed/);
  await rejectsWith(scripts.call(errors, 'a\u001b[2Jb'), 'HANDLER_FAILED', /^a\\x1b\[2Jb$/);
  assert.equal(await scripts.call(errors, null), 1);
  assert.equal(errors.counters.failed, 6);
});

test('an answer whose bytes are none fails that message alone', async () => {
  const broken = node('answer({ id: message.id, payload: { $b64: "?" } });');
  await rejectsWith(scripts.call(broken), 'HANDLER_FAILED', /payload cannot be read/);
});

test('lines that are no answer are logged and counted, and harm nobody', async () => {
  const noisy =
    node(`answer('debug: \\u001b[2J hello'); answer('[]'); answer('{"payload":1}'); answer({ id: 'other', payload: 1 });
    answer({ id: message.id, payload: 'fine' });`);
  assert.equal(await scripts.call(noisy), 'fine');
  assert.equal(noisy.counters.badLines, 3);
  assert.equal(noisy.counters.strayAnswers, 1);
  const { fields } = await scripts.log.line(/wrote a line that is no answer: not JSON$/);
  assert.deepEqual(fields, { node: 'w1', type: 'st', line: 'debug: \\x1b[2J hello' });
  await scripts.log.line(/no answer: not a JSON object/);
  await scripts.log.line(/no answer: no 'id' that is a string/);
});

test('the log sees ten bad lines of a process, the counter all', async () => {
  const from = scripts.log.lines.length;
  const noisy = node(`for (let i = 0; i < 500; i += 1) answer('noise'); answer({ id: message.id });`);
  await scripts.call(noisy);
  assert.equal(noisy.counters.badLines, 500);
  const told = scripts.log.lines.slice(from).filter(({ fields }) => fields['line'] === 'noise');
  assert.equal(told.length, 10);
  assert.match(told.at(-1)?.message ?? '', /further ones of this process are only counted/);
});

test('stderr is the log', async () => {
  const talks = node(`console.error('co-process says hi'); answer({ id: message.id });`);
  await scripts.call(talks);
  assert.deepEqual((await scripts.log.line(/co-process says hi/)).fields, { node: 'w1', type: 'st' });
});

test('on abort the caller hears at once, the co-process gets a cancel line, a late answer is counted', async () => {
  const slow =
    node(`if (message.cancel) { answer({ id: message.id, payload: 'too late' }); answer({ id: globalThis.last, payload: message }); }
    else if (message.payload === 'last') globalThis.last = message.id;
    else answer(JSON.stringify({ id: 'seen-it' }));`);
  const controller = new AbortController();
  const call = scripts.call(slow, 'slow', { id: 'm-9', signal: controller.signal });
  await until(() => slow.counters.strayAnswers === 1);
  const last = scripts.call(slow, 'last');
  const reason = new NetworkError('CANCELLED', 'op1 gave up');
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.deepEqual(await last, { id: 'm-9', cancel: true });
  assert.equal(slow.counters.strayAnswers, 2);
  assert.equal(slow.counters.aborted, 1);
});

test('what was given up before it was written is never mentioned', async () => {
  const echo = node(`(globalThis.seen ??= []).push(message); answer({ id: message.id, payload: seen });`);
  const controller = new AbortController();
  const call = scripts.call(echo, 'unwanted', { signal: controller.signal });
  const other = scripts.call(echo, 'wanted', { id: 'w' });
  controller.abort();
  await rejectsWith(call, 'CANCELLED', /abort/);
  await rejectsWith(scripts.call(echo, 'x', { signal: controller.signal }), 'CANCELLED', /abort/);
  assert.deepEqual(await other, [{ id: 'w', type: 'st', payload: 'wanted' }]);
});

test('two messages with one id are told apart', async () => {
  const echo = stream(ECHO);
  const calls = ['one', 'two', 'three'].map((payload) => scripts.call(echo, payload, { id: 'same' }));
  assert.deepEqual(await Promise.all(calls), ['one', 'two', 'three']);
});

test('twenty thousand messages, each with its own answer', async () => {
  const echo = stream(ECHO);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < 20_000; i = next++) assert.equal(await scripts.call(echo, i), i);
  };
  await Promise.all(Array.from({ length: 500 }, lane));
  assert.equal(echo.counters.succeeded, 20_000);
});

test('at most 1,000 messages are in flight', async () => {
  const silent = stream(['sleep', '60'], { stopGraceMs: 1 });
  const calls = Array.from({ length: 1_000 }, (_, i) => scripts.call(silent, i));
  const settled = Promise.allSettled(calls);
  await rejectsWith(
    scripts.call(silent),
    'OVERLOADED',
    /co-process of 'st' has 1000 messages, .* the limits are 1000 and 8388608/,
  );
  assert.equal(silent.counters.refusedInFlight, 1);
  await silent.stop();
  for (const { status } of await settled) assert.equal(status, 'rejected');
});

test('one that does not read holds back at most 8 MiB', async () => {
  const deaf = stream(['sleep', '60'], { stopGraceMs: 1 });
  const payload = 'x'.repeat(1024 * 1024);
  const calls = Array.from({ length: 20 }, () => scripts.call(deaf, payload));
  const settled = Promise.allSettled(calls);
  await until(() => deaf.counters.refusedInFlight > 0);
  await deaf.stop();
  const refused = (await settled).filter(
    (result) => result.status === 'rejected' && result.reason.code === 'OVERLOADED',
  );
  assert.ok(refused.length >= 10 && refused.length <= 12, `${refused.length} of 20 refused`);
});

test('stop closes stdin and lets it finish', async () => {
  const argv = [
    'sh',
    '-c',
    `read -r line; echo got-it >&2; cat >/dev/null; echo "$line" | ${ECHO.slice(0, 2).join(' ')} '${ECHO[2]}'`,
  ];
  const late = stream(argv, { stopGraceMs: 60_000 });
  const call = scripts.call(late, 'kept');
  await scripts.log.line(/got-it/);
  await late.stop();
  assert.equal(await call, 'kept');
});

test('stop sends TERM to one that goes on, KILL to one that ignores it', async () => {
  const stubborn = stream(['sh', '-c', `trap '' TERM; while :; do sleep 1; done`], {
    stopGraceMs: 20,
    killAfterMs: 100,
  });
  const call = scripts.call(stubborn, 'x');
  const refused = rejectsWith(call, 'HANDLER_RETRY', /co-process of 'st'/);
  await Promise.all([stubborn.stop(), stubborn.stop()]);
  await refused;
  await rejectsWith(scripts.call(stubborn, 'x'), 'HANDLER_RETRY', /is being stopped/);
});

test('no child is left, not even as a zombie', async () => {
  await scripts.stopAll();
  await until(() => children().length === 0);
});
