import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import type { Credentials } from '../../src/network/credentials.js';
import { assertNothingLeft } from '../leaks.js';
import { closed, type Node, Nodes, until } from './websocket-nodes.js';
import { EchoCredentials, newAuthority, ReplaceableTls, tlsListener } from './websocket-tls-nodes.js';

assertNothingLeft();

const authority = await newAuthority();
const tls = await ReplaceableTls.by(authority);
const ca = [...authority.roots];
const anyone = {
  name: 'anyone',
  authenticate: async ({
    node,
    role,
  }: {
    node: string;
    role: 'collaborator' | 'leader' | 'operator' | 'observer';
  }) => ({
    node,
    role,
    maySubmit: false,
  }),
};

const secureLeader = (nodes: Nodes, limits = {}): Promise<Node> => nodes.leader({ listen: tlsListener(tls), limits });

const secureMember = (nodes: Nodes, leader: Node, limits = {}): Promise<Node> =>
  nodes.member('worker-1', leader, { credentials: new EchoCredentials(authority), limits });

for (const stopped of ['leader', 'worker-1'] as const) {
  test(`what ${stopped} has queued before it stops arrives, all of it and in order`, async () => {
    await using nodes = new Nodes();
    const leader = await secureLeader(nodes);
    const member = await secureMember(nodes, leader);
    const [from, to] = stopped === 'leader' ? [leader, member] : [member, leader];
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 40; i += 1) from.send({ to: to.network.self, payload: `${i} ${text}` });
    // The other side is in the middle of a long message of its own.
    to.send({ to: from.network.self, payload: 'y'.repeat(900_000) });
    await from.network.stop({ graceMs: 5_000 });
    await until(() => to.seen('disconnected').length === 1, 'the end');
    assert.deepEqual(
      to.received.map(({ payload }) => Number.parseInt(String(payload), 10)),
      Array.from({ length: 40 }, (_, i) => i),
    );
    assert.equal(to.seen('disconnected')[0]?.left, true);
    assert.equal(from.network.counters.terminatedAtStop, 0);
    assert.equal(from.clock.pending, 0);
  });
}

test('large messages both ways at once, with nothing acknowledged for its delay alone', async () => {
  await using nodes = new Nodes();
  const limits = { ackDelayMs: 3_600_000, stallMs: 3_600_000 };
  const leader = await nodes.leader({ listen: tlsListener(tls), relay: true, limits });
  const member = await secureMember(nodes, leader, limits);
  leader.onMessage = ({ from, id, payload }) => leader.send({ kind: 'response', to: from, re: id, payload });
  for (let i = 0; i < 12; i += 1)
    assert.equal(member.send({ kind: 'request', payload: 'x'.repeat(600_000) }), 'queued');
  await until(() => member.received.length === 12, 'every answer');
});

test('a peer that does not read is dropped, and stop does not wait for one', async () => {
  await using nodes = new Nodes();
  const listen = tlsListener(tls, { authenticator: anyone });
  const limits = { stallMs: 300, sweepMs: 50, closeTimeoutMs: 100 };
  const leader = await nodes.leader({ listen, limits });
  const slow = await nodes.stranger('slow', leader.port, { ca });
  slow.socket.pause();
  for (let i = 0; i < 40; i += 1) leader.send({ to: 'slow', payload: 'x'.repeat(100_000) });
  await until(() => leader.seen('disconnected').length === 1, 'it to be dropped');
  assert.equal(leader.seen('disconnected')[0]?.error.code, 'SLOW_PEER');
  const deaf = await nodes.stranger('deaf', leader.port, { ca });
  deaf.socket.pause();
  const mute = await nodes.tcp(leader.port);
  for (let i = 0; i < 40; i += 1) leader.send({ to: 'deaf', payload: 'x'.repeat(100_000) });
  await leader.network.stop({ graceMs: 50 });
  assert.equal(leader.clock.pending, 0);
  await closed(mute);
});

test('a removed peer is told why before the stream ends', async () => {
  await using nodes = new Nodes();
  const leader = await secureLeader(nodes);
  const member = await secureMember(nodes, leader);
  leader.network.disconnect('worker-1', new NetworkError('EVICTED', 'removed by an operator'));
  await until(() => member.seen('refused').length === 1, 'the refusal');
  assert.equal(member.seen('refused')[0]?.error.message, 'removed by an operator');
});

test('a stop in the middle of a dial gives it up, in whichever step it is', async () => {
  await using nodes = new Nodes();
  // Accepts, and says nothing: the handshake never ends.
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const bound = mute.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const waiting = new EchoCredentials(authority);
  let asked: AbortSignal | undefined;
  const roots: Credentials['roots'] = (_peer, signal) => {
    asked = signal;
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  };
  const first = await nodes.dialler('worker-1', bound.port, { credentials: Object.assign(waiting, { roots }) });
  await until(() => asked !== undefined, 'the question for roots');
  await first.network.stop();
  assert.equal(asked?.aborted, true);
  const accepted = once(mute, 'connection');
  const second = await nodes.dialler('worker-2', bound.port, { credentials: new EchoCredentials(authority) });
  const [socket] = await accepted;
  await second.network.stop();
  await closed(socket.resume());
  assert.deepEqual([...first.events, ...second.events], []);
  assert.equal(first.clock.pending + second.clock.pending, 0);
  await new Promise((resolve) => mute.close(resolve));
});
