import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Credentials } from '../../src/network/credentials.js';
import { assertNothingLeft } from '../leaks.js';
import { closed, Nodes, until } from './websocket-nodes.js';
import { EchoCredentials, newAuthority, ReplaceableTls, tlsListener } from './websocket-tls-nodes.js';

assertNothingLeft();

const authority = await newAuthority();
const tls = await ReplaceableTls.by(authority);
const HURRY = { handshakeTimeoutMs: 300, sweepMs: 50 };
const ca = [...authority.roots];

const overTls = (socket: Duplex): TLSSocket => {
  const secure = connectTls({ socket, ca, checkServerIdentity: () => undefined });
  secure.on('error', () => {});
  return secure;
};

/** The first flight of a TLS client, as it goes over the wire. */
async function clientHello(): Promise<Buffer> {
  const written: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const client = overTls(wire);
  await until(() => written.length > 0, 'the ClientHello');
  client.destroy();
  wire.destroy();
  return Buffer.concat(written);
}

test('whatever comes instead of TLS is cut off and counted, and newcomers get in all the same', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls) });
  const hello = await clientHello();
  const { counters } = leader.network;
  const noTls = [
    Buffer.from('hello\r\n'),
    Buffer.from([0]),
    randomBytes(10_000).fill(0x80, 0, 1),
    Buffer.from([0x16, 2, 0]),
    Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0]),
    Buffer.concat([Buffer.from([0x16, 3, 1, 0x10, 0]), Buffer.alloc(4_096, 1)]),
    Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
  ];
  for (const bytes of noTls) {
    const tcp = await nodes.tcp(leader.port);
    tcp.resume().write(bytes);
    await closed(tcp);
  }
  assert.equal(counters.plaintextRefused, noTls.length);
  const damaged = Buffer.from(hello);
  damaged.fill(0xff, 9, 60);
  for (const bytes of [damaged, Buffer.concat([hello, randomBytes(3_000).fill(0x17, 0, 1)])]) {
    const tcp = await nodes.tcp(leader.port);
    tcp.resume().write(bytes);
    await closed(tcp);
  }
  assert.equal(counters.tlsFailures, 2);
  const half = await nodes.tcp(leader.port);
  half.end(hello.subarray(0, 50));
  await closed(half.resume());
  await nodes.member('worker-1', leader, { credentials: new EchoCredentials(authority) });
  assert.equal(leader.network.peers.size, 1);
});

test('a ClientHello may come a byte at a time', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls) });
  const hello = await clientHello();
  const tcp = await nodes.tcp(leader.port);
  let answered = 0;
  tcp.on('data', (bytes) => {
    answered += bytes.length;
  });
  for (const byte of hello) {
    tcp.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => answered > 300, 'the flight of the server');
});

test('connections that stop on the way are ended at the deadline, wherever they stop', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls), limits: HURRY });
  const hello = await clientHello();
  const started = performance.now();
  const silent = await nodes.tcp(leader.port);
  const half = await nodes.tcp(leader.port);
  half.write(hello.subarray(0, 100));
  const unfinished = await nodes.tcp(leader.port);
  unfinished.resume().write(hello);
  const secured = overTls(await nodes.tcp(leader.port));
  await once(secured, 'secureConnect');
  const asking = overTls(await nodes.tcp(leader.port));
  asking.write('GET / HTTP/1.1\r\nhost: x\r\n');
  const upgraded = nodes.webSocket(leader.port, { ca });
  const greeted = await nodes.guest('worker-1', leader.port, { ca });
  await Promise.all([
    ...[silent, half, unfinished, secured.resume(), asking.resume()].map(closed),
    once(upgraded, 'close'),
    until(() => greeted.closeCode !== undefined, 'the end of the one that was challenged'),
  ]);
  const tookMs = performance.now() - started;
  assert.ok(tookMs >= 290 && tookMs < 3 * 400, `took ${tookMs} ms`);
  assert.equal(leader.network.counters.handshakeTimeouts, 7);
  assert.equal(leader.network.counters.tlsFailures, 0, 'they were not counted twice');
});

test('over TLS, too, a socket may send 4 KiB before it has authenticated', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls), limits: { sweepMs: 60_000 } });
  const secure = overTls(await nodes.tcp(leader.port));
  await once(nodes.webSocket(leader.port, { createConnection: () => secure }), 'open');
  // A frame of which the end never comes.
  secure.write(Buffer.concat([Buffer.from([0x81, 0xfe, 0xff, 0, 0, 0, 0, 0]), Buffer.alloc(4_200)]));
  await closed(secure);
  assert.equal(leader.network.counters.unauthenticatedInvalid, 1);
  const header = overTls(await nodes.tcp(leader.port));
  header.resume().write(`GET / HTTP/1.1\r\nx: ${'x'.repeat(10_000)}\r\n\r\n`);
  await closed(header);
  assert.equal(leader.network.counters.httpRefused, 1);
});

test('what a socket may send is bounded in TLS records as well, which may be larger than what is in them', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls), limits: { sweepMs: 60_000 } });
  const secure = overTls(await nodes.tcp(leader.port));
  const webSocket = nodes.webSocket(leader.port, { createConnection: () => secure });
  await once(webSocket, 'open');
  // The beginning of a frame of 1,000 bytes, then a byte at a time: 23 bytes of record for each.
  secure.write(Buffer.from([0x81, 0xfe, 3, 0xe8, 0, 0, 0, 0]));
  for (let i = 0; i < 400 && !secure.destroyed; i += 1) {
    await new Promise<void>((resolve) => secure.write('x', () => resolve()));
  }
  await closed(secure);
  assert.equal(leader.network.counters.unauthenticatedInvalid, 1);
});

test('the longest proof that a hello leaves room for gets in', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls) });
  const answer: Credentials['answer'] = (_challenge, { binding, write }) => {
    const token = 'x'.repeat(112);
    write('enrol', {
      token,
      key: 'k'.repeat(43),
      signature: 's'.repeat(86),
      binding: Buffer.from(binding ?? []).toString('hex'),
    });
  };
  const credentials = Object.assign(new EchoCredentials(authority), { answer });
  const node = 'w'.repeat(63);
  // What is left of 2,816 bytes for the greeting beside the other fields.
  const greeting = () => ({ tags: 'x'.repeat(2_816 - 330) });
  const member = await nodes.dialler(node, leader.port, { credentials, wiring: { greeting } });
  await until(() => member.network.upstream === 'leader', 'it to be connected');
  const verbose = await nodes.dialler('worker-2', leader.port, {
    credentials,
    wiring: { greeting: () => ({ tags: 'x'.repeat(2_816) }) },
  });
  await until(() => verbose.seen('refused').length === 1, 'the refusal');
  assert.match(verbose.seen('refused')[0]?.error.message ?? '', /more than the 2816 allowed/);
});

test('bytes that do not belong into a TLS stream end that connection and nothing else', async () => {
  await using nodes = new Nodes();
  const listen = tlsListener(tls, {
    authenticator: {
      name: 'anyone',
      authenticate: async ({ node, role }) => ({ node, role, maySubmit: false }),
    },
  });
  const leader = await nodes.leader({ listen });
  await nodes.member('bystander', leader, { credentials: new EchoCredentials(authority) });
  for (const junk of [
    randomBytes(500),
    Buffer.from([0x17, 3, 3, 0, 20, ...randomBytes(20)]),
    Buffer.from('nonsense'),
  ]) {
    const tcp = await nodes.tcp(leader.port);
    const secure = overTls(tcp);
    const options = { createConnection: () => secure };
    const peer = await nodes.stranger('worker-1', leader.port, options);
    assert.ok(leader.network.peers.has('worker-1'));
    tcp.write(junk);
    await until(() => !leader.network.peers.has('worker-1'), 'the end of the connection');
    await until(() => peer.closeCode !== undefined, 'its other end to know');
  }
  assert.deepEqual([...leader.network.peers.keys()], ['bystander']);
});

test('sockets that the peer resets, at any moment, harm nobody', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls) });
  const hello = await clientHello();
  for (let i = 0; i < 20; i += 1) {
    const tcp = await nodes.tcp(leader.port);
    if (i % 4 > 0) tcp.write(hello);
    if (i % 4 > 1) await once(tcp, 'data');
    if (i % 4 > 2) tcp.write(hello);
    tcp.resetAndDestroy();
  }
  await nodes.member('worker-1', leader, { credentials: new EchoCredentials(authority) });
});
