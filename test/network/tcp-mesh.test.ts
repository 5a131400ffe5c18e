import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { Endpoint } from '../../src/network/endpoint.js';
import type { ByteStream } from '../../src/network/streams/byte-stream.js';
import { assertNothingLeft } from '../leaks.js';
import { closed, type TcpNode, TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

const TYPES = ['connected', 'disconnected', 'interrupted'] as const;
const historyOf = (node: TcpNode): string[] =>
  node.events.map(({ type }) => type).filter((type) => (TYPES as readonly string[]).includes(type));

/** Two nodes that have dialled each other at the same time. */
async function crossed(nodes: TcpNodes): Promise<[TcpNode, TcpNode]> {
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  a.send('b', { payload: 'a' });
  b.send('a', { payload: 'b' });
  await until(() => a.received.length === 1 && b.received.length === 1, 'both');
  return [a, b];
}

test('two that dial each other at once are one peer to each other, and each hears the other in order', async () => {
  await using nodes = new TcpNodes();
  for (let round = 0; round < 10; round += 1) {
    const names = [`a${round}`, `b${round}`] as const;
    const [a, b] = [await nodes.node(names[0]), await nodes.node(names[1])];
    const expected = Array.from({ length: 200 }, (_, i) => i);
    for (const i of expected) {
      assert.equal(a.send(names[1], { payload: i }), 'queued');
      assert.equal(b.send(names[0], { payload: i }), 'queued');
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => a.received.length === 200 && b.received.length === 200, 'everything');
    assert.deepEqual([a.payloads, b.payloads], [expected, expected]);
    await a.network.stop();
    await until(() => b.network.peers.size === 0, 'the end');
    assert.deepEqual(historyOf(b), ['connected', 'disconnected']);
    assert.equal(b.seen('disconnected')[0]?.left, true);
  }
});

test('with two connections the end of one is no end of the peer; of the one that is written to it is told', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const sides: Socket[] = [];
  const port = await nodes.server((socket) => sides.push(socket));
  nodes.addresses.set('x', `127.0.0.1:${port}`);
  // b dials x, and while that goes on x dials b: the accepted connection is the first to be open.
  assert.equal(b.send('x', { payload: 'waited' }), 'queued');
  const accepted = await nodes.member('x', b.port);
  await until(() => accepted.messages.some(({ payload }) => (payload as unknown) === 'waited'), 'what waited');
  await until(() => sides.length === 1, 'the dialled connection');
  const dialled = nodes.adopt('x', sides[0] as Socket);
  dialled.welcome('abcdef');
  dialled.say({ payload: 'over the second' });
  await until(() => b.received.length === 1, 'a message over the second');
  b.send('x', { payload: 'over the first' });
  await until(() => accepted.messages.some(({ payload }) => (payload as unknown) === 'over the first'), 'the first');

  accepted.socket.destroy();
  await until(() => b.seen('interrupted').length === 1, 'the interruption');
  assert.equal(b.network.peers.size, 1);
  b.send('x', { payload: 'now over the second' });
  await until(() => dialled.messages.some(({ payload }) => (payload as unknown) === 'now over the second'), 'it');
  dialled.socket.destroy();
  await until(() => b.network.peers.size === 0, 'the end');
  assert.deepEqual(historyOf(b), ['connected', 'interrupted', 'disconnected']);
});

test('requests that went over the connection that has ended do not wait for their time to be over', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const endpoint = new Endpoint({ network: b.network });
  const first = await nodes.member('x', b.port);
  const asked = endpoint.request({ type: 'ask', to: 'x' }, { timeoutMs: 60_000 });
  const pinged = b.network.ping('x', { timeoutMs: 60_000 });
  const ends = Promise.all([asked, pinged].map((promise) => assert.rejects(promise, { code: 'CLOSED' })));
  await until(() => first.messages.length === 3, 'the request and the ping');
  await nodes.member('x', b.port);
  await ends;
  assert.equal(b.network.peers.size, 1);
  await endpoint.stop();
});

test('a peer that was started again takes the place of what it was, which does not answer', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const first = await nodes.member('x', b.port, { instance: 'one' });
  const second = await nodes.member('x', b.port, { instance: 'two' });
  await closed(first.socket);
  assert.deepEqual(historyOf(b), ['connected', 'disconnected', 'connected']);
  assert.equal(b.network.peers.get('x')?.instance, 'two');
  second.say({ payload: 1 });
  await until(() => b.received.length === 1, 'the second');
  assert.equal(b.counters().replaced, 1);
});

test('a second connection that the same process dials replaces its first', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const first = await nodes.member('x', b.port);
  const second = await nodes.member('x', b.port);
  await closed(first.socket);
  b.send('x', { payload: 1 });
  await until(() => second.messages.length === 2, 'a message over the second');
  assert.deepEqual(historyOf(b), ['connected', 'interrupted']);
  assert.equal(b.counters().replaced, 1);
});

test('nothing more is written to a peer that has said goodbye, though its connection is still there', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const stranger = await nodes.member('x', b.port);
  assert.equal(b.send('x'), 'queued');
  stranger.say({ kind: 'control', type: 'goodbye' });
  stranger.say({ payload: 'last words' });
  await until(() => b.received.length === 1, 'what came behind the goodbye');
  assert.equal(b.send('x'), 'NO_ADDRESS');
  assert.equal(b.network.peers.size, 1);
  stranger.socket.end();
  await until(() => b.seen('disconnected').length === 1, 'the end');
  assert.equal(b.seen('disconnected')[0]?.left, true);
});

test('a ping is answered by the node that was asked, and by no other', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const [asked, other] = [await nodes.member('x', b.port), await nodes.member('y', b.port)];
  const pong = b.network.ping('x', { timeoutMs: 5000 });
  await until(() => asked.messages.some(({ type }) => type === 'ping'), 'the ping');
  const re = asked.messages.find(({ type }) => type === 'ping')?.id;
  const answer = { kind: 'control', type: 'pong', to: 'b', re };
  other.say({ ...answer, payload: { node: 'x', leader: 'y' } });
  other.say({ payload: 'behind it' });
  await until(() => b.received.length === 1, 'the other one to be heard');
  asked.say({ ...answer, payload: { node: 'x', leader: 'No Name!' } });
  assert.deepEqual({ ...(await pong), rttMs: 0 }, { node: 'x', rttMs: 0, leader: undefined });
  asked.say(answer);
  asked.say({ kind: 'control', type: 'ping' });
  await until(() => asked.messages.some(({ type }) => type === 'pong'), 'a pong');
});

test('a ping is given a time that can be told to the other side', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  for (const timeoutMs of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    await assert.rejects(a.network.ping('b', { timeoutMs }), { code: 'INVALID_OPTION', message: /^timeoutMs: / });
  }
  assert.equal(b.counters().invalidMessages, 0);
});

test('a connection that fails is made anew when there is something to send', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  for (let i = 0; i < 3; i += 1) {
    a.send('b', { payload: i });
    await until(() => b.received.length === i + 1, `message ${i}`);
    b.network.disconnect('a', new NetworkError('CLOSED', 'a test ends it'));
    await until(() => a.network.peers.size === 0, 'the end');
  }
  assert.equal(a.seen('connected').length, 3);
  assert.match(a.seen('disconnected')[0]?.error.message ?? '', /a test ends it/);
});

test('connections that nothing crosses are ended with a goodbye, and count as left on both sides', async () => {
  await using nodes = new TcpNodes();
  const options = { idleMs: 100, limits: { sweepMs: 20, ackDelayMs: 20 } };
  const [a, b] = [await nodes.node('a', options), await nodes.node('b', { limits: options.limits })];
  a.send('b');
  await until(() => b.received.length === 1, 'the message');
  await until(() => a.network.peers.size === 0 && b.network.peers.size === 0, 'the end');
  assert.deepEqual([a.seen('disconnected')[0]?.left, b.seen('disconnected')[0]?.left], [true, true]);
  assert.deepEqual([a.network.metrics().errors, b.network.metrics().errors], [{}, {}]);
  assert.deepEqual([a.counters().idleClosed, b.counters().idleClosed], [1, 0]);
  a.send('b');
  await until(() => b.received.length === 2, 'a message over a new one');
});

test('a connection over which an answer is awaited is not idle, on either side', async () => {
  await using nodes = new TcpNodes();
  const options = { idleMs: 60, limits: { sweepMs: 10, ackDelayMs: 10 } };
  const [a, b] = [await nodes.node('a', options), await nodes.node('b', options)];
  a.send('b', { kind: 'request', ttl: 300 });
  await until(() => b.received.length === 1, 'the request');
  const asked = performance.now();
  await until(() => a.network.peers.size === 0 && b.network.peers.size === 0, 'the end');
  assert.ok(performance.now() - asked >= 200, 'it was kept for as long as somebody waited');
});

test('a connection is not idle while the handler of a body that took long to come is at work', async () => {
  await using nodes = new TcpNodes();
  const options = { idleMs: 60, limits: { sweepMs: 10, ackDelayMs: 10 } };
  const [a, b] = [await nodes.node('a', options), await nodes.node('b', options)];
  const [asking, answering] = [a, b].map(({ network }) => new Endpoint({ network })) as [Endpoint, Endpoint];
  answering.handle({
    async handle(_message, { body }) {
      for await (const _piece of body as ByteStream);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return 'done';
    },
  });
  const slow = async function* () {
    for (let i = 0; i < 15; i += 1) {
      yield Buffer.alloc(1000);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };
  const answer = await asking.request({ type: 'store', to: 'b', body: slow() }, { timeoutMs: 400 });
  assert.equal(payloadOf(answer), 'done');
  assert.deepEqual([a.counters().idleClosed, b.counters().idleClosed], [0, 0]);
  await Promise.all([asking.stop(), answering.stop()]);
});

test('beyond as many nodes as may be dialled the one that idles longest makes room', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', { limits: { maxDialled: 2, sweepMs: 20, ackDelayMs: 20 } });
  const [b, c, d] = [await nodes.node('b'), await nodes.node('c'), await nodes.node('d')];
  a.send('b');
  await until(() => b.received.length === 1, 'b');
  a.send('c');
  await until(() => c.received.length === 1, 'c');
  await a.swept(2);
  a.send('b');
  await until(() => b.received.length === 2, 'b again');
  await a.swept(2);
  a.send('d');
  await until(() => d.received.length === 1, 'd');
  assert.deepEqual([...a.network.peers.keys()].sort(), ['b', 'd']);
  assert.equal(c.seen('disconnected')[0]?.left, true);
  assert.equal(a.counters().crowdedOut, 1);

  a.send('b', { kind: 'request', ttl: 60_000 });
  a.send('d', { kind: 'request', ttl: 60_000 });
  assert.equal(a.send('c'), 'BACKPRESSURE');
  assert.equal(a.counters().dialledFull, 1);
});

test('a peer that ends its side only is gone, and with it the other side', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const stranger = await nodes.member('x', b.port);
  stranger.socket.allowHalfOpen = true;
  stranger.socket.write(stranger.frame({ payload: 1 }).subarray(0, 10));
  stranger.socket.end();
  await until(() => stranger.ended, 'the other side');
  await until(() => b.seen('disconnected').length === 1, 'the end');
  assert.match(b.seen('disconnected')[0]?.error.message ?? '', /in the middle of a frame/);
  assert.equal(b.seen('disconnected')[0]?.left, false);
});

test('a peer that does not end its side when this one does is cut off', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { limits: { closeTimeoutMs: 50 } });
  const stranger = await nodes.member('x', b.port);
  stranger.socket.allowHalfOpen = true;
  stranger.socket.removeAllListeners('end');
  stranger.socket.pause();
  b.network.disconnect('x', new NetworkError('CLOSED', 'a test ends it'));
  await until(() => b.clock.pending === 1, 'nothing but the sweep to be pending');
  await b.network.stop();
  assert.equal(b.counters().terminatedAtStop, 0);
});

test('a peer that does not read is congested, then dropped, and delays nobody', async () => {
  await using nodes = new TcpNodes();
  const limits = { stallMs: 300, sweepMs: 20, windowBytes: 64 * 1024, congestedBytes: 64 * 1024, drainedBytes: 1024 };
  const b = await nodes.node('b', { limits: { ...limits, maxQueuedBytes: 256 * 1024 } });
  const slow = await nodes.member('slow', b.port);
  const quick = await nodes.node('quick', { limits: { ackDelayMs: 20, sweepMs: 20 } });
  slow.socket.pause();
  const payload = 'x'.repeat(10_000);
  let outcome = b.send('slow', { payload });
  for (let i = 0; i < 100 && outcome === 'queued'; i += 1) outcome = b.send('slow', { payload });
  assert.equal(outcome, 'BACKPRESSURE');
  b.send('quick', { payload: 1 });
  await until(() => quick.received.length === 1, 'the other one');
  await until(() => b.seen('disconnected').length === 1, 'the end');
  assert.equal(b.seen('disconnected')[0]?.error.code, 'SLOW_PEER');
  assert.equal(b.seen('congested').length, 1);
});

test('a peer that was congested is drained when another of its connections takes over', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const first = await nodes.member('x', b.port);
  // It acknowledges nothing.
  while (b.seen('congested').length === 0) b.send('x', { payload: 'x'.repeat(100_000) });
  await nodes.member('x', b.port);
  await closed(first.socket);
  const types = b.events.map(({ type }) => type);
  assert.deepEqual(types, ['connected', 'congested', 'interrupted', 'drained']);
});

test('two at once that stop say goodbye, whichever is first', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = await crossed(nodes);
  await Promise.all([a.network.stop(), b.network.stop()]);
  for (const node of [a, b]) {
    assert.deepEqual(historyOf(node), ['connected', 'disconnected']);
    assert.equal(node.counters().terminatedAtStop, 0);
    assert.equal(node.network.peers.size, 0);
  }
});

test('what was queued before a stop arrives', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = await crossed(nodes);
  for (let i = 0; i < 500; i += 1) a.send('b', { payload: 'x'.repeat(1000) });
  await a.network.stop({ graceMs: 5000 });
  await until(() => b.received.length === 501, 'everything');
  assert.equal(b.seen('disconnected')[0]?.left, true);
});
