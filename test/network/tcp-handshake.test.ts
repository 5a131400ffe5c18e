import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { assertNothingLeft } from '../leaks.js';
import { closed, frameOf, TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

test('a greeting in JSON, then messages in JSON: all that a program in another language needs', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const stranger = await nodes.member('stranger', b.port, { codecs: undefined });
  const welcome = stranger.messages[0];
  assert.equal(welcome?.payload['node'], 'b');
  assert.equal(welcome?.payload['codec'], 'json');
  stranger.say({ to: 'b', payload: { n: 1 } });
  stranger.socket.write(Buffer.concat([stranger.frame({ payload: 2 }), stranger.frame({ payload: 3 })]));
  await until(() => b.received.length === 3, 'the messages');
  assert.deepEqual(b.payloads, [{ n: 1 }, 2, 3]);
  b.send('stranger', { payload: 'hello' });
  await until(() => stranger.messages.length > 1, 'a message');
  assert.equal(stranger.messages[1]?.payload, 'hello');
});

test('who expects another node, or is of another cluster, is refused politely, and nothing of it is processed', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', {}, { cluster: 'blue' });
  const cases: [string, Record<string, unknown>, Record<string, unknown>, string, RegExp][] = [
    ['wrong name', {}, { to: 'c' }, 'UNREACHABLE', /this is b, not c/],
    ['everyone', {}, { to: '*' }, 'UNREACHABLE', /this is b, not \*/],
    ['other cluster', { cluster: 'green' }, { to: 'b' }, 'CLUSTER_MISMATCH', /this is cluster blue, not green/],
    ['own name', {}, { from: 'b' }, 'NAME_IN_USE', /b/],
    ['role', { role: 'leader' }, {}, 'NOT_ALLOWED', /leader/],
    ['codecs', { codecs: ['xml'] }, {}, 'VERSION_MISMATCH', /msgpack, json.*xml/],
    ['no list', { codecs: 'json' }, {}, 'INVALID_MESSAGE', /hello.codecs/],
    ['empty list', { codecs: [] }, {}, 'INVALID_MESSAGE', /hello.codecs/],
    ['no names', { codecs: [1] }, {}, 'INVALID_MESSAGE', /hello.codecs/],
    ['instance', { instance: '' }, {}, 'INVALID_MESSAGE', /hello.instance/],
    ['not a hello', {}, { type: 'ping' }, 'INVALID_MESSAGE', /first message must be control hello/],
  ];
  for (const [what, hello, envelope, code, text] of cases) {
    const stranger = await nodes.stranger('stranger', b.port);
    stranger.hello(hello, envelope);
    if (code !== 'NAME_IN_USE') stranger.say({ payload: 'too early' });
    await until(() => stranger.ended, `${what}: the end`);
    assert.equal(stranger.error('hello')?.code, code, what);
    assert.match(stranger.error('hello')?.message ?? '', text, what);
    stranger.socket.destroy();
  }
  assert.deepEqual([b.received, b.events], [[], []]);
  assert.equal(b.counters().joinsRefused, cases.length);
  assert.equal(b.network.peers.size, 0);
});

test('the right name and the right cluster come in, and so does who says neither', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', {}, { cluster: 'blue' });
  const one = await nodes.stranger('one', b.port);
  one.hello({ cluster: 'blue' }, { to: 'b' });
  const two = await nodes.stranger('two', b.port);
  two.hello();
  await until(() => b.network.peers.size === 2, 'both');
});

test('what is no frame is told so where that can be, and ends the connection before anything is buffered', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const cases: [string, Buffer, string][] = [
    ['a length of 0', Buffer.alloc(4), 'DESERIALIZATION'],
    ['a length beyond the limit', Buffer.from([0, 16, 0, 1]), 'TOO_LARGE'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'TOO_LARGE'],
    ['a frame of noise', frameOf('noise'), 'DESERIALIZATION'],
    ['a frame of MessagePack', frameOf(Buffer.from([0x81, 0xa1, 0x76, 1])), 'DESERIALIZATION'],
  ];
  for (const [what, bytes, code] of cases) {
    const stranger = await nodes.stranger('stranger', b.port);
    stranger.socket.write(bytes);
    await until(() => stranger.ended, `${what}: the end`);
    assert.equal(stranger.error('hello')?.code, code, what);
    stranger.socket.destroy();
  }
  assert.equal(b.counters().framingErrors, 3);
  assert.equal(b.counters().unauthenticatedInvalid, 2);
});

test('a stranger may not announce a frame of more than 4 KiB, and a member may', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const head = Buffer.from([0, 0, 0x10, 1]);
  const stranger = await nodes.stranger('stranger', b.port);
  const { localPort } = stranger.socket;
  stranger.socket.write(head);
  await until(() => stranger.ended, 'the end');
  assert.deepEqual(stranger.error('hello'), {
    code: 'TOO_LARGE',
    message: `127.0.0.1:${localPort}: a frame of 4097 bytes, more than the 4096 that are taken`,
  });
  const member = await nodes.member('member', b.port);
  member.say({ payload: 'x'.repeat(100_000) });
  await until(() => b.received.length === 1, 'the message');
  assert.equal(b.counters().framingErrors, 1);
});

test('more than 4 KiB before the welcome is cut off, whole or in pieces', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { limits: { sweepMs: 20 } });
  for (const [i, pieces] of [1, 10].entries()) {
    const stranger = await nodes.stranger('stranger', b.port);
    // With its length it is 4 bytes too many.
    const head = Buffer.from([0, 0, 0x10, 0]);
    stranger.socket.write(head);
    for (let piece = 0; piece < pieces; piece += 1) {
      stranger.socket.write(Buffer.alloc(Math.ceil(5_000 / pieces), 0x20));
      await until(() => stranger.socket.writableLength === 0 || stranger.socket.closed, 'the piece to be written');
    }
    await closed(stranger.socket);
    await until(() => b.counters().unauthenticatedInvalid === i + 1, 'the count');
  }
});

test('who says nothing, or half a hello, is gone in time; silence makes room for newcomers', async () => {
  await using nodes = new TcpNodes();
  const limits = { handshakeTimeoutMs: 200, sweepMs: 20, maxUnauthenticated: 4, maxUnauthenticatedPerAddress: 4 };
  const b = await nodes.node('b', { limits });
  const silent = await nodes.socket(b.port);
  const half = await nodes.socket(b.port);
  half.write(Buffer.from([0, 0, 0, 100, 0x7b]));
  await Promise.all([silent, half].map((socket) => closed(socket.resume())));
  assert.equal(b.counters().handshakeTimeouts, 2);

  const crowd = await Promise.all(Array.from({ length: 4 }, (_, i) => nodes.socket(b.port, `127.0.0.${i + 2}`)));
  const guest = await nodes.stranger('guest', b.port, '127.0.0.9');
  guest.hello();
  await until(() => guest.messages.some(({ type }) => type === 'welcome'), 'the welcome');
  assert.equal(b.counters().unauthenticatedReplaced, 1);
  await Promise.all(crowd.map((socket) => closed(socket.resume())));
});

test('who has begun to speak keeps its place, and a newcomer is turned away', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { limits: { maxUnauthenticated: 1, handshakeTimeoutMs: 60_000 } });
  const first = await nodes.stranger('first', b.port);
  const hello = first.frame({
    kind: 'control',
    type: 'hello',
    payload: { role: 'collaborator', instance: 'i', version: '1' },
  });
  first.socket.write(hello.subarray(0, 20));
  // Both ends are in this process: after some turns of its loop the other one has read it.
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const second = await nodes.socket(b.port);
  await closed(second.resume());
  first.socket.write(hello.subarray(20));
  await until(() => first.messages.some(({ type }) => type === 'welcome'), 'the welcome');
  assert.deepEqual([b.counters().unauthenticatedRefused, b.counters().unauthenticatedReplaced], [1, 0]);
});

test('a dialler that speaks TLS to a plaintext port is gone at its first bytes', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const socket = connectTls({ host: '127.0.0.1', port: b.port, rejectUnauthorized: false });
  socket.on('error', () => {});
  await closed(socket);
  assert.equal(b.counters().framingErrors, 1);
});

test('a peer that breaks rules is answered, and is out when it goes on', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  const stranger = await nodes.member('stranger', b.port);
  stranger.say({ from: 'somebody' });
  await until(() => stranger.error('message') !== undefined, 'the answer');
  assert.match(stranger.error('message')?.message ?? '', /from must be stranger/);
  for (let i = 0; i < 15; i += 1) stranger.say({ type: '' });
  await until(() => stranger.ended, 'the end');
  assert.match(stranger.error('connection')?.message ?? '', /16 invalid messages within/);
  assert.deepEqual([b.received.length, b.counters().spoofed, b.counters().faultyClosed], [0, 1, 1]);
  await until(() => b.seen('disconnected').length === 1, 'the peer to be gone');
});

test('a frame beyond the limit from a peer that is in ends its connection and nobody else', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { limits: { maxFrameBytes: 10_000 } });
  const honest = await nodes.member('honest', b.port);
  const stranger = await nodes.member('stranger', b.port);
  stranger.socket.write(Buffer.from([0, 0, 0x27, 0x11]));
  await until(() => stranger.ended, 'the end');
  assert.equal(stranger.error('connection')?.code, 'TOO_LARGE');
  assert.equal(b.seen('disconnected')[0]?.error.code, 'TOO_LARGE');
  honest.say({ payload: 1 });
  await until(() => b.received.length === 1, 'the honest one');
});
