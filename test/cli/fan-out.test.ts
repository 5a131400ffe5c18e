import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuorum, Tally } from '../../src/cli/fan-out.js';
import { editDistance, nearest } from '../../src/cli/nearest.js';
import { parsePayload } from '../../src/cli/payload.js';
import { holds, parseWaitCondition } from '../../src/cli/wait-condition.js';
import type { ClusterStatus } from '../../src/role/status.js';

function tally(codes: Readonly<Record<string, string | null>>): Tally {
  const made = new Tally(Object.keys(codes));
  for (const [node, code] of Object.entries(codes))
    if (code !== null) made.count(node, code === 'ok' ? undefined : code);
  return made;
}

test('a fan-out tells what became of each node, and silence is never success', () => {
  const table: readonly (readonly [Readonly<Record<string, string | null>>, number, string])[] = [
    [{ a: 'ok', b: 'ok' }, 0, '2 of 2 ok'],
    [{ a: 'ok', b: 'HANDLER_FAILED' }, 1, '1 of 2 ok, 1 failed (b)'],
    [{ a: 'ok', b: 'TIMEOUT' }, 3, '1 of 2 ok, 1 silent (b)'],
    [{ a: 'HANDLER_FAILED', b: 'TIMEOUT' }, 3, '0 of 2 ok, 1 failed (a), 1 silent (b)'],
    [{ a: 'ok', b: null }, 3, '1 of 2 ok, 1 silent (b)'],
    [{ a: 'ok', b: 'UNREACHABLE' }, 3, '1 of 2 ok, 1 silent (b)'],
    [{ a: 'NO_HANDLER', b: 'NO_HANDLER' }, 4, '0 of 2 ok, 2 failed (a, b)'],
    [{ a: 'NO_HANDLER', b: 'ok' }, 1, '1 of 2 ok, 1 failed (a)'],
  ];
  for (const [codes, exit, sentence] of table) {
    assert.equal(tally(codes).exitCode(undefined), exit, sentence);
    assert.equal(tally(codes).sentence('ok'), sentence);
  }
});

test('the summary is the object of the contract', () => {
  const made = tally({ w1: 'ok', w2: 'ok', w3: 'HANDLER_FAILED', w4: null });
  const nodes = { w1: 'ok', w2: 'ok', w3: 'failed', w4: 'silent' };
  assert.deepEqual(made.summary('ok'), { expected: 4, ok: 2, failed: 1, silent: 1, nodes });
  assert.deepEqual(made.summary('sent'), {
    expected: 4,
    sent: 2,
    failed: 1,
    silent: 1,
    nodes: { ...nodes, w1: 'sent', w2: 'sent' },
  });
  assert.equal(new Tally(Array.from({ length: 20 }, (_, i) => `n${i}`)).sentence('ok').includes('and 12 more'), true);
});

test('a quorum is a number, or a share rounded up', () => {
  const made = tally({ a: 'ok', b: 'ok', c: 'TIMEOUT' });
  assert.equal(made.exitCode(parseQuorum('2')), 0);
  assert.equal(made.exitCode(parseQuorum('3')), 3);
  assert.equal(made.exitCode(parseQuorum('66%')), 0);
  assert.equal(made.exitCode(parseQuorum('67%')), 3);
  for (const text of ['0', '0%', '101%', '-1', 'half', '%', ''])
    assert.throws(() => parseQuorum(text), { exitCode: 2 }, text);
});

test('waiting is for counts', () => {
  const counts = { joining: 0, alive: 3, suspect: 0, lost: 1, draining: 0, left: 0 };
  const status = { counts, nodes: new Array(4) } as unknown as ClusterStatus;
  const table: readonly (readonly [string, boolean])[] = [
    ['alive>=3', true],
    ['alive>3', false],
    ['alive = 3', true],
    ['lost=0', false],
    ['alive>=3,lost<=1', true],
    ['alive>=3 and lost=0', false],
    ['nodes==4', true],
    ['nodes!=4', false],
  ];
  for (const [source, expected] of table) assert.equal(holds(parseWaitCondition(source), status), expected, source);
  for (const source of ['', 'alive', 'alive>=', '3<=alive', 'asleep=1', 'alive>=3,', '__proto__=0']) {
    assert.throws(() => parseWaitCondition(source), { exitCode: 2 }, source);
  }
});

test('text is JSON only if it begins like it', () => {
  const table: readonly (readonly [string, unknown])[] = [
    ['123e456', '123e456'],
    ['12345678901234567890', '12345678901234567890'],
    ['true', 'true'],
    [' {"a":1}', ' {"a":1}'],
    ['{"a":1}', { a: 1 }],
    ['[1]', [1]],
    ['"x"', 'x'],
    ['', ''],
  ];
  for (const [text, payload] of table) assert.deepEqual(parsePayload(text), payload, text);
  assert.deepEqual(parsePayload('12', true), 12);
  assert.throws(() => parsePayload('{oops}'), { code: 'INVALID_PAYLOAD' });
  assert.throws(() => parsePayload('oops', true), { code: 'INVALID_PAYLOAD' });
});

test('the nearest word is the one that was meant', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('status', 'stauts'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(nearest('stauts', ['status', 'call']), 'status');
  assert.equal(nearest('compl', ['completion', 'call']), 'completion');
  assert.equal(nearest('zzz', ['status', 'call']), undefined);
  assert.equal(nearest('x'.repeat(100_000), ['status']), undefined);
});
