import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { MutualTlsOptions } from '../../src/network/mutual-tls.js';
import { assertNothingLeft } from '../leaks.js';
import { MeshAuthority } from './mesh-authority.js';
import { closed, frameOf, TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

let authority: MeshAuthority;
let stranger: MeshAuthority;
const tls: Record<string, MutualTlsOptions> = {};

before(async () => {
  authority = await MeshAuthority.create();
  stranger = await MeshAuthority.create('other');
  for (const node of ['a', 'b', 'c']) tls[node] = await authority.node(node);
});

test('nodes with certificates of one authority talk, in both directions, and large things too', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = [await nodes.node('a', { tls: tls['a'] }), await nodes.node('b', { tls: tls['b'] })];
  const payload = 'x'.repeat(300_000);
  a.send('b');
  await until(() => b.received.length === 1, 'a connection');
  for (let i = 0; i < 10; i += 1) assert.equal(a.send('b', { payload }), 'queued');
  await until(() => b.received.length === 11, 'the messages');
  b.send('a', { payload: 1 });
  await until(() => a.received.length === 1, 'the way back');
  assert.equal(b.network.peers.get('a')?.listener, 'tcp');
  await a.network.stop();
  await until(() => b.seen('disconnected').length === 1, 'the goodbye');
  assert.equal(b.seen('disconnected')[0]?.left, true);
});

test('a node that has another certificate than its address promises is not spoken to', async () => {
  await using nodes = new TcpNodes();
  const [a, c] = [await nodes.node('a', { tls: tls['a'] }), await nodes.node('c', { tls: tls['c'] })];
  nodes.addresses.set('b', `127.0.0.1:${c.port}`);
  a.send('b', { kind: 'request', ttl: 1000 });
  await until(() => a.seen('undelivered').length === 1, 'the refusal');
  assert.equal(a.seen('undelivered')[0]?.error.code, 'CLUSTER_MISMATCH');
  assert.match(a.seen('undelivered')[0]?.error.message ?? '', /its certificate is for c, not for b/);
  assert.equal(c.network.peers.size, 0);
});

test('a node of another authority is not believed, whichever side it is on', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', { tls: tls['a'] });
  const b = await nodes.node('b', { tls: await stranger.node('b') });
  a.send('b', { kind: 'request', ttl: 1000 });
  await until(() => a.seen('undelivered').length === 1, 'the refusal of the dialler');
  assert.equal(a.seen('undelivered')[0]?.error.code, 'CLUSTER_MISMATCH');
  assert.match(a.seen('undelivered')[0]?.error.message ?? '', /no authority that this node trusts/);
  await until(() => b.counters().tlsFailures === 1, 'the count');
  assert.deepEqual([a.network.peers.size, b.network.peers.size], [0, 0]);
});

test('who claims another name than its certificate is for is refused, and who shows none does not come in', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { tls: tls['b'], limits: { handshakeTimeoutMs: 1000, sweepMs: 50 } });
  const { ca } = tls['b'] as MutualTlsOptions;
  const options = { host: '127.0.0.1', port: b.port, ca: String(ca), checkServerIdentity: () => undefined };
  const hello = { role: 'collaborator', instance: 'i', version: '1', codecs: ['json'] };
  const message = { v: 1, id: 'h', kind: 'control', type: 'hello', from: 'c', ts: 1, payload: hello };

  const { key, cert } = tls['a'] as MutualTlsOptions;
  const liar = connectTls({ ...options, key: String(key), cert: String(cert) });
  liar.on('error', () => {});
  let said = '';
  liar.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  liar.write(frameOf(JSON.stringify(message)));
  await closed(liar);
  assert.match(said, /NOT_ALLOWED.*is for a, not for c/);

  const nobody = connectTls(options);
  nobody.on('error', () => {});
  nobody.resume();
  await closed(nobody);
  assert.equal(b.counters().tlsFailures, 1);
  assert.equal(b.network.peers.size, 0);
});

test('plaintext at a TLS port, and TLS at a plaintext one, fail at once', async () => {
  await using nodes = new TcpNodes();
  const a = await nodes.node('a', { tls: tls['a'] });
  const plain = await nodes.node('b');
  a.send('b', { kind: 'request', ttl: 1000 });
  plain.send('a', { kind: 'request', ttl: 1000 });
  await until(() => a.seen('undelivered').length === 1 && plain.seen('undelivered').length === 1, 'both refusals');
  assert.equal(a.counters().plaintextRefused, 1);
  assert.equal(plain.counters().framingErrors, 1);
  assert.notEqual(a.seen('undelivered')[0]?.error.message, undefined);
});

test('half a ClientHello, and a handshake that does not go on, are gone in time', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b', { tls: tls['b'], limits: { handshakeTimeoutMs: 150, sweepMs: 20 } });
  const silent = await nodes.socket(b.port);
  const half = await nodes.socket(b.port);
  half.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
  await Promise.all([silent, half].map((socket) => closed(socket.resume())));
  assert.equal(b.counters().handshakeTimeouts, 2);
});

test('a stop in the middle of handshakes leaves nothing', async () => {
  await using nodes = new TcpNodes();
  const [a, b] = [await nodes.node('a', { tls: tls['a'] }), await nodes.node('b', { tls: tls['b'] })];
  a.send('b', { kind: 'request', ttl: 1000 });
  const half = await nodes.socket(b.port);
  half.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
  await Promise.all([a.network.stop(), b.network.stop()]);
  assert.deepEqual([a.clock.pending, b.clock.pending], [0, 0]);
});
