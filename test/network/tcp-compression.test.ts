import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TcpNetworkOptions } from '../../src/network/tcp/options.js';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

const payload: unknown = Array.from({ length: 200 }, (_, i) => ({
  id: `job-${i}`,
  host: `worker-${i % 17}`,
  ok: i % 3 > 0,
}));

/** How many bytes it takes from a node that asks for these codecs to one that speaks those. */
async function bytesBetween(asks: TcpNetworkOptions['codecs'], speaks: TcpNetworkOptions['codecs']): Promise<number> {
  await using nodes = new TcpNodes();
  const from = await nodes.node('a', { codecs: asks });
  const to = await nodes.node('b', { codecs: speaks });
  // The first waits for the connection, and was encoded before a codec was agreed on.
  assert.equal(from.send('b', { payload }), 'queued');
  await until(() => to.received.length === 1, 'the first');
  const before = from.network.peers.get('b')?.traffic.bytesOut ?? 0;
  assert.equal(from.send('b', { payload }), 'queued');
  await until(() => to.received.length === 2, 'the second');
  assert.deepEqual(to.payloads, [payload, payload]);
  return (from.network.peers.get('b')?.traffic.bytesOut ?? 0) - before;
}

const THRIFTY = 3 * 1024;
const LAVISH = 5 * 1024;

test('who dials asks for compression; who is dialled compresses what it speaks', async () => {
  assert.ok((await bytesBetween(['msgpack+deflate', 'msgpack'], undefined)) < THRIFTY);
  assert.ok((await bytesBetween(['json+deflate'], ['json'])) < THRIFTY);
  assert.ok((await bytesBetween(['msgpack+deflate'], ['msgpack+deflate'])) < THRIFTY);
});

test('nobody compresses unasked, and who cannot is spoken to without', async () => {
  assert.ok((await bytesBetween(undefined, ['msgpack+deflate', 'msgpack'])) > LAVISH);
  assert.ok((await bytesBetween(['msgpack+deflate', 'json'], ['json'])) > LAVISH);
});
