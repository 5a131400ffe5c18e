import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { jsonCodec } from '../../src/message/json-codec.js';
import { msgpackCodec } from '../../src/message/msgpack-codec.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

/** How many messages each frame had that a bare peer received. */
function framesOf(socket: WebSocket): number[] {
  const frames: number[] = [];
  socket.on('message', (data) => {
    const value = JSON.parse(String(data));
    frames.push(Array.isArray(value) ? value.length : 1);
  });
  return frames;
}

test('10,000 messages of both directions arrive once each and in order', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ relay: true });
  const member = await nodes.member('worker-1', leader);
  for (let i = 0; i < 10_000; i += 1) {
    assert.equal(member.send({ payload: i }), 'queued');
    assert.equal(leader.send({ to: 'worker-1', payload: i }), 'queued');
    if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => leader.received.length === 10_000 && member.received.length === 10_000, 'all of them');
  for (const node of [leader, member]) {
    assert.deepEqual(
      node.received.map(payloadOf),
      Array.from({ length: 10_000 }, (_, i) => i),
    );
  }
});

test('what one turn sends leaves as two frames at most, then as one; one at a time leaves at once', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const stranger = await nodes.stranger('worker-1', leader.port);
  const frames = framesOf(stranger.socket);
  const total = () => frames.reduce((sum, count) => sum + count, 0);
  const peer = leader.network.peers.get('worker-1');
  const burst = async () => {
    frames.length = 0;
    for (let i = 0; i < 64; i += 1) leader.send({ to: 'worker-1', payload: i });
    await until(() => total() === 64, 'the burst');
    return [...frames];
  };
  assert.deepEqual(await burst(), [1, 63]);
  assert.deepEqual(await burst(), [64], 'a connection in a burst waits for the end of the turn');
  frames.length = 0;
  leader.send({ to: 'worker-1' });
  await until(() => total() === 1, 'the first after the burst');
  for (let i = 0; i < 3; i += 1) {
    const before = peer?.traffic.messagesOut ?? 0;
    leader.send({ to: 'worker-1' });
    assert.equal(peer?.traffic.messagesOut, before + 1, 'written inside the call of send');
    await until(() => total() === i + 2, 'the message');
  }
});

for (const codec of ['json', 'msgpack'] as const) {
  test(`frames around each boundary of length survive both ways in ${codec}`, async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader();
    const member = await nodes.member('worker-1', leader, { codec });
    leader.onMessage = ({ payload }) => leader.send({ to: 'worker-1', payload });
    const empty = member.stamp.make({ kind: 'event', type: 'test', payload: '' });
    const overhead = (codec === 'json' ? jsonCodec : msgpackCodec).encode(empty).bytes;
    for (const bytes of [0, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 700_000]) {
      for (let slack = -2; slack <= 2; slack += 1) {
        const text = 'x'.repeat(Math.max(0, bytes - overhead + slack));
        for (const payload of slack === 0 ? [text, `${text}é€`] : [text]) {
          member.received.length = 0;
          assert.equal(member.send({ payload }), 'queued');
          await until(() => member.received.length === 1, `the echo of ${payload.length} characters`);
          assert.equal(member.received[0]?.payload, payload);
        }
      }
    }
  });
}

test('a message to many is serialised once', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const members = await Promise.all(['a', 'b', 'c', 'd'].map((name) => nodes.member(name, leader)));
  let reads = 0;
  const counting = () => {
    reads = 0;
    return Object.defineProperty({}, 'value', {
      enumerable: true,
      get: () => {
        reads += 1;
        return 7;
      },
    });
  };
  leader.send({ to: 'a', payload: counting() });
  const readsOfOne = reads;
  assert.ok(readsOfOne > 0);
  const message = leader.stamp.make({ kind: 'event', type: 'news', to: '*', payload: counting() });
  const outcomes = leader.network.sendMany(message, ['a', 'b', 'nobody', 'c', 'd']);
  assert.deepEqual(outcomes, ['queued', 'queued', 'UNREACHABLE', 'queued', 'queued']);
  assert.equal(reads, readsOfOne);
  await until(
    () => members.every(({ received }) => received.some(({ type }) => type === 'news')),
    'the news everywhere',
  );
});

test('a peer may not speak for another; the leader may', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const stranger = await nodes.stranger('worker-1', leader.port);
  const member = await nodes.member('worker-2', leader);
  const id = stranger.say({ from: 'worker-2', payload: 'forged' });
  await until(() => stranger.error('message') !== undefined, 'the answer');
  assert.equal(stranger.error('message')?.code, 'INVALID_MESSAGE');
  assert.match(stranger.error('message')?.message ?? '', /from must be worker-1/);
  assert.equal(stranger.error('message')?.re, id);
  assert.equal(leader.network.counters.spoofed, 1);
  assert.equal(leader.received.length, 0);
  leader.send({ from: 'worker-1', to: 'worker-2', payload: 'relayed' });
  await until(() => member.received.length === 1, 'the relayed message');
  assert.equal(member.received[0]?.from, 'worker-1');
});

test('invalid messages are answered, the valid ones beside them delivered, and the sixteenth ends the connection', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const stranger = await nodes.stranger('worker-1', leader.port);
  const honest = await nodes.member('worker-2', leader);
  const valid = { v: 1, id: 'x-1', kind: 'event', type: 'test', from: 'worker-1', ts: 1 };
  stranger.socket.send(JSON.stringify([{ ...valid, id: 'bad-1', ts: 'soon' }, valid]));
  await until(() => stranger.error('message') !== undefined && leader.received.length === 1, 'answer and delivery');
  assert.match(stranger.error('message')?.message ?? '', /\bts\b/);
  assert.equal(stranger.error('message')?.re, 'bad-1');
  assert.equal(leader.network.peers.get('worker-1')?.traffic.errors, 1);
  for (let i = 2; i <= 15; i += 1) stranger.socket.send('nonsense');
  await until(() => leader.network.counters.invalidMessages === 15, 'fifteen of them');
  assert.equal(leader.network.peers.has('worker-1'), true);
  stranger.socket.send('{}');
  await until(() => stranger.closeCode !== undefined, 'the close');
  assert.equal(stranger.closeCode, 4400);
  assert.match(stranger.error('connection')?.message ?? '', /16 invalid messages/);
  assert.equal(leader.network.counters.faultyClosed, 1);
  assert.equal(leader.seen('disconnected')[0]?.peer.node, 'worker-1');
  assert.equal(leader.seen('disconnected')[0]?.left, false);
  honest.send({ payload: 'still here' });
  await until(() => leader.received.length === 2, 'the honest one');
});

test('invalid messages far apart are forgiven', async () => {
  await using nodes = new Nodes();
  const limits = { faultWindowMs: 20, sweepMs: 10, maxFaults: 2 };
  const leader = await nodes.leader({ limits });
  const stranger = await nodes.stranger('worker-1', leader.port);
  const errors = () => stranger.messages.filter(({ kind }) => kind === 'error').length;
  for (let i = 1; i <= 3; i += 1) {
    stranger.socket.send('nonsense');
    await until(() => errors() === i, 'the answer');
    // Two sweeps more than the window, for what the network's own time may be behind ours.
    await leader.awake(limits.faultWindowMs + 2 * limits.sweepMs, limits.sweepMs);
  }
  assert.equal(stranger.closeCode, undefined);
});

test('frames too large, too deep, in too many fragments or binary cost their sender the connection at most', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxFrameBytes: 64 * 1024 } });
  const large = await nodes.stranger('large', leader.port);
  large.socket.send(JSON.stringify('x'.repeat(70_000)));
  await until(() => large.closeCode !== undefined, 'the close of the large');
  assert.equal(large.closeCode, 1009);
  const bomb = await nodes.stranger('bomb', leader.port);
  for (let i = 0; i < 100; i += 1) bomb.socket.send('[', { fin: false });
  await until(() => bomb.closeCode !== undefined, 'the close of the fragments');
  assert.equal(bomb.closeCode, 1008);
  assert.equal(leader.network.counters.framingErrors, 2);
  const deep = await nodes.stranger('deep', leader.port);
  deep.say({ payload: JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) });
  await until(() => deep.error('message') !== undefined, 'the answer to the deep');
  assert.match(deep.error('message')?.message ?? '', /deep|depth|nest/i);
  deep.socket.send(randomBytes(100), { binary: true });
  await until(() => deep.messages.filter(({ kind }) => kind === 'error').length === 2, 'the answer to the binary');
  assert.equal(deep.closeCode, undefined);
  assert.equal(leader.received.length, 0);
  assert.equal(leader.seen('disconnected').length, 2);
});

test('a message larger than the peer takes is refused where it is sent', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxFrameBytes: 64 * 1024 } });
  const member = await nodes.member('worker-1', leader);
  assert.equal(member.send({ payload: 'x'.repeat(70_000) }), 'TOO_LARGE');
  assert.equal(member.network.counters.tooLarge, 1);
  assert.equal(leader.send({ to: 'worker-1', payload: 'x'.repeat(70_000) }), 'queued', 'the member takes 1 MiB');
  await until(() => member.received.length === 1, 'the large message');
  assert.throws(() => member.send({ payload: { huge: 1n } }), { code: 'SERIALIZATION' });
});

test('pings are answered, but not for a peer that does not read the answers', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const polite = await nodes.stranger('polite', leader.port);
  let pongs = 0;
  polite.socket.on('pong', () => {
    pongs += 1;
  });
  for (let i = 0; i < 5; i += 1) polite.socket.ping();
  await until(() => pongs === 5, 'the pongs');
  const rude = await nodes.stranger('rude', leader.port);
  rude.socket.pause();
  for (let i = 0; i < 5_000; i += 1) rude.socket.ping('x'.repeat(125));
  await until(() => !leader.network.peers.has('rude'), 'the end of the flood');
  assert.equal(leader.network.counters.pingFloods, 1);
  assert.equal(leader.network.peers.has('polite'), true);
});

test('a handler that throws breaks nobody', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const member = await nodes.member('worker-1', leader);
  leader.onMessage = () => {
    throw new Error('a fault of the program');
  };
  member.send({});
  member.send({});
  await until(() => leader.received.length === 2, 'both');
  assert.equal(leader.network.peers.size, 1);
});
