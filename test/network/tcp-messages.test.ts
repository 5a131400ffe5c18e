import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

test('a message dials the node that it is for, and what follows arrives in order', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const b = await nodes.node('b');
  const count = 1000;
  for (let i = 0; i < count; i += 1) assert.equal(a.send('b', { payload: i }), 'queued');
  await until(() => b.received.length === count, 'all of them');
  assert.deepEqual(
    b.payloads,
    Array.from({ length: count }, (_, i) => i),
  );
  b.send('a', { payload: 'back' });
  await until(() => a.received.length === 1, 'the way back');
  assert.equal(a.network.peers.size + b.network.peers.size, 2);
  assert.equal(b.seen('connected').length, 1);
});
