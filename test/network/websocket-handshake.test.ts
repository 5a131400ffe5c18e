import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { assertNothingLeft } from '../leaks.js';
import { helloPayload, Nodes, Stranger, until } from './websocket-nodes.js';

assertNothingLeft();

const HURRY = { handshakeTimeoutMs: 300, sweepMs: 50 };

for (const codec of ['json', 'msgpack'] as const) {
  test(`greets and exchanges messages in ${codec}`, async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader(
      { relay: true },
      { admit: () => ({ welcome: { heartbeatMs: 2000 } }), version: '7.0.0' },
    );
    const member = await nodes.member('worker-1', leader, { codec, wiring: { greeting: () => ({ slots: 3 }) } });
    const seen = leader.network.peers.get('worker-1');
    assert.equal(seen?.role, 'collaborator');
    assert.equal(seen?.version, '1.2.3');
    assert.equal(seen?.instance, member.stamp.epoch);
    assert.equal(seen?.listener, 'tcp');
    assert.match(seen?.address ?? '', /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(seen?.greeting, { slots: 3 });
    const upstream = member.network.peers.get('leader');
    assert.equal(member.network.upstream, 'leader');
    assert.equal(upstream?.role, 'leader');
    assert.equal(upstream?.version, '7.0.0');
    assert.equal(upstream?.listener, 'dial');
    assert.deepEqual(upstream?.greeting, { heartbeatMs: 2000 });

    leader.onMessage = (message) =>
      leader.send({ kind: 'response', to: message.from, re: message.id, payload: message.payload });
    assert.equal(member.send({ kind: 'request', payload: { bytes: new Uint8Array([1, 2, 3]), text: 'ü€' } }), 'queued');
    await until(() => member.received.length === 1, 'the answer');
    assert.deepEqual(payloadOf(member.received[0] ?? {}), { bytes: new Uint8Array([1, 2, 3]), text: 'ü€' });
    assert.equal(leader.seen('connected').length, 1);
    assert.equal(member.seen('connected').length, 1);
  });
}

test('a name in use is refused for good, with the message of whoever refused it', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader(
    {},
    { admit: ({ node, present }) => (present ? new NetworkError('NAME_IN_USE', `${node} is taken`) : {}) },
  );
  await nodes.member('worker-1', leader);
  const second = await nodes.dialler('worker-1', leader.port);
  await until(() => second.seen('refused').length === 1, 'the refusal');
  assert.equal(second.seen('refused')[0]?.error.code, 'NAME_IN_USE');
  assert.equal(second.seen('refused')[0]?.error.message, 'worker-1 is taken');
  assert.equal(second.clock.pending, 1, 'only the sweep: it does not dial again');
  assert.equal(leader.network.counters.joinsRefused, 1);
  assert.equal(leader.seen('disconnected').length, 0);
  const namesake = await nodes.dialler('leader', leader.port);
  await until(() => namesake.seen('refused').length === 1, 'the refusal of the name of the leader itself');
  assert.equal(namesake.seen('refused')[0]?.error.code, 'NAME_IN_USE');
});

test('another cluster and a role that the listener does not grant are refused', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const other = await nodes.dialler('worker-1', leader.port, { wiring: { cluster: 'other' } });
  const operator = await nodes.dialler('cli', leader.port, { wiring: { role: 'operator' } });
  await until(() => other.seen('refused').length + operator.seen('refused').length === 2, 'both refusals');
  assert.equal(other.seen('refused')[0]?.error.code, 'CLUSTER_MISMATCH');
  assert.match(other.seen('refused')[0]?.error.message ?? '', /default.*other/);
  assert.equal(operator.seen('refused')[0]?.error.code, 'NOT_ALLOWED');
  assert.match(operator.seen('refused')[0]?.error.message ?? '', /operator.*UNIX socket/);
});

const BAD_FIRST: readonly { name: string; fields: Record<string, unknown>; code: string; message: RegExp }[] = [
  { name: 'no hello', fields: { kind: 'event' }, code: 'INVALID_MESSAGE', message: /control hello/ },
  {
    name: 'a role that does not exist',
    fields: { payload: helloPayload({ role: 'king' }) },
    code: 'INVALID_MESSAGE',
    message: /hello\.role/,
  },
  {
    name: 'no instance',
    fields: { payload: helloPayload({ instance: undefined }) },
    code: 'INVALID_MESSAGE',
    message: /hello\.instance/,
  },
  {
    name: 'a version that is no text',
    fields: { payload: helloPayload({ version: 7 }) },
    code: 'INVALID_MESSAGE',
    message: /hello\.version/,
  },
  {
    name: 'a window of nothing',
    fields: { payload: helloPayload({ window: 0 }) },
    code: 'INVALID_MESSAGE',
    message: /hello\.window/,
  },
  {
    name: 'a greeting that is a list',
    fields: { payload: helloPayload({ greeting: [] }) },
    code: 'INVALID_MESSAGE',
    message: /hello\.greeting/,
  },
  { name: 'no payload', fields: {}, code: 'INVALID_MESSAGE', message: /payload of hello/ },
];

for (const { name, fields, code, message } of BAD_FIRST) {
  test(`before authentication, ${name} ends the connection with an error that names it`, async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader();
    const stranger = new Stranger(nodes.webSocket(leader.port), 'worker-1');
    await once(stranger.socket, 'open');
    const id = stranger.say({ kind: 'control', type: 'hello', ...fields });
    await until(() => stranger.closeCode !== undefined, 'the close');
    assert.equal(stranger.error('hello')?.code, code);
    assert.match(stranger.error('hello')?.message ?? '', message);
    assert.equal(stranger.error('hello')?.re, name === 'no hello' ? undefined : id);
    assert.equal(stranger.closeCode, 4400);
    assert.equal(leader.network.peers.size, 0);
  });
}

test('before authentication, what is no message ends the connection, and so does a key that poisons objects', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const hello = JSON.stringify({ v: 1, id: 'a', kind: 'control', type: 'hello', from: 'w', ts: 1, payload: {} });
  const poison = `"payload":{"role":"collaborator","instance":"i","version":"1","greeting":{"__proto__":{"x":1}}}`;
  for (const text of ['nonsense', '[]', hello.replace('"v":1', '"v":2'), hello.replace('"payload":{}', poison)]) {
    const stranger = new Stranger(nodes.webSocket(leader.port), 'w');
    await once(stranger.socket, 'open');
    stranger.socket.send(text);
    await until(() => stranger.closeCode !== undefined, `the close after ${text}`);
    assert.ok(stranger.error('hello'), text);
  }
  assert.equal(leader.network.peers.size, 0);
  assert.equal(leader.events.length, 0);
});

test('mute sockets, with and without a WebSocket, are ended at the deadline', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: HURRY });
  const started = performance.now();
  const raw = await nodes.tcp(leader.port);
  const half = await nodes.tcp(leader.port);
  half.write('GET / HTTP/1.1\r\nhost: x\r\n');
  const mute = new Stranger(nodes.webSocket(leader.port), 'mute');
  await Promise.all([once(raw, 'close'), once(half, 'close'), once(mute.socket, 'close')]);
  const tookMs = performance.now() - started;
  assert.ok(tookMs >= 290 && tookMs < 3 * 400, `took ${tookMs} ms`);
  assert.equal(leader.network.counters.handshakeTimeouts, 3);
  assert.equal(mute.closeCode, 4408);
  assert.deepEqual(mute.error('hello'), {
    code: 'HANDSHAKE_TIMEOUT',
    message: 'no hello, or no proof that was asked for, came within 300 ms',
    re: undefined,
  });
});

test('the deadline includes an authenticator that waits for more', async () => {
  await using nodes = new Nodes();
  let waits = 0;
  const authenticator = {
    name: 'patient',
    authenticate: async (
      _hello: unknown,
      channel: { read(): Promise<unknown>; write(verb: string, payload: unknown): void },
    ) => {
      channel.write('challenge', { nonce: 'n' });
      waits += 1;
      await channel.read();
      return { node: 'worker-1', role: 'collaborator' as const, maySubmit: false };
    },
  };
  const listen = [{ name: 'tcp', host: '127.0.0.1', port: 0, authenticator }];
  const leader = await nodes.leader({ listen, limits: HURRY });
  const challenged = async (): Promise<Stranger> => {
    const stranger = new Stranger(nodes.webSocket(leader.port), 'worker-1');
    await once(stranger.socket, 'open');
    stranger.say({ kind: 'control', type: 'hello', payload: helloPayload() });
    await until(() => stranger.messages.some(({ type }) => type === 'challenge'), 'the challenge');
    return stranger;
  };
  const mute = await challenged();
  const answering = await challenged();
  answering.say({ kind: 'control', type: 'proof', payload: {} });
  await until(() => leader.network.peers.has('worker-1'), 'the one that answered to be in');
  await until(() => mute.closeCode !== undefined, 'the mute one to be out');
  assert.equal(waits, 2);
  assert.equal(answering.closeCode, undefined);
});

test('a stranger may not announce a frame of more than 4 KiB, and a member may', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const raw = await nodes.tcp(leader.port);
  let answer = '';
  raw.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  const upgrade = ['GET / HTTP/1.1', 'host: x', 'connection: upgrade', 'upgrade: websocket'];
  const key = ['sec-websocket-version: 13', `sec-websocket-key: ${'A'.repeat(22)}==`];
  raw.write([...upgrade, ...key, 'sec-websocket-protocol: netmgr.v1.json', '', ''].join('\r\n'));
  await until(() => answer.includes('101 Switching Protocols'), 'the upgrade');
  // Text, masked, of 4,097 bytes; not one of them is sent.
  raw.write(Buffer.from([0x81, 0xfe, 0x10, 0x01, 0, 0, 0, 0]));
  const tooLarge = Buffer.from([0x88, 2, 1009 >> 8, 1009 & 0xff]).toString('latin1');
  await until(() => answer.endsWith(tooLarge), 'the close frame');
  assert.equal(leader.network.counters.framingErrors, 1);
  const member = await nodes.member('worker-1', leader);
  member.send({ payload: 'x'.repeat(100_000) });
  await until(() => leader.received.length === 1, 'the message');
});

test('a socket may send 4 KiB before it has authenticated', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const webSocket = nodes.webSocket(leader.port);
  await once(webSocket, 'open');
  webSocket.send('x'.repeat(100_000));
  await once(webSocket, 'close');
  const raw = await nodes.tcp(leader.port);
  raw.write(`GET / HTTP/1.1\r\nx: ${'x'.repeat(10_000)}\r\n\r\n`);
  await once(raw, 'close');
  assert.equal(leader.network.counters.unauthenticatedInvalid, 1);
  assert.equal(leader.network.counters.httpRefused, 1);
  const greeting = () => ({ handlers: 'x'.repeat(5_000) });
  const verbose = await nodes.dialler('worker-1', leader.port, { wiring: { greeting } });
  await until(() => verbose.seen('refused').length === 1, 'the refusal');
  assert.equal(verbose.seen('refused')[0]?.error.code, 'TOO_LARGE');
});

test('only so many sockets of an address may wait to authenticate, and they make room when they are gone', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxUnauthenticatedPerAddress: 2 } });
  const first = await nodes.tcp(leader.port);
  await nodes.tcp(leader.port);
  const third = await nodes.tcp(leader.port);
  await once(third, 'close');
  assert.equal(leader.network.counters.unauthenticatedRefused, 1);
  first.destroy();
  await nodes.member('worker-1', leader);
  await nodes.member('worker-2', leader);
  assert.equal(leader.network.peers.size, 2);
});

test('the oldest socket that has said nothing makes room for a newcomer, one that has said something does not', async () => {
  await using nodes = new Nodes();
  // Nobody is late within this test.
  const leader = await nodes.leader({ limits: { maxUnauthenticated: 2, handshakeTimeoutMs: 60_000 } });
  const webSocket = nodes.webSocket(leader.port);
  await once(webSocket, 'open');
  const silent = await nodes.tcp(leader.port);
  const muttering = await nodes.tcp(leader.port);
  await once(silent, 'close');
  muttering.write('GET');
  await nodes.member('worker-1', leader);
  if (!muttering.destroyed) await once(muttering, 'close');
  assert.equal(leader.network.counters.unauthenticatedReplaced, 2);
  assert.equal(leader.network.counters.unauthenticatedRefused, 0);
  const second = nodes.webSocket(leader.port);
  await once(second, 'open');
  await once(await nodes.tcp(leader.port), 'close');
  assert.equal(leader.network.counters.unauthenticatedRefused, 1);
  assert.equal(webSocket.readyState, webSocket.OPEN);
  assert.equal(second.readyState, second.OPEN);
});

test('who waits in all places from a few addresses keeps nobody of another address out', async () => {
  await using nodes = new Nodes();
  const limits = { maxUnauthenticated: 8, maxUnauthenticatedPerAddress: 4, handshakeTimeoutMs: 60_000 };
  const leader = await nodes.leader({ limits });
  const { counters } = leader.network;
  const open = async (localAddress: string) => {
    const webSocket = nodes.webSocket(leader.port, { localAddress });
    await once(webSocket, 'open');
    return webSocket;
  };
  for (let i = 0; i < 8; i += 1) await open(`127.0.0.${2 + (i % 2)}`);
  await nodes.member('worker-1', leader);
  assert.deepEqual([counters.unauthenticatedReplaced, counters.unauthenticatedRefused], [1, 0]);
  const silent = await nodes.tcp(leader.port, '127.0.0.4');
  assert.equal(counters.unauthenticatedReplaced, 1, 'the place of the member that is in');
  // Of an address that has more.
  await once(await nodes.tcp(leader.port, '127.0.0.2'), 'close');
  assert.equal(counters.unauthenticatedRefused, 1);
  await nodes.member('worker-2', leader);
  assert.equal(silent.destroyed, false);
});

test('silent sockets of one address do not push out those of others', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { maxUnauthenticated: 3, maxUnauthenticatedPerAddress: 2 } });
  const other = await nodes.tcp(leader.port, '127.0.0.2');
  for (let i = 0; i < 2; i += 1) await nodes.tcp(leader.port);
  for (let i = 0; i < 5; i += 1) await once(await nodes.tcp(leader.port), 'close');
  assert.equal(leader.network.counters.unauthenticatedRefused, 5);
  assert.equal(leader.network.counters.unauthenticatedReplaced, 0);
  assert.equal(other.destroyed, false);
});

test('plain HTTP, browsers, other paths and other subprotocols get a short answer', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const statusOf = async (headers: Record<string, string>, path = '/'): Promise<number | undefined> => {
    const request = get({ host: '127.0.0.1', port: leader.port, path, headers, agent: false });
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'close');
    return response.statusCode;
  };
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  assert.equal(await statusOf({}), 426);
  assert.equal(await statusOf({ ...upgrade, origin: 'http://127.0.0.1' }), 403);
  assert.equal(await statusOf(upgrade, '/other'), 404);
  assert.equal(await statusOf({ ...upgrade, 'sec-websocket-protocol': 'netmgr.v2.json' }), 426);
  assert.equal(leader.network.counters.httpRefused, 4);
});

test('another protocol version is refused as such', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  for (const v of [2, 0, '1', 1.5]) {
    const stranger = new Stranger(nodes.webSocket(leader.port), 'w');
    await once(stranger.socket, 'open');
    stranger.say({ kind: 'control', type: 'hello', payload: helloPayload(), v });
    await until(() => stranger.closeCode !== undefined, 'the close');
    assert.equal(stranger.closeCode, 4426, `v ${JSON.stringify(v)}`);
    assert.equal(stranger.error('hello')?.code, 'VERSION_MISMATCH');
  }
});
