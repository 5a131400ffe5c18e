import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsByOpenFiles } from '../../src/network/framed/open-files.js';
import { resolveOptions } from '../../src/network/websocket/options.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const from = (host: number) => ({ localAddress: `127.0.0.${host}` });

test('an address may have so many connections, and has room again when one is gone', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxConnectionsPerAddress: 2 } });
  const first = await nodes.stranger('w1', leader.port, from(2));
  await nodes.stranger('w2', leader.port, from(2));
  const third = await nodes.guest('w3', leader.port, from(2));
  await until(() => third.closeCode !== undefined, 'the refusal');
  assert.equal(third.closeCode, 4429);
  assert.equal(third.error('hello')?.code, 'OVERLOADED');
  assert.match(third.error('hello')?.message ?? '', /2 connections of 127\.0\.0\.2/);
  assert.equal(leader.network.counters.addressFull, 1);
  await nodes.stranger('w4', leader.port, from(3));
  // One that comes back takes the place of its own older connection.
  await nodes.stranger('w2', leader.port, from(2));
  first.socket.terminate();
  await until(() => !leader.network.peers.has('w1'), 'the first to be gone');
  await nodes.stranger('w3', leader.port, from(2));
  assert.deepEqual([...leader.network.peers.keys()].sort(), ['w2', 'w3', 'w4']);
  assert.equal(leader.network.counters.addressFull, 1);
});

test('a node has so many connections in all, and a refused one comes in when there is room', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxConnections: 3 } });
  const strangers = await Promise.all([2, 3, 4].map((host) => nodes.stranger(`w${host}`, leader.port, from(host))));
  const fourth = await nodes.dialler('w5', leader.port);
  await until(() => fourth.seen('unreachable').length > 0, 'the refusal');
  assert.equal(fourth.seen('unreachable')[0]?.error.code, 'OVERLOADED');
  assert.match(fourth.seen('unreachable')[0]?.error.message ?? '', /3 connections are all/);
  strangers[0]?.socket.terminate();
  await until(() => fourth.network.upstream === 'leader', 'it to come in');
  assert.ok(leader.network.counters.connectionsFull >= 1);
  assert.equal(leader.network.peers.size, 3);
});

test('connections leave room for few sockets that have not authenticated', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxConnections: 6 } });
  for (const host of [2, 3, 4, 5, 6, 7]) await nodes.stranger(`w${host}`, leader.port, from(host));
  const first = await nodes.tcp(leader.port);
  const second = await nodes.tcp(leader.port);
  await until(() => first.destroyed, 'the first to make room');
  assert.equal(second.destroyed, false);
  assert.equal(leader.network.counters.unauthenticatedReplaced, 1);
});

const LIMITS: readonly (readonly [string, number])[] = [
  [
    'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n',
    768,
  ],
  ['Max open files            20000                20000                files', 19_744],
  ['Max open files            64                   64                   files', 48],
  ['Max open files            1                    1                    files', 1],
  ['Max open files            unlimited            unlimited            files', Number.MAX_SAFE_INTEGER - 256],
  ['', 9_984],
];

test('how many connections there may be follows from the limit of open files', () => {
  for (const [text, expected] of LIMITS) assert.equal(connectionsByOpenFiles(text), expected, text);
  const listen = [{ name: 'a', path: '/s', authenticator: { name: 'a', authenticate: () => Promise.reject() } }];
  assert.equal(resolveOptions({ listen }).limits.maxConnections, connectionsByOpenFiles());
  assert.equal(resolveOptions({ listen, limits: { maxConnections: 7 } }).limits.maxConnections, 7);
});
