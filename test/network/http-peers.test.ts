import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { assertNothingLeft } from '../leaks.js';
import { answered, cardOf, HttpNodes, messageOf, postOf, until } from './http-nodes.js';

assertNothingLeft();

test('a peer is connected with the first exchange that succeeds, either way', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  assert.deepEqual([a.network.peers.size, b.network.peers.size], [0, 0]);
  await a.ask('b');
  await b.ask('a');
  for (const [one, other, listener] of [
    [a, 'b', 'dial'],
    [b, 'a', 'http'],
  ] as const) {
    assert.deepEqual(
      one.events.map(({ type }) => type),
      ['connected'],
    );
    const peer = one.network.peers.get(other);
    assert.deepEqual(
      [peer?.node, peer?.role, peer?.version, peer?.listener],
      [other, 'collaborator', '1.2.3', listener],
    );
  }
  assert.equal(a.network.peers.get('b')?.address, b.url);
  assert.match(String(b.network.peers.get('a')?.address), /^127\.0\.0\.1:\d+$/);
  assert.notEqual(a.network.peers.get('b')?.instance, b.network.peers.get('a')?.instance);
});

test('where nobody listens a request ends with CONNECTION_FAILED, and what else was for the node is lost', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a', { limits: { maxBatchBytes: 500 } });
  nodes.addresses.set('b', 'http://127.0.0.1:1');
  const error = await a.error('b');
  assert.deepEqual([error.code, error.node, error.address], ['CONNECTION_FAILED', 'b', 'http://127.0.0.1:1']);
  assert.match(error.message, /http:\/\/127\.0\.0\.1:1, the address of b, cannot be reached: ECONNREFUSED/);
  for (let i = 0; i < 100; i += 1) assert.equal(a.tell('b', i), 'queued');
  await until(() => a.seen('unreachable').length === 2, 'the events');
  assert.deepEqual(
    a.seen('unreachable').map(({ node, attempt, address }) => [node, attempt, address]),
    [
      ['b', 1, 'http://127.0.0.1:1'],
      ['b', 2, 'http://127.0.0.1:1'],
    ],
  );
  const b = await nodes.node('b');
  await a.ask('b');
  assert.deepEqual(b.received, [], 'what was lost does not come later');
  assert.equal(a.seen('undelivered').length, 1);
});

test('a node that is killed is lost at once, also by those who wait for nothing', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  const child = fork(path.join(import.meta.dirname, 'http-victim.js'), [JSON.stringify([...nodes.addresses])]);
  const [url] = (await once(child, 'message')) as [string];
  nodes.addresses.set('victim', url);
  await until(() => a.network.peers.has('victim'), 'the victim, who asks a');
  await b.ask('victim', 'echo');
  const asked = Promise.all([1, 2].map(() => b.failure('victim', 'wait')));
  await until(() => b.network.metrics().messagesOut === 3, 'requests under way');
  await b.ask('victim', 'echo');
  child.kill('SIGKILL');
  await until(() => a.seen('disconnected').length === 1 && b.seen('disconnected').length === 1, 'the loss');
  for (const node of [a, b]) {
    const [lost] = node.seen('disconnected');
    assert.deepEqual([lost?.peer.node, lost?.left, lost?.error.code], ['victim', false, 'CLOSED']);
  }
  assert.deepEqual(await asked, ['CLOSED', 'CLOSED']);
  assert.equal(await b.failure('victim'), 'CONNECTION_FAILED');
});

test('a node that says goodbye has left, and what comes of it later is refused', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  await a.ask('b');
  const { instance = '' } = b.network.peers.get('a') ?? {};
  a.tell('b', 'last words');
  await a.endpoint.stop();
  assert.deepEqual(b.payloads, ['last words']);
  assert.deepEqual(
    b.seen('disconnected').map(({ left, error }) => [left, error.code]),
    [[true, 'CLOSED']],
  );
  const late = postOf(messageOf('a'), { netmgr: cardOf('a', 'b', { instance }) });
  assert.deepEqual(await answered(await nodes.raw(b.port, late)), { status: 409, code: 'NAME_IN_USE' });
  assert.equal(b.network.counters.superseded, 1);
  assert.equal(b.network.peers.size, 0);
});

test('of two processes with one name the later one has it', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  const first = nodes.made('a');
  const second = nodes.made('a');
  await first.network.start();
  await second.network.start();
  await first.ask('b');
  await second.ask('b');
  assert.deepEqual(
    b.events.map(({ type }) => type),
    ['connected', 'disconnected', 'connected'],
  );
  assert.equal(await first.failure('b'), 'NAME_IN_USE');
  assert.equal(await second.ask('b', 1), 1);
  assert.equal(b.network.counters.superseded, 1);
});

test('a node that was started again at its address is found, and the request that finds it is answered', async () => {
  await using nodes = new HttpNodes();
  const [a] = await nodes.pair();
  await a.ask('b', 1);
  await nodes.node('b');
  assert.equal(await a.ask('b', 2), 2);
  assert.deepEqual(
    a.events.map(({ type }) => type),
    ['connected', 'disconnected', 'connected'],
  );
  assert.equal(a.seen('disconnected')[0]?.left, false);
});

test('a wrong address is told apart from a node that is not there', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  nodes.addresses.set('c', b.url);
  const error = await a.error('c');
  assert.equal(error.code, 'UNREACHABLE');
  assert.match(error.message, /is the address of b, not of c/);
  assert.deepEqual([b.network.counters.misdirected, b.received.length], [1, 0]);
  nodes.addresses.set('web', await nodes.server((_, response) => response.writeHead(404).end('nothing')));
  const foreign = await a.error('web');
  assert.equal(foreign.code, 'CONNECTION_FAILED');
  assert.match(foreign.message, /the address of web, answers 404, not as a node/);
  assert.deepEqual([...a.network.peers.keys()], []);
});

test('another cluster is refused, on both sides', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a', {}, { cluster: 'one' });
  const b = await nodes.node('b', {}, { cluster: 'two' });
  const open = await nodes.node('open');
  assert.equal(await a.failure('b'), 'CLUSTER_MISMATCH');
  assert.equal(await b.failure('a'), 'CLUSTER_MISMATCH');
  assert.deepEqual([a.network.counters.misdirected, b.network.counters.misdirected], [1, 1]);
  assert.equal(await open.ask('a', 1), 1, 'one that names no cluster takes whichever it finds');
  const stranger = 'node=c; role=collaborator; instance=1; version=1; cluster=three';
  nodes.addresses.set('c', await nodes.server((_, response) => response.writeHead(204, { netmgr: stranger }).end()));
  assert.equal(await a.failure('c'), 'CLUSTER_MISMATCH');
});

test('the admission decides who may come in', async () => {
  await using nodes = new HttpNodes();
  const asked: unknown[] = [];
  const admit = ({
    node,
    role,
    listener,
    present,
  }: {
    node: string;
    role: string;
    listener: string;
    present: unknown;
  }) => {
    asked.push([node, role, listener, present]);
    return node === 'b' ? new NetworkError('NOT_ALLOWED', 'not b') : {};
  };
  const a = await nodes.node('a', {}, { admit });
  const b = await nodes.node('b');
  const c = await nodes.node('c');
  assert.equal(await b.failure('a'), 'NOT_ALLOWED');
  assert.equal(await c.ask('a', 1), 1);
  assert.equal(await c.ask('a', 2), 2);
  assert.deepEqual(asked, [
    ['b', 'collaborator', 'http', undefined],
    ['c', 'collaborator', 'http', undefined],
  ]);
  assert.deepEqual([[...a.network.peers.keys()], a.network.counters.joinsRefused], [['c'], 1]);
});

test('disconnect ends what is under way both ways, and tells both sides', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  const forever = () => new Promise(() => {});
  a.answers(forever);
  b.answers(forever);
  const outcomes = [a.failure('b'), b.failure('a')];
  await until(() => a.network.metrics().messagesIn + b.network.metrics().messagesIn === 2, 'the requests');
  a.network.disconnect('b', new NetworkError('RECEIVE_FAILED', 'enough'));
  assert.deepEqual(await Promise.all(outcomes), ['CLOSED', 'CLOSED']);
  await until(() => b.seen('disconnected').length === 1, 'the other side');
  assert.equal(a.seen('disconnected')[0]?.error.code, 'RECEIVE_FAILED');
  a.network.disconnect('stranger', new NetworkError('CLOSED', 'never seen'));
  b.answers((_, { payload }) => payload);
  assert.equal(await a.ask('b', 'again'), 'again');
});

test('who is shut out is told so', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  b.answers(() => {
    b.network.disconnect('a', new NetworkError('EVICTED', 'out'));
  });
  assert.equal(await a.failure('b'), 'EVICTED');
});

test('a peer without an address that is not heard of has left, and one with an address stays', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair({ limits: { peerIdleMs: 60, maxPeers: 3 } });
  const guest = nodes.made('guest');
  await guest.network.start();
  await guest.ask('a');
  await b.ask('a');
  await until(() => a.network.counters.peersExpired === 1, 'the end of the guest');
  assert.deepEqual(
    a.seen('disconnected').map(({ peer, left }) => [peer.node, left]),
    [['guest', true]],
  );
  assert.deepEqual([...a.network.peers.keys()], ['b']);
  assert.equal(await guest.ask('a', 'back'), 'back');
});

test('no more nodes are known than may be', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a', { limits: { maxPeers: 5 } });
  const statuses: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    const name = `n${i}`;
    statuses.push(
      (await answered(await nodes.raw(a.port, postOf(messageOf(name), { netmgr: cardOf(name, 'a') })))).status,
    );
  }
  assert.deepEqual(statuses, [204, 204, 204, 204, 204, 503, 503, 503]);
  assert.equal(a.network.counters.peersFull, 3);
});

test('a peer whose sockets idle out is asked whether it is still there, once, and stays', async () => {
  await using nodes = new HttpNodes();
  let probes = 0;
  const b = await nodes.node('b');
  const a = nodes.made('a', { limits: { idleMs: 40 } });
  await a.network.start();
  const card = cardOf('a', 'b', { instance: 'x' });
  nodes.addresses.set(
    'a',
    await nodes.server(({ method, headers }, response) => {
      probes += 1;
      assert.deepEqual([method, /node=b; to=a;/.test(String(headers['netmgr']))], ['HEAD', true]);
      const { instance = '' } = b.network.peers.get('a') ?? {};
      response.writeHead(204, { netmgr: card.replace('instance=x', `instance=${instance}`) }).end();
    }),
  );
  await Promise.all([1, 2, 3].map((i) => a.ask('b', i)));
  await until(() => probes === 1, 'the probe');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([probes, b.seen('disconnected').length], [1, 0]);
});
