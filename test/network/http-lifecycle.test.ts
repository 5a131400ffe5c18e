import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpNetwork } from '../../src/network/http/network.js';
import type { HttpNetworkOptions } from '../../src/network/http/options.js';
import { assertNothingLeft } from '../leaks.js';
import { answered, cardOf, HttpNodes, messageOf, postOf, until } from './http-nodes.js';

assertNothingLeft();

/** Of a POST whose client waits to be told to go on. */
const withoutBody = () => postOf('x', { netmgr: cardOf('c', 'b'), expect: '100-continue' }).slice(0, -1);

const invalid = (message: RegExp) => ({ code: 'INVALID_OPTION', message });

test('options are checked, and the one that is wrong is named', () => {
  const make = (options: unknown) => () => new HttpNetwork({ self: 'a' }, options as HttpNetworkOptions);
  const book = (address: unknown, node = 'b') => ({ addresses: new Map([[node, address]]) });
  const cases: readonly (readonly [options: unknown, message: RegExp])[] = [
    [{ listen: { port: -1 } }, /^listen\.port must be an integer from 0 to 65535, not -1/],
    [{ listen: { port: 1.5 } }, /^listen\.port/],
    [{ listen: { port: 0, host: '' } }, /^listen\.host must not be empty/],
    [{ listen: { port: 0, host: '0.0.0.0' } }, /^listen\.host: 0\.0\.0\.0:0 is reached by others/],
    [{ listen: { port: 0, host: 'example.com' } }, /^listen\.host/],
    [{ listen: { port: 0, prefix: 'node' } }, /^listen\.prefix must be a path like/],
    [{ listen: { port: 0, prefix: '/a/' } }, /^listen\.prefix/],
    [{ codec: 'xml' }, /^codec must be binary or json, not "xml"/],
    [{ addresses: { b: 'x' } }, /^addresses must be a Map/],
    [book('http://127.0.0.1:1', 'B B'), /^addresses: a key must be a node name, not "B B"/],
    [book('127.0.0.1:1'), /^addresses: "127\.0\.0\.1:1", the address of b, is not of the form http:\/\/HOST:PORT/],
    [book('https://127.0.0.1:1'), /is not of the form http:/],
    [book(7), /^addresses: 7, the address of b/],
    [book('http://u:p@127.0.0.1:1'), /may have no user, query or fragment/],
    [book('http://127.0.0.1:1/?x'), /may have no user, query or fragment/],
    [book('http://10.0.0.1:1'), /is not on this host: give tls, or plaintext: true/],
    [{ limits: { maxSockets: 1 } }, /^limits\.maxSockets must be at least 2, not 1/],
    [{ limits: { maxFrameBytes: 2 ** 25 } }, /^limits\.maxFrameBytes must be at most 16 MiB/],
    [{ limits: { maxBatch: 5000 } }, /^limits\.maxBatch must be at most 4096/],
    [{ limits: { maxHeaderBytes: 10 } }, /^limits\.maxHeaderBytes must be at least 1024/],
    [{ limits: { idleMs: 0 } }, /^limits\.idleMs must be a positive integer, not 0/],
    [{ tls: { key: '', cert: '', ca: '' } }, /^tls\.key/],
    [{ tls: { key: '', cert: '', ca: '' }, plaintext: true }, /^plaintext: with tls it must be left out/],
  ];
  for (const [options, message] of cases) assert.throws(make(options), invalid(message), JSON.stringify(options));
  assert.throws(() => new HttpNetwork({ self: 'A' }), invalid(/^self must be/));
  for (const host of ['127.0.0.1', '::1', 'localhost', '127.1.2.3'])
    assert.doesNotThrow(make({ listen: { port: 0, host } }));
  assert.doesNotThrow(
    make({ plaintext: true, listen: { port: 0, host: '0.0.0.0' }, ...book('http://example.com/x/y/') }),
  );
});

test('a node listens under a prefix, on IPv6, and by name', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const b = await nodes.node('b', { listen: { port: 0, prefix: '/nodes/b' } });
  assert.match(b.url, /:\d+\/nodes\/b$/);
  assert.equal(await a.ask('b', 1), 1);
  nodes.addresses.set('b', `${b.url}/`);
  assert.equal(await a.ask('b', 2), 2);
  const raw = await nodes.raw(b.port, postOf(messageOf('c'), { netmgr: cardOf('c', 'b') }));
  assert.equal((await answered(raw)).status, 404);
  const six = await nodes.node('six', { listen: { port: 0, host: '::1' } });
  assert.match(six.url, /^http:\/\/\[::1\]:\d+$/);
  assert.equal(await a.ask('six', 3), 3);
  const named = await nodes.node('named', { listen: { port: 0, host: 'localhost' } });
  nodes.addresses.set('named', `http://localhost:${named.port}`);
  assert.equal(await a.ask('named', 4), 4);
});

test('a network is started once, and not where another listens', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  await assert.rejects(a.network.start(), { code: 'STOPPED' });
  const second = nodes.made('second', { listen: { port: a.port } });
  await assert.rejects(second.network.start(), { code: 'ADDRESS_IN_USE', message: /another program listens on 127/ });
  await assert.rejects(second.network.start(), { code: 'STOPPED' });
  const nowhere = nodes.made('nowhere', { plaintext: true, listen: { port: 0, host: '192.0.2.1' } });
  await assert.rejects(nowhere.network.start(), {
    code: 'CONNECTION_FAILED',
    message: /cannot listen on 192\.0\.2\.1/,
  });
});

test('a start that is cancelled, or stopped, leaves nothing', async () => {
  await using nodes = new HttpNodes();
  const before = nodes.made('before', { listen: { port: 0 } });
  await assert.rejects(before.network.start({ signal: AbortSignal.abort(new Error('no')) }), { code: 'CANCELLED' });
  for (const host of ['127.0.0.1', 'localhost']) {
    const during = nodes.made('during', { listen: { port: 0, host } });
    const controller = new AbortController();
    const started = during.network.start({ signal: controller.signal });
    controller.abort();
    await assert.rejects(started, { code: 'CANCELLED' });
    const stopped = nodes.made('stopped', { listen: { port: 0, host } });
    const start = stopped.network.start();
    await stopped.network.stop();
    await assert.rejects(start, { code: 'CANCELLED' });
    assert.equal(stopped.network.baseUrl === undefined || stopped.network.metrics().connections === 0, true);
  }
  const never = nodes.made('never', { listen: { port: 0 } });
  await never.network.stop();
  await assert.rejects(never.network.start(), { code: 'STOPPED' });
  const after = nodes.made('after', { listen: { port: 0 } });
  const controller = new AbortController();
  await after.network.start({ signal: controller.signal });
  controller.abort();
  assert.equal((await answered(await nodes.raw(after.port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'))).status, 404);
});

test('stop waits for what is under way, both ways, and takes nothing new', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  const c = await nodes.node('c');
  let finish: (value: string) => void = () => {};
  b.network.onMessage((message) => {
    finish = (payload) => {
      const answer = { kind: 'response', type: 'ask', to: message.from, re: message.id, payload } as const;
      assert.equal(b.network.send(b.stamp.make(answer)), 'queued');
    };
  });
  const asked = a.ask('b');
  await until(() => b.network.metrics().messagesIn === 1, 'the request');
  const stopped = b.network.stop({ graceMs: 5000 });
  assert.equal(b.network.stop(), stopped);
  assert.equal(await c.failure('b'), 'UNREACHABLE', 'it is shutting down');
  assert.equal(b.tell('a'), 'STOPPED');
  finish('in time');
  assert.equal(await asked, 'in time');
  await stopped;
  assert.equal(await c.failure('b'), 'CONNECTION_FAILED');
  assert.equal(b.network.counters.terminatedAtStop, 0);
});

test('stop ends what is not done in time', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  b.network.onMessage(() => {});
  const asked = a.failure('b');
  a.tell('b', 'x');
  await until(() => b.network.metrics().messagesIn === 2, 'the request');
  const half = await nodes.raw(b.port, withoutBody());
  await until(() => half.text.includes('100 Continue'), 'its headers to be read');
  await b.network.stop({ graceMs: 50 });
  assert.equal(await asked, 'CLOSED');
  await until(() => half.closed, 'half a request');
  assert.equal(b.network.counters.terminatedAtStop, 1);
});

test('a socket on which nothing was said delays no stop', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  const silent = await nodes.raw(b.port);
  // Sockets are accepted in the order in which they came: this one was after it.
  assert.equal((await answered(await nodes.raw(b.port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'))).status, 404);
  await b.network.stop();
  await until(() => silent.closed, 'it to be ended');
  assert.equal(b.network.counters.terminatedAtStop, 0);
});

test('stop in the middle of much traffic leaves nothing, on either side', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  b.answers((_, { payload }) => new Promise((resolve) => setImmediate(() => resolve(payload))));
  const ends = Array.from({ length: 600 }, (_, i) => (i % 2 ? a.failure('b', i) : b.failure('a', i)));
  for (let i = 0; i < 300; i += 1) a.tell('b', i);
  await until(() => b.network.metrics().messagesIn > 50, 'the middle');
  await Promise.all([a, b].map(({ endpoint }) => endpoint.stop({ graceMs: 5 })));
  const codes = new Set((await Promise.all(ends)).map((end) => (end.startsWith('answered') ? 'answered' : end)));
  for (const code of codes)
    assert.ok(['answered', 'STOPPED', 'CLOSED', 'UNREACHABLE', 'CONNECTION_FAILED'].includes(code), code);
  const arrived = b.payloads.length;
  assert.deepEqual(
    b.payloads,
    Array.from({ length: arrived }, (_, i) => i),
    'in order, without a gap',
  );
});

test('bodies are compressed from a kibibyte up, if both sides want it', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a', { compression: true });
  const b = await nodes.node('b', { compression: true });
  const plain = await nodes.node('plain');
  const text = 'all work and no play '.repeat(500);
  for (const node of ['b', 'plain']) {
    await a.ask(node, 'small');
    const before = a.network.peers.get(node)?.traffic.bytesOut ?? 0;
    assert.equal(await a.ask(node, text), text);
    const out = (a.network.peers.get(node)?.traffic.bytesOut ?? 0) - before;
    assert.ok(out < 1000, `${out} bytes to ${node}, which reads gzip although it does not write it`);
  }
  const [fromB, fromPlain] = [a.network.peers.get('b'), a.network.peers.get('plain')];
  assert.ok((fromB?.traffic.bytesIn ?? 0) < 1000 && (fromPlain?.traffic.bytesIn ?? 0) > text.length);
  const agree = (one: number | undefined, other: number | undefined) => assert.equal(one, other);
  agree(b.network.peers.get('a')?.traffic.bytesIn, fromB?.traffic.bytesOut);
  agree(b.network.peers.get('a')?.traffic.bytesOut, fromB?.traffic.bytesIn);
  agree(plain.network.peers.get('a')?.traffic.bytesOut, fromPlain?.traffic.bytesIn);
  a.tell('b', text);
  await until(() => b.received.length === 1, 'the event');
  assert.equal(b.payloads[0], text);
});

test('a bomb in an answer is not opened', async () => {
  await using nodes = new HttpNodes();
  const { gzipSync } = await import('node:zlib');
  const a = await nodes.node('a', { compression: true });
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const url = await nodes.server((request, response) => {
    request.resume();
    const head = { netmgr: cardOf('b', 'a'), 'content-type': 'application/json', 'content-encoding': 'gzip' };
    response.writeHead(200, head).end(bomb);
  });
  nodes.addresses.set('b', url);
  const error = await a.error('b');
  assert.equal(error.code, 'RECEIVE_FAILED');
  assert.match(error.message, /more than 1048576 bytes once it is inflated/);
});
