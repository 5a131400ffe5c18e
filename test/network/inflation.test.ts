import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes } from './tcp-nodes.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const KIBIBYTE = 1024;
/** 64 KiB of spaces for about 150 bytes. */
const deflate = deflateRawSync(JSON.stringify(' '.repeat(64 * KIBIBYTE))).toString('base64');
/** Sixteen of them at once, then sixteen a second. */
const limits = { inflationBurstBytes: KIBIBYTE * KIBIBYTE, inflationBytesPerSecond: KIBIBYTE * KIBIBYTE };
const FRAMES = 40;

/** All of one chunk, so that they would be taken in one go. */
const types = Array.from({ length: FRAMES }, (_, i) => `bomb-${i}`);

test('WebSocket: who has more inflated than its share waits, and others are answered meanwhile', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits });
  const honest = await nodes.member('honest', leader);
  const evil = await nodes.stranger('evil', leader.port, { subprotocol: 'netmgr.v1.json+deflate' });
  for (const type of types) evil.say({ type, deflate });
  const { counters } = leader.network;
  await until(() => counters.inflationPauses > 0, 'the pause');
  leader.onMessage = (message) => {
    if (message.from === 'honest') leader.send({ to: 'honest', type: 'answer' });
  };
  honest.send({ type: 'question' });
  await until(() => honest.received.length === 1, 'the answer');
  const bombs = () => leader.received.filter(({ from }) => from === 'evil').map(({ type }) => type);
  assert.ok(bombs().length < FRAMES, 'before all of them were read');
  await until(() => bombs().length === FRAMES, 'the rest');
  assert.deepEqual(bombs(), types);
  assert.equal(counters.inflationPauses, 1);
});

test('TCP: the same', async () => {
  await using nodes = new TcpNodes();
  const node = await nodes.node('a', { limits });
  const honest = await nodes.node('honest', { limits });
  const evil = await nodes.member('evil', node.port, { codecs: ['json+deflate'] });
  evil.socket.write(Buffer.concat(types.map((type) => evil.frame({ type, deflate }))));
  await until(() => node.counters().inflationPauses > 0, 'the pause');
  const bombs = () => node.received.filter(({ from }) => from === 'evil').map(({ type }) => type);
  await honest.network.ping('a');
  assert.ok(bombs().length < FRAMES, 'before all of them were read');
  await until(() => bombs().length === FRAMES, 'the rest');
  assert.deepEqual(bombs(), types);
});

test('what was sent before a goodbye arrives, however much it inflates to', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits });
  const member = await nodes.member('thrifty', leader, { compression: true });
  for (const type of types) assert.equal(member.send({ type, payload: ' '.repeat(64 * KIBIBYTE) }), 'queued');
  await member.network.stop();
  await until(() => leader.seen('disconnected').length === 1, 'the end');
  assert.deepEqual(
    leader.received.map(({ type }) => type),
    types,
  );
  assert.equal(leader.seen('disconnected')[0]?.left, true);
  assert.ok(leader.network.counters.inflationPauses > 0);
});

test('who stops while a peer is not read leaves nothing behind', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits });
  const evil = await nodes.stranger('evil', leader.port, { subprotocol: 'netmgr.v1.json+deflate' });
  for (const type of types) evil.say({ type, deflate });
  await until(() => leader.network.counters.inflationPauses > 0, 'the pause');
  await leader.network.stop();
  assert.equal(leader.clock.pending, 0);
  assert.equal(leader.network.counters.terminatedAtStop, 0);
});
