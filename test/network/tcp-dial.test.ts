import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../src/base/random.js';
import { Endpoint } from '../../src/network/endpoint.js';
import { assertNothingLeft } from '../leaks.js';
import { frameOf, TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

/** The longest pauses that chance allows. */
const longest: Random = { next: () => 0.999, fork: () => longest };
/** No pauses at all. */
const shortest: Random = { next: () => 0, fork: () => shortest };

test('a node that is in no book has no address, and neither has this one itself, nor nobody', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  nodes.addresses.set('broken', 'somewhere:else');
  for (const to of ['b', 'a', '*', '?', 'broken']) assert.equal(a.send(to), 'NO_ADDRESS', to);
  assert.equal(a.network.send(a.stamp.make({ kind: 'event', type: 'test' })), 'NO_ADDRESS');
  assert.equal(a.network.metrics().errors.NO_ADDRESS, 6);
});

test('a dial that fails ends what waited for it, and for a moment what follows is refused at once', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', {}, { random: longest });
  nodes.addresses.set('b', '127.0.0.1:1');
  assert.equal(a.send('b', { kind: 'request', ttl: 1000, id: 'first' }), 'queued');
  assert.equal(a.send('b', { kind: 'request', ttl: 1000, id: 'second' }), 'queued');
  assert.equal(a.send('b', { kind: 'event' }), 'queued');
  await until(() => a.seen('undelivered').length === 2, 'the end of both');
  const [unreachable] = a.seen('unreachable');
  assert.deepEqual(
    [unreachable?.node, unreachable?.address, unreachable?.attempt, unreachable?.error.code],
    ['b', '127.0.0.1:1', 1, 'CONNECTION_FAILED'],
  );
  assert.ok((unreachable?.retryInMs ?? 0) > 90);
  for (const [i, { node, id, error }] of a.seen('undelivered').entries()) {
    assert.deepEqual([node, id, error.node, error.address], ['b', ['first', 'second'][i], 'b', '127.0.0.1:1']);
    assert.match(error.message, /b: cannot connect to 127.0.0.1:1: nobody listens there/);
  }
  assert.equal(a.send('b'), 'UNREACHABLE');
  assert.deepEqual([a.counters().undelivered, a.counters().resting, a.counters().dialsFailed], [3, 1, 1]);

  await until(() => a.send('b') === 'queued', 'the pause to be over');
  await until(() => a.seen('unreachable').length === 2, 'another dial');
  assert.equal(a.seen('unreachable')[1]?.attempt, 2);
});

test('an event with a body ends as a request does when its node cannot be reached', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const endpoint = new Endpoint({ network: a.network });
  nodes.addresses.set('b', '127.0.0.1:1');
  // Otherwise it would end with TIMEOUT.
  const sent = endpoint.emit({ type: 'store', to: 'b', body: Buffer.from('bytes') }, { timeoutMs: 3_000 });
  await assert.rejects(sent, { code: 'CONNECTION_FAILED', message: /^b: / });
  await endpoint.stop();
});

test('another address in the book is dialled at once, and the pauses begin anew once it was reached', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', {}, { random: longest });
  nodes.addresses.set('b', '127.0.0.1:1');
  a.send('b');
  await until(() => a.seen('unreachable').length === 1, 'the failure');
  const b = await nodes.node('b');
  assert.equal(a.send('b', { payload: 'at last' }), 'queued');
  await until(() => b.received.length === 1, 'the message');
  await b.network.stop();
  await until(() => a.network.peers.size === 0, 'the end');
  a.send('b');
  await until(() => a.seen('unreachable').length === 2, 'another failure');
  assert.equal(a.seen('unreachable')[1]?.attempt, 1);
});

test('who has got the address of another node is told apart from it, and gets nothing', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const c = await nodes.node('c');
  nodes.addresses.set('b', `127.0.0.1:${c.port}`);
  a.send('b', { kind: 'request', ttl: 1000 });
  await until(() => a.seen('undelivered').length === 1, 'the refusal');
  assert.equal(a.seen('undelivered')[0]?.error.code, 'UNREACHABLE');
  assert.match(a.seen('undelivered')[0]?.error.message ?? '', /b: this is c, not b/);
  assert.deepEqual([c.received, c.network.peers.size, a.network.peers.size], [[], 0, 0]);
});

test('a listener that does not look at the name is found out by its welcome', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', {}, { cluster: 'blue' });
  const cases: [string, Record<string, unknown>, string][] = [
    ['another node', { node: 'c' }, 'UNREACHABLE'],
    ['another cluster', { cluster: 'green' }, 'CLUSTER_MISMATCH'],
    ['a codec that was not offered', { codec: 'xml' }, 'VERSION_MISMATCH'],
    ['no welcome', { role: 'king' }, 'CONNECTION_FAILED'],
  ];
  for (const [what, fields, code] of cases) {
    const payload = { node: 'b', role: 'collaborator', instance: 'i', version: '1', codec: 'json', ...fields };
    const welcome = { v: 1, id: 'w', kind: 'control', type: 'welcome', from: 'b', ts: 1, payload };
    const port = await nodes.server((socket) =>
      socket.once('data', () => socket.write(frameOf(JSON.stringify(welcome)))),
    );
    const before = a.seen('undelivered').length;
    nodes.addresses.set('b', `127.0.0.1:${port}`);
    a.send('b', { kind: 'request', ttl: 1000 });
    await until(() => a.seen('undelivered').length > before, what);
    assert.equal(a.seen('undelivered').at(-1)?.error.code, code, what);
  }
  assert.equal(a.network.peers.size, 0);
});

test('what waits for a dial is bounded in number, in bytes, and for all nodes together', async () => {
  await using nodes = new TcpNodes();
  const port = await nodes.server(() => {});
  const limits = { maxPendingMessages: 3, maxPendingBytes: 1000, maxAllPendingBytes: 1500 };
  const a = await nodes.node('a', { limits, dialTimeoutMs: 100 });
  for (const name of ['b', 'c', 'd', 'e']) nodes.addresses.set(name, `127.0.0.1:${port}`);
  const payload = 'x'.repeat(500);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => a.send('b')),
    ['queued', 'queued', 'queued', 'BACKPRESSURE'],
  );
  assert.deepEqual([a.send('c', { payload }), a.send('c', { payload })], ['queued', 'BACKPRESSURE']);
  assert.deepEqual([a.send('d', { payload }), a.send('e', { payload })], ['queued', 'BACKPRESSURE']);
  assert.equal(a.counters().pendingFull, 3);
  const { queuedMessages, queuedBytes } = a.network.metrics();
  assert.equal(queuedMessages, 5);
  assert.ok(queuedBytes > 1000 && queuedBytes <= 1500, `${queuedBytes} bytes`);
  await until(() => a.seen('unreachable').length === 3, 'the dials to be given up');
  assert.deepEqual([a.network.metrics().queuedMessages, a.network.metrics().queuedBytes], [0, 0]);
  assert.equal(a.counters().undelivered, 5);
});

test('a node that swallows everything delays no other', async () => {
  await using nodes = new TcpNodes();
  const port = await nodes.server(() => {});
  const a = await nodes.node('a', { dialTimeoutMs: 300 });
  const c = await nodes.node('c');
  nodes.addresses.set('hole', `127.0.0.1:${port}`);
  assert.equal(a.send('hole', { kind: 'request', ttl: 1000 }), 'queued');
  for (let i = 0; i < 100; i += 1) assert.equal(a.send('c', { payload: i }), 'queued');
  await until(() => c.received.length === 100, 'the other node');
  assert.equal(a.seen('unreachable').length, 0);
  await until(() => a.seen('undelivered').length === 1, 'the dial to be given up');
  assert.match(a.seen('undelivered')[0]?.error.message ?? '', /within 300 ms/);
  assert.equal(a.seen('undelivered')[0]?.error.code, 'HANDSHAKE_TIMEOUT');
});

test('a listener that hangs up before the welcome is a dial that failed: nothing was sent', async () => {
  await using nodes = new TcpNodes();
  const port = await nodes.server((socket) => socket.once('data', () => socket.destroy()));
  const a = await nodes.node('a');
  nodes.addresses.set('b', `127.0.0.1:${port}`);
  a.send('b', { kind: 'request', ttl: 1000 });
  await until(() => a.seen('undelivered').length === 1, 'the end');
  assert.equal(a.seen('undelivered')[0]?.error.code, 'CONNECTION_FAILED');
});

test('a stop while it dials ends what waits, and leaves nothing', async () => {
  await using nodes = new TcpNodes();
  const port = await nodes.server(() => {});
  const a = await nodes.node('a');
  nodes.addresses.set('b', `127.0.0.1:${port}`);
  a.send('b', { kind: 'request', ttl: 1000 });
  await a.network.stop();
  assert.equal(a.seen('undelivered')[0]?.error.code, 'STOPPED');
  assert.equal(a.send('b'), 'STOPPED');
  assert.equal(a.clock.pending, 0);
});

test('a node that keeps being refused, and is asked again and again, is dialled once at a time', async () => {
  await using nodes = new TcpNodes();
  let dials = 0;
  const port = await nodes.server((socket) => {
    dials += 1;
    socket.destroy();
  });
  const a = await nodes.node('a', {}, { random: shortest });
  nodes.addresses.set('b', `127.0.0.1:${port}`);
  for (let i = 1; i <= 50; i += 1) {
    for (let k = 0; k < 20; k += 1) a.send('b');
    await until(() => a.seen('unreachable').length === i, `failure ${i}`);
  }
  assert.equal(dials, 50);
  assert.equal(a.counters().undelivered, 1000);
});
