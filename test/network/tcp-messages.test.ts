import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

test('a message dials the node that it is for, and what follows arrives in order, both ways', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const b = await nodes.node('b');
  const count = 1000;
  const expected = Array.from({ length: count }, (_, i) => i);
  for (const i of expected) assert.equal(a.send('b', { payload: i }), 'queued');
  await until(() => b.received.length === count, 'all of them');
  assert.deepEqual(b.payloads, expected);
  for (const i of expected) assert.equal(b.send('a', { payload: i }), 'queued');
  await until(() => a.received.length === count, 'the way back');
  assert.deepEqual(a.payloads, expected);
  assert.deepEqual([...a.network.peers.keys(), ...b.network.peers.keys()], ['b', 'a']);
  assert.equal(a.seen('connected').length + b.seen('connected').length, 2);
  const [peer] = a.seen('connected').map((event) => event.peer);
  assert.deepEqual([peer?.node, peer?.listener, peer?.role], ['b', 'dial', 'collaborator']);
  assert.equal(b.network.peers.get('a')?.listener, 'tcp');
});

test('each codec that both sides speak carries text, bytes and everything else', async () => {
  const payload = { text: 'Zürich 🚂', bytes: new Uint8Array([0, 1, 255]), list: [1, null, true, 1.5], big: 2 ** 40 };
  for (const codecs of [['json'], ['msgpack'], ['msgpack', 'json'], undefined]) {
    await using nodes = new TcpNodes();
    const a = await nodes.node('a', codecs && { codecs });
    const b = await nodes.node('b');
    a.send('b', { payload });
    await until(() => b.received.length === 1, `a message in ${codecs}`);
    const got = payloadOf(b.received[0] as (typeof b.received)[0]) as typeof payload;
    assert.deepEqual({ ...got, bytes: [...got.bytes] }, { ...payload, bytes: [...payload.bytes] });
  }
});

test('the listener takes the first codec that it speaks, and what waited is written in it', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', { codecs: ['msgpack', 'json'] });
  const b = await nodes.node('b', { codecs: ['json'] });
  const payload = { bytes: Buffer.from([1, 2, 3]), state: 'when it was sent' };
  assert.equal(a.send('b', { payload }), 'queued');
  payload.state = 'changed afterwards';
  await until(() => b.received.length === 1, 'the message');
  const [{ bytes, state }] = b.payloads as [typeof payload];
  assert.deepEqual([[...bytes], state], [[1, 2, 3], 'when it was sent']);
});

test('without a codec in common the dialler is told what there is', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', { codecs: ['msgpack'] });
  const b = await nodes.node('b', { codecs: ['json'] });
  a.send('b', { kind: 'request', ttl: 1000 });
  await until(() => a.seen('undelivered').length === 1, 'the refusal');
  const [refused] = a.seen('undelivered');
  assert.equal(refused?.error.code, 'VERSION_MISMATCH');
  assert.match(refused?.error.message ?? '', /speaks json; it was offered msgpack/);
  assert.equal(b.counters().joinsRefused, 1);
});

test('a message up to the frame limit passes, a larger one is refused to its sender', async () => {
  await using nodes = new TcpNodes();
  const limits = { maxFrameBytes: 16 * 1024 * 1024, maxQueuedBytes: 64 * 1024 * 1024, windowBytes: 64 * 1024 * 1024 };
  const a = await nodes.node('a', { limits });
  const b = await nodes.node('b', { limits });
  const small = await nodes.node('small');
  const whole = 'x'.repeat(16 * 1024 * 1024 - 300);
  assert.equal(a.send('b', { payload: whole }), 'queued');
  await until(() => b.received.length === 1, 'the large message');
  assert.equal(String(b.received[0]?.payload).length, whole.length);
  assert.equal(a.send('b', { payload: `${whole}${'x'.repeat(300)}` }), 'TOO_LARGE');

  assert.equal(a.send('small', { payload: 'hello' }), 'queued');
  await until(() => small.received.length === 1, 'a connection to the small one');
  assert.equal(a.send('small', { payload: 'x'.repeat(1024 * 1024) }), 'TOO_LARGE');
  assert.equal(a.counters().tooLarge, 2);
});

test('what is too large for the peer, and waited for it, is told as undelivered', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  await nodes.node('b', { limits: { maxFrameBytes: 8192 } });
  assert.equal(a.send('b', { kind: 'request', ttl: 1000, payload: 'x'.repeat(10_000) }), 'queued');
  await until(() => a.seen('undelivered').length === 1, 'the refusal');
  assert.equal(a.seen('undelivered')[0]?.error.code, 'TOO_LARGE');
  assert.equal(a.network.peers.size, 1);
});

test('many nodes at once, each in its own codec, get the same message encoded once for each', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const names = ['b', 'c', 'd'];
  const others = await Promise.all(
    names.map((name, i) => nodes.node(name, { codecs: [i === 1 ? 'json' : 'msgpack'] })),
  );
  const message = a.stamp.make({ kind: 'event', type: 'news', payload: { n: 1 } });
  assert.deepEqual(a.network.sendMany(message, [...names, 'nobody']), ['queued', 'queued', 'queued', 'NO_ADDRESS']);
  await until(() => others.every((node) => node.received.length === 1), 'the first to all');
  assert.deepEqual(a.network.sendMany(message, names), ['queued', 'queued', 'queued']);
  await until(() => others.every((node) => node.received.length === 2), 'the second to all');
});

test('a payload that cannot be written is refused at once, connected or not', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const b = await nodes.node('b');
  const unwritable = (): unknown => a.send('b', { payload: 10n });
  const isSerialization = (error: unknown): boolean => isNetworkError(error) && error.code === 'SERIALIZATION';
  assert.throws(unwritable, isSerialization);
  a.send('b');
  await until(() => b.received.length === 1, 'the connection');
  assert.throws(unwritable, isSerialization);
});

test('metrics tell what has crossed, of both connections where there are two', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a');
  const b = await nodes.node('b');
  a.send('b');
  b.send('a');
  await until(() => a.received.length + b.received.length === 2, 'both messages');
  await until(() => b.network.metrics().messagesIn === a.network.metrics().messagesOut, 'the counts to agree');
  const [ours, theirs] = [a.network.metrics(), b.network.metrics()];
  assert.equal(ours.transport, 'tcp');
  assert.deepEqual([ours.connections, ours.connected, ours.queuedMessages], [1, 1, 0]);
  assert.equal(ours.messagesIn, theirs.messagesOut);
  assert.equal(ours.bytesIn, theirs.bytesOut);
  assert.deepEqual(ours.errors, {});
});
