import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { NetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { resolveOptions } from '../../src/network/websocket/options.js';
import { assertNothingLeft } from '../leaks.js';
import { TlsServer } from '../security/tls-server.js';
import { closed, Nodes, until } from './websocket-nodes.js';
import {
  EchoAuthenticator,
  EchoCredentials,
  hex,
  issued,
  newAuthority,
  ReplaceableTls,
  tlsListener,
} from './websocket-tls-nodes.js';

assertNothingLeft();

const authority = await newAuthority();
const stranger = await newAuthority();
const tls = await ReplaceableTls.by(authority);
const bindingOf = (pem: string): string => hex(createHash('sha256').update(new X509Certificate(pem).raw).digest());

test('a dialler proves itself over the very channel that it sees, and messages flow both ways', async () => {
  await using nodes = new Nodes();
  const authenticator = new EchoAuthenticator();
  const leader = await nodes.leader(
    { listen: tlsListener(tls, { authenticator }) },
    { admit: ({ maySubmit }) => ({ welcome: { maySubmit, roots: 'no' } }) },
  );
  const credentials = new EchoCredentials(authority);
  const member = await nodes.member('worker-1', leader, { credentials });
  assert.deepEqual(authenticator.answers, [
    { nonce: 'abc', node: 'worker-1', role: 'collaborator', binding: bindingOf(tls.current().chain) },
  ]);
  assert.equal(authenticator.channels[0]?.transport, 'tls');
  assert.match(authenticator.channels[0]?.address ?? '', /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(credentials.greetings, [{ maySubmit: true, roots: ['root'] }]);
  assert.equal(leader.network.peers.get('worker-1')?.maySubmit, true);
  assert.equal(member.network.peers.get('leader')?.maySubmit, true);
  leader.onMessage = ({ from, id, payload }) => leader.send({ kind: 'response', to: from, re: id, payload });
  const payload = { bytes: new Uint8Array([1, 2, 3]), text: 'ü€'.repeat(100_000) };
  assert.equal(member.send({ kind: 'request', payload }), 'queued');
  await until(() => member.received.length === 1, 'the answer');
  assert.deepEqual(payloadOf(member.received[0] ?? {}), payload);
});

test('an answer that was made for another channel is refused, though its certificate is good', async () => {
  await using nodes = new Nodes();
  const authenticator = new EchoAuthenticator();
  const leader = await nodes.leader({ listen: tlsListener(tls, { authenticator }) });
  const own = await issued(authority);
  const sockets: Socket[] = [];
  const relay = createTlsServer({ key: own.key, cert: own.chain, minVersion: 'TLSv1.3' }, (near) => {
    const far = connectTls({ host: '127.0.0.1', port: leader.port, rejectUnauthorized: false });
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const { port } = relay.address() as AddressInfo;
  const member = await nodes.dialler('worker-1', port, { credentials: new EchoCredentials(authority) });
  await until(() => member.seen('refused').length === 1, 'the refusal');
  assert.match(member.seen('refused')[0]?.error.message ?? '', /another channel/);
  assert.equal(authenticator.answers[0]?.['binding'], bindingOf(own.chain));
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => relay.close(resolve));
});

test('nothing is written to a peer whose certificate is not good, and nobody is asked to trust it', async () => {
  await using nodes = new Nodes();
  const own = await issued(stranger);
  const borrowed = { key: own.key, chain: own.certificate + authority.certificate };
  const late = await issued(authority, 60_000, Date.now() - 3_600_000);
  const early = await issued(authority, 60_000, Date.now() + 3_600_000);
  for (const [served, code, message] of [
    [own, 'CLUSTER_MISMATCH', /wss:\/\/127\.0\.0\.1:\d+ does not prove/],
    [borrowed, 'CLUSTER_MISMATCH', /does not prove/],
    [late, 'NOT_ALLOWED', /not valid at this time.*EXPIRED/],
    [early, 'NOT_ALLOWED', /not valid at this time.*NOT_YET_VALID/],
  ] as const) {
    await using impostor = await TlsServer.open(served);
    const credentials = new EchoCredentials(authority);
    const member = await nodes.dialler('worker-1', impostor.port, { credentials });
    await until(() => member.seen('refused').length === 1, 'the refusal');
    assert.equal(member.seen('refused')[0]?.error.code, code);
    assert.match(member.seen('refused')[0]?.error.message ?? '', message);
    assert.equal(impostor.received, 0);
    assert.equal(credentials.checked.length, code === 'NOT_ALLOWED' ? 1 : 0, 'asked for both times, no more');
    await member.network.stop();
  }
});

test('what the credentials refuse is refused in their words, before anything was written', async () => {
  await using nodes = new Nodes();
  await using server = await TlsServer.open(tls.current());
  const no = (): never => {
    throw new NetworkError('NOT_ALLOWED', 'no leader');
  };
  const unreachable = new NetworkError('CONNECTION_FAILED', 'the disk is gone');
  const checks = Object.assign(new EchoCredentials(authority), { checkPeer: no });
  const rootless = Object.assign(new EchoCredentials(authority), { roots: async () => no() });
  const retried = Object.assign(new EchoCredentials(authority), { roots: () => Promise.reject(unreachable) });
  for (const credentials of [checks, rootless]) {
    const member = await nodes.dialler('worker-1', server.port, { credentials });
    await until(() => member.seen('refused').length === 1, 'the refusal');
    assert.equal(member.seen('refused')[0]?.error.message, 'no leader');
  }
  const member = await nodes.dialler('worker-1', server.port, { credentials: retried });
  await until(() => member.seen('unreachable').length > 1, 'more than one dial');
  assert.equal(server.received, 0);
});

test('what the credentials refuse during the handshake ends the dial', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls) });
  const no = (): never => {
    throw new NetworkError('NOT_ALLOWED', 'not with me');
  };
  for (const refusal of [{ answer: no }, { welcomed: no }]) {
    const credentials = Object.assign(new EchoCredentials(authority), refusal);
    const member = await nodes.dialler('worker-1', leader.port, { credentials });
    await until(() => member.seen('refused').length === 1, 'the refusal');
    assert.equal(member.seen('refused')[0]?.error.message, 'not with me');
    assert.equal(member.seen('connected').length, 0);
  }
});

test('a stranger at the address sends nobody away for good who was connected before', async () => {
  await using nodes = new Nodes();
  const replaced = await ReplaceableTls.by(authority);
  const leader = await nodes.leader({ listen: tlsListener(replaced) });
  const { port } = leader;
  const member = await nodes.member('worker-1', leader, { credentials: new EchoCredentials(authority) });
  await leader.network.stop();
  const impostor = await nodes.leader({ listen: tlsListener(await ReplaceableTls.by(stranger), { port }) });
  await until(
    () => member.seen('unreachable').some(({ error }) => error.code === 'CLUSTER_MISMATCH'),
    'a refused dial',
  );
  assert.deepEqual(member.seen('refused'), []);
  await impostor.network.stop();
  await nodes.leader({ listen: tlsListener(replaced, { port }) });
  await until(() => member.seen('connected').length === 2, 'the leader again');
});

test('a renewed certificate is for new connections, and one that cannot be used for none', async () => {
  await using nodes = new Nodes();
  const renewed = await ReplaceableTls.by(authority);
  const authenticator = new EchoAuthenticator();
  const leader = await nodes.leader({ listen: tlsListener(renewed, { authenticator }) });
  const join = (name: string) => nodes.member(name, leader, { credentials: new EchoCredentials(authority) });
  const first = bindingOf(renewed.current().chain);
  await join('worker-1');
  await renewed.renew(authority);
  const second = bindingOf(renewed.current().chain);
  await join('worker-2');
  renewed.replace({ key: 'no key', chain: 'no certificate' });
  await join('worker-3');
  assert.deepEqual(
    authenticator.answers.map(({ binding }) => binding),
    [first, second, second],
  );
  assert.equal(hex(authenticator.channels[0]?.binding), first, 'that of the connection, not the newest');
  assert.equal(leader.network.peers.size, 3);
  assert.equal(renewed.listeners, 1);
  await leader.network.stop();
  assert.equal(renewed.listeners, 0);
});

test('a certificate that cannot be used keeps the listener from starting, with nothing left open', async () => {
  await using nodes = new Nodes();
  const broken = await ReplaceableTls.by(authority);
  broken.replace({ key: tls.current().key, chain: broken.current().chain });
  const leader = nodes.node('leader', { listen: tlsListener(broken) });
  await assert.rejects(leader.network.start(), { code: 'INVALID_OPTION', message: /certificate cannot be used/ });
  assert.equal(leader.clock.pending, 0);
  assert.equal(broken.listeners, 0);
});

test('plaintext on a TLS port and TLS on a plaintext port are told apart by the dialler', async () => {
  await using nodes = new Nodes();
  const secure = await nodes.leader({ listen: tlsListener(tls) });
  const plain = nodes.node('plain', { listen: [{ ...tlsListener(tls)[0], tls: undefined }] });
  await plain.network.start();
  const one = await nodes.dialler('worker-1', secure.port);
  const two = await nodes.dialler('worker-2', plain.port, { credentials: new EchoCredentials(authority) });
  await until(() => one.seen('refused').length + two.seen('refused').length === 2, 'both refusals');
  const [first] = one.seen('refused');
  const [second] = two.seen('refused');
  assert.match(first?.error.message ?? '', /127\.0\.0\.1:\d+ speaks TLS only/);
  assert.match(first?.error.hint ?? '', /wss:/);
  assert.match(second?.error.message ?? '', /wss:\/\/127\.0\.0\.1:\d+ speaks no TLS/);
  assert.match(second?.error.hint ?? '', /ws:/);
  assert.equal(second?.address, `wss://127.0.0.1:${plain.port}`);
  assert.equal(secure.network.counters.plaintextRefused, 1);
  assert.equal(plain.network.counters.httpRefused, 1);
});

test('TLS 1.2 is not spoken', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls) });
  const old = connectTls({ host: '127.0.0.1', port: leader.port, ca: [...authority.roots], maxVersion: 'TLSv1.2' });
  const errors: NodeJS.ErrnoException[] = [];
  old.on('error', (error) => errors.push(error));
  await closed(old);
  assert.match(errors[0]?.code ?? '', /PROTOCOL_VERSION/);
  assert.equal(leader.network.counters.tlsFailures, 1);
});

test('what the address says and whether there are credentials must agree', () => {
  const credentials = new EchoCredentials(authority);
  for (const [address, message] of [
    ['ws://host', /ws:\/\/host is not for TLS/],
    ['unix:/s', /unix:\/s is not for TLS/],
  ] as const) {
    assert.throws(() => resolveOptions({ dial: { address, credentials } }), { code: 'INVALID_OPTION', message });
  }
  assert.throws(() => resolveOptions({ dial: { address: 'wss://host' } }), {
    code: 'INVALID_OPTION',
    message: /wss:\/\/host is for TLS/,
    hint: /token/,
  });
  for (const address of ['host', 'wss://host:7700']) {
    assert.deepEqual(resolveOptions({ dial: { address, credentials } }).dial?.address, {
      kind: 'tcp',
      host: 'host',
      port: 7700,
      tls: true,
    });
  }
});

test('a message is one TLS record, not one for its frame header and another for what is in it', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ listen: tlsListener(tls), limits: { ackDelayMs: 3_600_000 } });
  const records = new RecordCounter();
  const sockets: Socket[] = [];
  const tap = createServer((near) => {
    const far = connectTcp({ host: '127.0.0.1', port: leader.port });
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => {});
    far.on('data', (bytes) => records.take(bytes));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve));
  const { port } = tap.address() as AddressInfo;
  const member = await nodes.dialler('worker-1', port, { credentials: new EchoCredentials(authority) });
  await until(() => member.network.upstream === 'leader', 'the connection');
  const before = records.count;
  for (let i = 1; i <= 5; i += 1) {
    leader.send({ to: 'worker-1', payload: 'x'.repeat(i * 3_000) });
    await until(() => member.received.length === i, 'the message');
  }
  assert.equal(records.count - before, 5);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => tap.close(resolve));
});

/** Counts the records in a TLS stream. */
class RecordCounter {
  count = 0;
  #rest: Buffer = Buffer.alloc(0);

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt16BE(3)) {
      this.count += 1;
      this.#rest = this.#rest.subarray(5 + this.#rest.readUInt16BE(3));
    }
  }
}
