import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { expanded } from '../../src/network/http/media.js';
import { assertNothingLeft } from '../leaks.js';
import { answered, cardOf, HttpNodes, messageOf, postOf } from './http-nodes.js';

assertNothingLeft();

const MEBIBYTE = 1024 * 1024;
/** One large body, and then none for minutes. */
const limits = { inflationBurstBytes: MEBIBYTE / 2, inflationBytesPerSecond: 1024 };
const LARGE = ' '.repeat(MEBIBYTE - 1024);

function packed(body: string, headers: Record<string, string>, path?: string): Buffer {
  const bytes = gzipSync(body);
  const all = { 'content-encoding': 'gzip', ...headers, 'content-length': `${bytes.length}` };
  return Buffer.from(postOf(bytes.toString('latin1'), all, path), 'latin1');
}

test('who has more inflated than its share is refused for a while, and nobody else', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits });
  const post = async (from: string, payload: unknown) => {
    const bytes = packed(messageOf(from, { payload }), { netmgr: cardOf(from, 'b') });
    return answered(await nodes.raw(b.port, bytes));
  };
  assert.equal((await post('evil', LARGE)).status, 204);
  assert.deepEqual(await post('evil', LARGE), { status: 503, code: 'OVERLOADED' });
  assert.deepEqual(await post('evil', 'small'), { status: 503, code: 'OVERLOADED' });
  assert.equal((await post('honest', 'small')).status, 204);
  const plain = postOf(messageOf('evil', { payload: 'plain' }), { netmgr: cardOf('evil', 'b') });
  assert.equal((await answered(await nodes.raw(b.port, plain))).status, 204);
  assert.equal(b.network.counters.inflationRefused, 2);
  assert.deepEqual(b.payloads, [LARGE, 'small', 'plain']);
});

test('so is who calls, and who sends what cannot be taken', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits });
  const broken = packed(LARGE, { netmgr: cardOf('evil', 'b') });
  assert.equal((await answered(await nodes.raw(b.port, broken))).status, 400);
  assert.equal((await answered(await nodes.raw(b.port, broken))).status, 503);
  const call = packed(JSON.stringify(LARGE), { 'netmgr-from': 'caller' }, '/v1/call/echo');
  assert.equal((await answered(await nodes.raw(b.port, call))).status, 200);
  assert.equal((await answered(await nodes.raw(b.port, call))).status, 503);
  assert.equal(b.network.counters.inflationRefused, 2);
});

test('a gzip that says that it is too large is not inflated; one that lies is stopped', () => {
  const bomb = gzipSync(Buffer.alloc(4 * MEBIBYTE));
  const cut = Buffer.concat([bomb.subarray(0, 100), bomb.subarray(-8)]);
  assert.throws(() => expanded(cut, 'gzip', MEBIBYTE), { code: 'TOO_LARGE' });
  bomb.writeUInt32LE(10, bomb.length - 4);
  assert.throws(() => expanded(bomb, 'gzip', MEBIBYTE), { code: 'TOO_LARGE' });
});
