import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { unpack } from 'msgpackr';
import type { NetworkMessage } from '../../src/message/message.js';
import { payloadOf, RawPayload } from '../../src/message/raw-payload.js';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import { assertNothingLeft } from '../leaks.js';
import { bomb, compressed, DEFLATE_CODECS } from '../message/deflate-frames.js';
import { type Node, Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const KIBIBYTE = 1024;
const rows = (count: number): unknown =>
  Array.from({ length: count }, (_, i) => ({ id: `job-${i}`, host: `worker-${i % 17}.example.org`, ok: i % 3 > 0 }));

/** How many bytes it takes from one to the other until it has arrived there. */
async function bytesOf(from: Node, to: Node, message: Partial<NetworkMessage>): Promise<number> {
  const peer = [...from.network.peers.values()].find(({ node }) => node === to.network.self);
  const before = peer?.traffic.bytesOut ?? 0;
  to.received.length = 0;
  assert.equal(from.send(message), 'queued');
  await until(() => to.received.length === 1, 'the message');
  assert.deepEqual(payloadOf(to.received[0] as NetworkMessage), message.payload);
  return (peer?.traffic.bytesOut ?? 0) - before;
}

for (const codec of ['json', 'msgpack'] as const) {
  test(`${codec}: payloads are compressed both ways if the dialler asks, and no others`, async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader();
    const [thrifty, plain] = await Promise.all([
      nodes.member('thrifty', leader, { codec, compression: true }),
      nodes.member('plain', leader, { codec }),
    ]);
    const payload = rows(200);
    for (const [from, to] of [
      [leader, 'thrifty'],
      [thrifty, 'leader'],
    ] as const) {
      const receiver = from === leader ? thrifty : leader;
      assert.ok((await bytesOf(from, receiver, { to, payload })) < 4 * KIBIBYTE);
    }
    assert.ok((await bytesOf(leader, plain, { to: 'plain', payload })) > 8 * KIBIBYTE);
    assert.ok((await bytesOf(plain, leader, { payload })) > 8 * KIBIBYTE);
  });
}

test('a listener that compresses nothing is spoken to without', async () => {
  await using nodes = new Nodes();
  const authenticator = new LoopbackAuthenticator();
  const listen = [{ name: 'tcp', host: '127.0.0.1', port: 0, authenticator, compression: false }];
  const leader = await nodes.leader({ listen });
  const member = await nodes.member('worker-1', leader, { compression: true });
  assert.ok((await bytesOf(leader, member, { to: 'worker-1', payload: rows(200) })) > 8 * KIBIBYTE);
  const insisting = nodes.webSocket(leader.port, { subprotocol: 'netmgr.v1.json+deflate' });
  const refused = await new Promise((resolve) =>
    insisting.once('unexpected-response', (_, { statusCode }) => resolve(statusCode)),
  );
  assert.equal(refused, 426);
});

test('a relay hands each member the payload in the form that it takes', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ relay: true });
  const sender = await nodes.member('sender', leader, { compression: true });
  const forms = [
    { codec: 'json', compression: true },
    { codec: 'json', compression: false },
    { codec: 'msgpack', compression: true },
    { codec: 'msgpack', compression: false },
  ] as const;
  const members = await Promise.all(forms.map((form, i) => nodes.member(`member-${i}`, leader, form)));
  const payload = { list: rows(100), bytes: new Uint8Array(2000) };
  let arrived: unknown;
  leader.onMessage = (message) => {
    arrived = message.payload;
    const outcomes = leader.network.sendMany(
      message,
      members.map(({ network }) => network.self),
    );
    assert.deepEqual(new Set(outcomes), new Set(['queued']));
  };
  sender.send({ payload });
  await until(() => members.every(({ received }) => received.length === 1), 'all of them');
  assert.ok(arrived instanceof RawPayload && arrived.deflated !== undefined);
  for (const { received } of members) assert.deepEqual(received[0]?.payload, payload);
});

test('what one turn sends is parted into frames that the peer takes when it has inflated them', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxFrameBytes: 64 * KIBIBYTE } });
  const member = await nodes.member('worker-1', leader, { compression: true });
  const texts = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(20 * KIBIBYTE));
  for (const payload of texts) assert.equal(member.send({ payload }), 'queued');
  await until(() => leader.received.length === texts.length, 'all of them');
  assert.deepEqual(leader.received.map(payloadOf), texts);
  assert.equal(leader.network.counters.invalidMessages, 0);
  assert.equal(member.send({ payload: ' '.repeat(64 * KIBIBYTE) }), 'TOO_LARGE');
  assert.equal(member.network.counters.tooLarge, 1);
});

for (const codec of DEFLATE_CODECS) {
  test(`${codec.name}: nothing is inflated for a stranger`, async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader();
    const socket = nodes.webSocket(leader.port, { subprotocol: `netmgr.v1.${codec.name}` });
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const answered = new Promise<{ payload: unknown }>((resolve) =>
      socket.once('message', (data) => resolve(codec.binary ? unpack(data as Buffer) : JSON.parse(String(data)))),
    );
    socket.send(compressed(codec, bomb(codec, 1)), { binary: codec.binary });
    const { payload } = await answered;
    assert.deepEqual(payload, {
      code: 'INVALID_MESSAGE',
      message: 'deflate: this connection has not agreed on compression',
    });
    assert.equal(await closed, 4400);
  });
}

test('bombs are answered by name, end the connection of whoever goes on, and do not touch others', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { refusedBurstBytes: 16 * KIBIBYTE * KIBIBYTE } });
  const honest = await nodes.member('honest', leader, { compression: true });
  const evil = await nodes.stranger('evil', leader.port, { subprotocol: 'netmgr.v1.json+deflate' });
  const deflate = bomb(DEFLATE_CODECS[0], 500).toString('base64');
  for (let i = 0; i < 16; i += 1) evil.say({ deflate });
  await until(() => evil.closeCode !== undefined, 'the end of the connection');
  assert.match(evil.error('message')?.message ?? '', /^a frame that inflates to more than 1048576 bytes, the limit$/);
  assert.equal(evil.error('message')?.code, 'TOO_LARGE');
  assert.deepEqual([evil.closeCode, leader.network.counters.faultyClosed], [4400, 1]);
  assert.equal(leader.received.length, 0);
  await bytesOf(honest, leader, { payload: rows(50) });
});

test('a hello may say what it says in a compressing subprotocol as well, uncompressed', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const stranger = await nodes.stranger('worker-1', leader.port, { subprotocol: 'netmgr.v1.json+deflate' });
  assert.ok(stranger.messages[0]?.payload['version']);
  const payload = 'x'.repeat(2000);
  stranger.say({ deflate: deflateRawSync(JSON.stringify(payload)).toString('base64') });
  stranger.say({ payload });
  await until(() => leader.received.length === 2, 'both');
  assert.deepEqual(leader.received.map(payloadOf), [payload, payload]);
  leader.send({ to: 'worker-1', payload });
  await until(() => stranger.messages.length === 2, 'the answer');
  assert.equal('payload' in (stranger.messages[1] as object), false);
});
