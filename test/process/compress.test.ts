import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { Sandbox } from './harness.js';

const sandbox = new Sandbox();
before(async () => {
  await sandbox.lead();
  await Promise.all([
    sandbox.join('thrifty', ['--on', 'same=cat', '--compress']),
    sandbox.join('lavish', ['--on', 'same=cat']),
  ]);
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

const KIBIBYTE = 1024;

test('join --compress: large payloads take few bytes, both ways', async () => {
  const payload = 'to and fro '.repeat(10 * KIBIBYTE);
  for (const node of ['thrifty', 'lavish']) {
    const { stdout, code } = await sandbox.run(['call', 'same', '-', '--to', node], { input: payload });
    assert.deepEqual([code, stdout.trim() === payload.trim()], [0, true], node);
  }
  const { nodes } = JSON.parse((await sandbox.run(['status', '--json'])).stdout);
  const bytes = Object.fromEntries(nodes.map((row: { node: string; bytes: object }) => [row.node, row.bytes]));
  for (const way of ['in', 'out']) {
    assert.ok(bytes.thrifty[way] < 20 * KIBIBYTE, `${way}: ${bytes.thrifty[way]}`);
    assert.ok(bytes.lavish[way] > 100 * KIBIBYTE, `${way}: ${bytes.lavish[way]}`);
  }
});

test('lead --no-compress: who asks for compression joins without it', async () => {
  await using strict = new Sandbox();
  await strict.lead(['--no-compress']);
  await strict.join('thrifty', ['--on', 'same=cat', '--compress']);
  const payload = 'to and fro '.repeat(10 * KIBIBYTE);
  const { stdout, code } = await strict.run(['call', 'same', '-'], { input: payload });
  assert.deepEqual([code, stdout.trim() === payload.trim()], [0, true]);
  const { nodes } = JSON.parse((await strict.run(['status', '--json'])).stdout);
  for (const way of ['in', 'out']) assert.ok(nodes[0].bytes[way] > 100 * KIBIBYTE, `${way}: ${nodes[0].bytes[way]}`);
});
