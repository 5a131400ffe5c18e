import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../../src/network/endpoint.js';
import { NetworkClient } from '../../src/network/tcp/client.js';
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

test('a server that takes connections and says nothing keeps no client from the others', async () => {
  await using nodes = new TcpNodes();
  const good = await nodes.node('good');
  const endpoint = new Endpoint({ network: good.network, clock: good.clock });
  endpoint.handle({ handle: () => 'done' });
  const port = await nodes.server((socket) => void socket.resume());
  const servers = new Map([
    ['mute', `127.0.0.1:${port}`],
    ['good', `127.0.0.1:${good.port}`],
  ]);
  await using client = new NetworkClient({ servers, clock: good.clock, dialTimeoutMs: 100 });
  await client.start();
  const answer = await client.request({ type: 'get' }, { timeoutMs: 10_000 });
  assert.equal(answer.from, 'good');
  await endpoint.stop();
});
