import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { realTurn, SystemClock } from '../../src/base/clock.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import type { Fault } from '../../src/network/memory/fault.js';
import { ChaosProxy, type ChaosProxyOptions } from '../../src/testing/chaos-proxy.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';

const system = new SystemClock();
assertNothingLeft(system);

/** A server behind a proxy: it sends back what it hears; what it hears, and how its connections end, is kept. */
async function behindProxy(t: TestContext, options: Partial<ChaosProxyOptions> = {}) {
  const sockets: Socket[] = [];
  const ends: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(String(error.code)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = { host: '127.0.0.1', port };
  const proxy = new ChaosProxy({ target, clock: system, random: seededRandom(1), ...options });
  await proxy.start();
  const clients: Socket[] = [];
  t.after(async () => {
    for (const socket of [...clients, ...sockets]) socket.destroy();
    server.close();
    await proxy.stop();
    await proxy.stop();
  });
  const client = async () => {
    const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true });
    clients.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  return { proxy, server, sockets, ends, client };
}

/** Reads as many bytes. */
async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let length = 0; length < bytes; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

test('bytes pass in both directions, and the end of one leaves the other open', async (t) => {
  const { client, proxy } = await behindProxy(t);
  const socket = await client();
  const payload = Buffer.alloc(3_000_000, 'abc');
  const echoed = read(socket, payload.length);
  socket.end(payload);
  assert.ok(payload.equals(await echoed));
  const ended = once(socket, 'close');
  socket.resume();
  await ended;
  assert.equal(proxy.counters.connections, 1);
});

test('latency and bandwidth hold bytes back, on the clock that was given', async (t) => {
  const clock = new VirtualClock();
  const { client, sockets, proxy, server } = await behindProxy(t, { clock, faults: { baseDelayMs: 100 } });
  const connected = once(server, 'connection');
  const socket = await client();
  await connected;
  socket.write('hello');
  // Nothing happens by itself: the bytes are in the proxy when it has set a timer for them.
  while (clock.pending === 0) await realTurn();
  assert.equal(sockets[0]?.bytesRead, 0);
  const heard = once(sockets[0] as Socket, 'data');
  await clock.advance(100);
  assert.equal(String((await heard)[0]), 'hello');
  proxy.setFaults({ baseDelayMs: 0, bytesPerSecond: 10 });
  await clock.advance(100);
  const more = once(sockets[0] as Socket, 'data');
  socket.write('twenty bytes of text');
  while (clock.pending === 0) await realTurn();
  await clock.advance(1900);
  assert.equal(sockets[0]?.bytesRead, 5);
  await clock.advance(200);
  assert.equal(String((await more)[0]), 'twenty bytes of text');
});

test('a partition holds everything back, an end too; healing lets it pass', async (t) => {
  const { client, proxy, sockets } = await behindProxy(t);
  const socket = await client();
  socket.write('one');
  assert.equal(String(await read(socket, 3)), 'one');
  proxy.partition();
  socket.end('two');
  const later = await client();
  later.write('three');
  // Through another way round: the server is not deaf, and has heard nothing through the proxy.
  await new Promise((resolve) => sockets[0]?.write('x', resolve));
  assert.equal(sockets.length, 1);
  assert.equal(sockets[0]?.bytesRead, 3);
  const rest = read(socket, 4);
  const third = read(later, 5);
  proxy.healPartition();
  assert.equal(String(await rest), 'xtwo');
  assert.equal(String(await third), 'three');
});

test('one way: what goes down arrives, what goes up waits', async (t) => {
  const { client, proxy, sockets } = await behindProxy(t);
  const socket = await client();
  socket.write('a');
  await read(socket, 1);
  proxy.partition({ oneWay: 'up' });
  socket.write('lost for a while');
  const down = read(socket, 4);
  sockets[0]?.write('down');
  assert.equal(String(await down), 'down');
  assert.equal(sockets[0]?.bytesRead, 1);
});

test('a partition that rejects, a crash and a cut reset connections; those after them are let in', async (t) => {
  const { client, proxy, ends } = await behindProxy(t);
  const echo = async () => {
    const socket = await client();
    socket.write('hi');
    await read(socket, 2);
    return socket;
  };
  const reset = async (socket: Socket) => {
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
  };
  for (const [strike, heal] of [
    [() => proxy.partition({ reject: true }), () => proxy.healPartition()],
    [() => proxy.inject({ kind: 'crash', node: 'server' }), () => proxy.calm()],
    [() => proxy.inject({ kind: 'partition', between: ['client', 'server'], reject: true }), () => proxy.calm()],
  ] as const) {
    const open = await echo();
    const gone = reset(open);
    strike();
    await gone;
    const next = connect(proxy.port, proxy.host);
    await reset(next);
    heal();
  }
  const open = await echo();
  const gone = reset(open);
  assert.equal(proxy.cut(), 1);
  await gone;
  (await echo()).destroy();
  assert.ok(ends.length >= 3 && ends.every((code) => code === 'ECONNRESET'));
});

test('damage flips bits, and no byte is lost by it', async (t) => {
  const { client } = await behindProxy(t, { faults: { corruptRate: 1 } });
  const socket = await client();
  const payload = Buffer.alloc(1000, 'a');
  const echoed = read(socket, payload.length);
  socket.write(payload);
  const different = [...(await echoed)].filter((byte) => byte !== 0x61).length;
  assert.ok(different >= 1 && different <= 10, `${different} bytes`);
});

test('a side that is not read pauses the other: no more than a bound is under way', async (t) => {
  const { client, proxy, sockets } = await behindProxy(t);
  const socket = await client();
  socket.write('a');
  await read(socket, 1);
  proxy.partition();
  // The kernel's buffers fill up, then ours; then the proxy has to stop, and the rest stays with the client.
  const much = 24 * 1024 * 1024;
  socket.write(Buffer.alloc(much));
  for (let turn = 0; turn < 2000; turn += 1) await realTurn();
  assert.equal(proxy.counters.paused, 1);
  assert.ok(socket.writableLength > much / 2, `${socket.writableLength} of ${much} bytes are left`);
  assert.equal(sockets[0]?.bytesRead, 1);
  proxy.healPartition();
  socket.resume();
  await until(() => sockets[0]?.bytesRead === 1 + much, 'all of it to arrive');
});

test('a target that is not there resets the client', async (t) => {
  const { server, proxy, client } = await behindProxy(t);
  server.close();
  await once(server, 'close');
  const socket = await client();
  await once(socket, 'error');
  assert.equal(proxy.counters.targetFailed, 1);
});

test('a proxy that is stopped while it starts, or before, does not listen', async () => {
  const proxy = new ChaosProxy({ target: undefined, listen: { host: 'localhost' } });
  const starting = proxy.start();
  const refused = assert.rejects(starting, { code: 'STOPPED' });
  await proxy.stop();
  await refused;
  assert.throws(() => proxy.port, { code: 'STOPPED' });
  await assert.rejects(proxy.start(), { code: 'STOPPED' });
});

test('what a stream cannot suffer from is refused, and so is an address in use', async (t) => {
  const { proxy } = await behindProxy(t);
  assert.throws(() => proxy.setFaults({ dropRate: 0.1 } as object), { code: 'INVALID_OPTION', message: /dropRate/ });
  for (const fault of [
    { kind: 'faults', faults: { reorderRate: 1 } },
    { kind: 'clock', node: 'server', skewMs: 1 },
  ] as const satisfies readonly Fault[]) {
    assert.throws(() => proxy.inject(fault), { code: 'INVALID_OPTION' });
    assert.throws(() => proxy.schedule([{ at: 1, fault }]), { code: 'INVALID_OPTION' });
  }
  const second = new ChaosProxy({ target: { host: '127.0.0.1', port: 1 }, listen: { port: proxy.port } });
  await assert.rejects(second.start(), { code: 'ADDRESS_IN_USE' });
  assert.throws(() => second.port, { code: 'STOPPED' });
  await second.stop();
});
