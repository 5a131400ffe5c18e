import assert from 'node:assert/strict';
import { test } from 'node:test';
import { payloadOf } from '../../src/message/raw-payload.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const KIB = 1024;

test('a peer that does not read is congested, refused, then dropped, and delays nobody else', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { stallMs: 1_500, sweepMs: 50, ackDelayMs: 100 } });
  const slow = await nodes.stranger('slow', leader.port);
  const quick = await nodes.member('quick', leader, { limits: { ackDelayMs: 100, sweepMs: 50 } });
  slow.socket.pause();
  const payload = 'x'.repeat(64 * KIB);
  let refused = 0;
  for (let i = 0; i < 200; i += 1) if (leader.send({ to: 'slow', payload }) === 'BACKPRESSURE') refused += 1;
  assert.ok(refused > 40, `${refused} of 200 were refused: 1 MiB on the way and 8 MiB queued is all`);
  assert.equal(leader.network.counters.backpressure, refused);
  await until(() => leader.seen('congested').length === 1, 'congestion');
  assert.equal(leader.seen('congested')[0]?.peer.node, 'slow');
  const written = leader.network.peers.get('slow')?.traffic.bytesOut ?? 0;
  assert.ok(written < 1.5 * KIB * KIB, `${written} bytes were dispatched without an acknowledgement`);
  let sent = 0;
  while (leader.network.peers.has('slow')) {
    assert.equal(leader.send({ to: 'quick', payload: sent }), 'queued');
    sent += 1;
    await until(() => quick.received.length === sent, 'the message of the quick one');
  }
  assert.equal(leader.seen('disconnected')[0]?.error.code, 'SLOW_PEER');
  assert.equal(leader.network.counters.slowPeers, 1);
  assert.ok(sent > 10);
  assert.equal(leader.network.peers.has('quick'), true);
});

test('congestion ends when the peer reads on, and nothing is lost', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { sweepMs: 50 } });
  const member = await nodes.member('worker-1', leader);
  const payload = 'x'.repeat(32 * KIB);
  for (let i = 0; i < 100; i += 1) assert.equal(leader.send({ to: 'worker-1', payload: `${i} ${payload}` }), 'queued');
  await until(() => leader.seen('drained').length === 1, 'the drain');
  assert.deepEqual(
    leader.events.slice(1).map(({ type }) => type),
    ['congested', 'drained'],
  );
  await until(() => member.received.length === 100, 'everything');
  assert.deepEqual(
    member.received.map((message) => Number.parseInt(String(payloadOf(message)), 10)),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test('two peers that fill each other do not wait for each other for ever', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { windowBytes: 64 * KIB } });
  const member = await nodes.member('worker-1', leader, { limits: { windowBytes: 64 * KIB } });
  const payload = 'x'.repeat(16 * KIB);
  for (let i = 0; i < 100; i += 1) {
    leader.send({ to: 'worker-1', payload });
    member.send({ payload });
  }
  await until(() => leader.received.length === 100 && member.received.length === 100, 'everything');
});

test('idle peers fall silent: nobody acknowledges acknowledgements', async () => {
  await using nodes = new Nodes();
  const limits = { sweepMs: 10, ackDelayMs: 20, stallMs: 200 };
  const leader = await nodes.leader({ limits });
  const member = await nodes.member('worker-1', leader, { limits });
  member.send({ payload: 1 });
  const traffic = leader.network.peers.get('worker-1')?.traffic;
  assert.ok(traffic);
  // hello, the event and the acknowledgement of the welcome came in; the welcome and one acknowledgement went out.
  await until(() => traffic.messagesIn >= 3 && traffic.messagesOut >= 2, 'the acknowledgements');
  const before = { ...traffic };
  await leader.awake(3 * limits.stallMs, limits.sweepMs);
  assert.deepEqual({ ...traffic }, before);
  assert.equal(leader.network.peers.has('worker-1'), true, 'silence is no stall');
  assert.equal(member.network.upstream, 'leader');
});

test('idle peers that heartbeat acknowledge none of it, and owe nothing for it', async () => {
  await using nodes = new Nodes();
  const limits = { sweepMs: 10, ackDelayMs: 20, stallMs: 200 };
  const leader = await nodes.leader({ limits });
  const member = await nodes.member('worker-1', leader, { limits });
  const traffic = leader.network.peers.get('worker-1')?.traffic;
  assert.ok(traffic);
  await until(() => traffic.messagesIn >= 2, 'the acknowledgement of the welcome');
  // What either side owes for the greeting may be said in one message or in two.
  await leader.awake(10 * limits.ackDelayMs, limits.sweepMs);
  const before = { ...traffic };
  for (let beat = 1; beat <= 20; beat += 1) {
    member.send({ kind: 'heartbeat', type: 'heartbeat' });
    await until(() => leader.received.length === beat, 'the heartbeat');
    leader.send({ kind: 'heartbeat', type: 'heartbeat', to: 'worker-1' });
    await until(() => member.received.length === beat, 'its answer');
    await leader.awake(2 * limits.ackDelayMs, limits.sweepMs);
  }
  assert.equal(traffic.messagesIn - before.messagesIn, 20);
  assert.equal(traffic.messagesOut - before.messagesOut, 20);
  assert.equal(leader.network.peers.has('worker-1'), true);
  assert.equal(member.network.upstream, 'leader');
});

test('a heartbeat takes a due acknowledgement along in its own frame', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { ackDelayMs: 60_000 } });
  const stranger = await nodes.stranger('worker-1', leader.port);
  stranger.say({ payload: 'x'.repeat(1_000) });
  await until(() => leader.received.length === 1, 'the event');
  leader.send({ kind: 'heartbeat', type: 'heartbeat', to: 'worker-1' });
  await until(() => stranger.messages.some(({ type }) => type === 'heartbeat'), 'the heartbeat');
  const ack = stranger.messages.find(({ type }) => type === 'ack');
  assert.equal(ack?.kind, 'control');
  const bytesIn = leader.network.peers.get('worker-1')?.traffic.bytesIn;
  assert.equal(ack?.payload['bytes'], bytesIn);
  leader.send({ kind: 'heartbeat', type: 'heartbeat', to: 'worker-1' });
  await until(() => stranger.messages.filter(({ type }) => type === 'heartbeat').length === 2, 'the second');
  assert.equal(stranger.messages.filter(({ type }) => type === 'ack').length, 1);
});

test('an acknowledgement that is no number is an error', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ relay: true });
  const stranger = await nodes.stranger('worker-1', leader.port);
  stranger.say({ kind: 'control', type: 'ack', payload: { bytes: -1 } });
  await until(() => stranger.error('message') !== undefined, 'the answer');
  assert.match(stranger.error('message')?.message ?? '', /ack\.bytes/);
});
