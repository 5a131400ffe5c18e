import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../../src/network/endpoint.js';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes } from '../network/tcp-nodes.js';
import { heapAfterCollection } from './replay.js';

assertNothingLeft();

const MIB = 1024 * 1024;

test('what was asked with a body that is over takes no memory, however large it was', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  const [asker, asked] = [a, b].map(({ network, clock }) => new Endpoint({ network, clock })) as [Endpoint, Endpoint];
  asked.handle({ handle: () => 'done' });
  const before = heapAfterCollection();
  for (let i = 0; i < 100; i += 1) {
    await asker.request({ type: 'put', to: 'b', payload: `${i}${'x'.repeat(900_000)}`, body: new Uint8Array(0) });
  }
  const grown = (heapAfterCollection() - before) / MIB;
  await Promise.all([asker.stop(), asked.stop()]);
  assert.ok(grown < 20, `${grown} MiB are kept of 86 MiB of requests that were answered`);
});
