import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../../src/base/clock.js';
import { ChaosProxy } from '../../src/testing/chaos-proxy.js';
import type { ProxyTarget } from '../../src/testing/proxied-connection.js';
import { assertNothingLeft } from '../leaks.js';

const system = new SystemClock();
assertNothingLeft(system);

/** A server that keeps its sockets, and a client that is connected to it through a proxy. */
async function through(t: TestContext, directory?: string) {
  const server = createServer({ allowHalfOpen: true });
  const target = directory === undefined ? undefined : path.join(directory, 'server.sock');
  server.listen(target ?? 0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = new ChaosProxy({
    clock: system,
    target: target === undefined ? { host: '127.0.0.1', port } : { path: target },
    listen: directory === undefined ? {} : { path: path.join(directory, 'proxy.sock') },
  });
  await proxy.start();
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await proxy.stop();
  });
  const pair = async (): Promise<[Socket, Socket]> => {
    const at = directory === undefined ? proxy.port : path.join(directory, 'proxy.sock');
    const client = connect({ ...(typeof at === 'number' ? { port: at } : { path: at }), allowHalfOpen: true });
    const [accepted] = (await once(server, 'connection')) as [Socket];
    sockets.push(client, accepted);
    for (const socket of [client, accepted]) socket.on('error', () => {});
    return [client, accepted];
  };
  return { proxy, pair };
}

const heard = async (socket: Socket): Promise<string> => String(((await once(socket, 'data')) as [Buffer])[0]);

test('half a connection: one side hears the end, and is heard as before', async (t) => {
  const { proxy, pair } = await through(t);
  const [client, server] = await pair();
  client.write('up');
  assert.equal(await heard(server), 'up');
  const ended = once(server.resume(), 'end');
  proxy.halfClose('up');
  proxy.halfClose('up');
  await ended;
  client.write('dropped');
  server.write('down');
  assert.equal(await heard(client), 'down');
  assert.equal(server.bytesRead, 2);
});

test('connections that were abandoned are silent for good, ends and resets too; new ones are as ever', async (t) => {
  const { proxy, pair } = await through(t);
  const [client, server] = await pair();
  server.write('before');
  assert.equal(await heard(client), 'before');
  let told = 0;
  for (const event of ['data', 'end', 'close'] as const) client.on(event, () => told++);
  proxy.abandon();
  server.write('after');
  server.resetAndDestroy();
  const [next, accepted] = await pair();
  accepted.write('new');
  assert.equal(await heard(next), 'new');
  assert.equal(told, 0);
  assert.equal(proxy.connections, 2);
});

test('what was begun behind a wall and abandoned does not reach the target', async (t) => {
  const { proxy, pair } = await through(t);
  proxy.partition();
  const lost = connect(proxy.port);
  lost.on('error', () => {});
  t.after(() => lost.destroy());
  await once(lost, 'connect');
  lost.write('lost');
  const held = () => proxy.connections === 1;
  while (!held()) await new Promise((resolve) => setImmediate(resolve));
  proxy.abandon();
  proxy.healPartition();
  const [client, server] = await pair();
  client.write('first');
  assert.equal(await heard(server), 'first');
});

test('UNIX sockets on both sides, cut as well', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'netmgr-proxy-'));
  t.after(() => rm(directory, { recursive: true }));
  const { proxy, pair } = await through(t, directory);
  const [client, server] = await pair();
  client.write('up');
  assert.equal(await heard(server), 'up');
  const closed = Promise.all([once(client.resume(), 'close'), once(server.resume().end(), 'close')]);
  assert.equal(proxy.cut(), 1);
  client.end();
  await closed;
  assert.throws(() => proxy.port, { code: 'STOPPED' });
});

test('a target may change, and be away for a while', async (t) => {
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end('here'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let target: ProxyTarget | undefined;
  const proxy = new ChaosProxy({
    get target() {
      return target;
    },
  });
  await proxy.start();
  t.after(async () => {
    server.close();
    await proxy.stop();
  });
  const early = connect(proxy.port);
  const [error] = (await once(early, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(proxy.counters.targetFailed, 1);
  target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const late = connect(proxy.port).on('error', () => {});
  assert.equal(await heard(late), 'here');
  late.destroy();
});
