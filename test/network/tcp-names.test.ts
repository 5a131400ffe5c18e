import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { type TcpNode, TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

/** Has it send to `b` until that is so, as a program does that does not give up. */
async function insist(node: TcpNode, condition: () => boolean): Promise<number> {
  let sends = 0;
  await until(() => {
    node.send('b', { payload: node.network.self });
    sends += 1;
    return condition();
  }, 'what it insists on');
  return sends;
}

const dials = { listen: [] } as const;

test('of two processes of one name the one that is there stays, and the other is told', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const first = await nodes.node('x', dials);
  const second = await nodes.node('x', dials);
  await first.network.ping('b');
  const { instance } = b.network.peers.get('x') ?? {};
  const sends = await insist(second, () => second.seen('unreachable').length >= 4);
  for (const { error } of second.seen('unreachable')) {
    assert.equal(error.code, 'NAME_IN_USE');
    assert.match(error.message, /^b: the name x is held by another process, at 127\.0\.0\.1:\d+$/);
  }
  assert.ok(sends > 10 * second.counters().dialsFailed, `${sends} sends, ${second.counters().dialsFailed} dials`);
  await first.network.ping('b');
  assert.equal(b.network.peers.get('x')?.instance, instance);
  assert.deepEqual([b.counters().replaced, b.counters().namesHeld], [0, second.counters().dialsFailed]);
  assert.deepEqual(first.seen('disconnected'), []);
});

test('the other one gets in as soon as the first has ended', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const first = await nodes.node('x', dials);
  const second = await nodes.node('x', dials);
  await first.network.ping('b');
  await insist(second, () => second.seen('unreachable').length > 0);
  await first.network.stop();
  await insist(second, () => second.network.peers.has('b'));
  assert.equal(b.counters().replaced, 0);
  assert.equal(b.network.peers.size, 1);
});

test('a holder that was dialled keeps its name as well', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  await nodes.node('x');
  const second = await nodes.node('x', dials);
  await b.network.ping('x');
  await insist(second, () => second.seen('unreachable').length > 0);
  assert.equal(second.seen('unreachable')[0]?.error.code, 'NAME_IN_USE');
  await b.network.ping('x');
  assert.deepEqual(b.seen('disconnected'), []);
});

test('of many that claim the name of one that does not answer one gets it, and the others are told', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  await nodes.member('x', b.port, { instance: 'gone' });
  const claimants = await Promise.all(Array.from({ length: 5 }, () => nodes.node('x', dials)));
  for (const claimant of claimants) claimant.send('b');
  await until(
    () => claimants.every(({ network, events }) => network.peers.has('b') || events.length > 0),
    'an end of each',
  );
  const inside = claimants.filter(({ network }) => network.peers.has('b'));
  assert.equal(inside.length, 1);
  assert.equal(b.counters().replaced, 1);
  assert.equal(b.counters().namesHeld, 4);
});

test('a process that is gone for another that could not wait is ended all the same', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  await nodes.member('x', b.port, { instance: 'gone' });
  const hasty = await nodes.node('x', { ...dials, dialTimeoutMs: 100 });
  hasty.send('b');
  await until(() => hasty.seen('unreachable').length === 1, 'the end of its dial');
  await until(() => b.network.peers.size === 0, 'the end of the one that is gone');
  await insist(hasty, () => hasty.network.peers.has('b'));
});

test('a stop while a name is asked for leaves nothing, and says goodbye to who has it', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const silent = await nodes.member('x', b.port, { instance: 'gone' });
  const second = await nodes.stranger('x', b.port);
  second.hello({ instance: 'new' });
  await until(() => silent.messages.some(({ type }) => type === 'ping'), 'the question');
  await b.network.stop();
  await until(() => silent.messages.some(({ type }) => type === 'goodbye'), 'the goodbye');
});
