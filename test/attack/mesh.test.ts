import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes, TcpStranger, until } from '../network/tcp-nodes.js';

assertNothingLeft();

test('a node of a mesh that calls itself a leader does not speak for others', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { codecs: ['json'] });
  const port = await nodes.server((socket) => {
    const evil = new TcpStranger('a', socket);
    void until(() => evil.messages.length > 0, 'the hello').then(() => {
      const payload = { node: 'a', role: 'leader', instance: 'evil', version: '1', codec: 'json' };
      evil.say({ kind: 'control', type: 'welcome', to: 'b', re: evil.messages[0]?.id, payload });
      evil.say({ from: 'c', to: 'b', payload: 'this is c' });
      evil.say({ to: 'b', payload: 'this is a' });
    });
  });
  nodes.addresses.set('a', `127.0.0.1:${port}`);
  b.send('a');
  await until(() => b.received.length > 0, 'what may come through');
  assert.deepEqual(b.payloads, ['this is a']);
  assert.equal(b.network.counters.spoofed, 1);
});
