import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { frameOf, TcpNodes } from './tcp-nodes.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const KIBIBYTE = 1024;
/** The first is one too many, and of the others eight are earned in a second. */
const limits = { refusedBurstBytes: 8 * KIBIBYTE, refusedBytesPerSecond: 128 * KIBIBYTE };
const FRAMES = 12;
/** Deeper than a payload may be. */
const deep = '['.repeat(16 * KIBIBYTE);
const invalid = (from: string): string =>
  `{"v":1,"id":"a-1","kind":"event","type":"x","from":"${from}","ts":1,"payload":${deep}`;

test('WebSocket: who sends much that is invalid waits, others are answered meanwhile, and it is read again', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits });
  const honest = await nodes.member('honest', leader);
  const evil = await nodes.stranger('evil', leader.port);
  const { counters } = leader.network;
  for (let i = 0; i < FRAMES; i += 1) evil.socket.send(invalid('evil'));
  evil.say({ type: 'valid' });
  await until(() => counters.refusedPauses > 0, 'the pause');
  leader.onMessage = (message) => {
    if (message.from === 'honest') leader.send({ to: 'honest', type: 'answer' });
  };
  honest.send({ type: 'question' });
  await until(() => honest.received.length === 1, 'the answer');
  assert.ok(counters.invalidMessages < FRAMES, 'before all of them were read');
  await until(() => leader.received.some(({ type }) => type === 'valid'), 'what came behind them');
  assert.equal(counters.invalidMessages, FRAMES);
});

test('TCP: the same', async () => {
  await using nodes = new TcpNodes();
  const node = await nodes.node('a', { limits });
  const honest = await nodes.node('honest');
  const evil = await nodes.member('evil', node.port);
  for (let i = 0; i < FRAMES; i += 1) evil.socket.write(frameOf(invalid('evil')));
  evil.say({ type: 'valid' });
  await until(() => node.counters().refusedPauses > 0, 'the pause');
  await honest.network.ping('a');
  assert.ok(node.counters().invalidMessages < FRAMES, 'before all of them were read');
  await until(() => node.received.some(({ type }) => type === 'valid'), 'what came behind them');
  assert.equal(node.counters().invalidMessages, FRAMES);
});
