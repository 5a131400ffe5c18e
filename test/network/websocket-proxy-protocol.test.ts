import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { proxyHeaderBytes, readProxyHeader } from '../../src/network/framed/proxy-header.js';
import { resolveOptions } from '../../src/network/websocket/options.js';
import { assertNothingLeft } from '../leaks.js';
import { closed, Nodes, type Stranger, until } from './websocket-nodes.js';
import { EchoAuthenticator, newAuthority, ReplaceableTls, tlsListener } from './websocket-tls-nodes.js';

assertNothingLeft();

const authority = await newAuthority();
const tls = await ReplaceableTls.by(authority);

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const TCP4 = 0x11;
const TCP6 = 0x21;

/** A header as a proxy writes it. */
function header(command: number, family: number, addresses: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(addresses.length);
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, addresses]);
}

const v4 = (host: readonly number[], port: number, extensions = Buffer.alloc(0)): Buffer =>
  header(
    0x21,
    TCP4,
    Buffer.concat([Buffer.from([...host, 10, 0, 0, 1, port >> 8, port & 255, 0x1e, 0x14]), extensions]),
  );

const v6 = (hostHex: string, port: number): Buffer =>
  header(
    0x21,
    TCP6,
    Buffer.concat([Buffer.from(hostHex, 'hex'), Buffer.alloc(16), Buffer.from([port >> 8, port & 255, 0, 0])]),
  );

const local = header(0x20, 0, Buffer.alloc(0));

const READ: readonly { readonly name: string; readonly bytes: Buffer; readonly source: unknown }[] = [
  { name: 'IPv4', bytes: v4([192, 0, 2, 7], 50_122), source: { host: '192.0.2.7', port: 50_122 } },
  {
    name: 'IPv4 with extensions',
    bytes: v4([192, 0, 2, 7], 1, Buffer.from('030004a1b2c3d4', 'hex')),
    source: { host: '192.0.2.7', port: 1 },
  },
  {
    name: 'IPv6',
    bytes: v6('20010db8000000000000000000000001', 65_535),
    source: { host: '2001:db8::1', port: 65_535 },
  },
  { name: 'IPv4 in IPv6', bytes: v6('00000000000000000000ffffc0000207', 80), source: { host: '192.0.2.7', port: 80 } },
  { name: 'a check of the proxy', bytes: local, source: undefined },
];

test('a header is measured at each byte and read when it is whole', () => {
  for (const { name, bytes, source } of READ) {
    for (let i = 1; i < bytes.length; i += 1) assert.ok(proxyHeaderBytes(bytes.subarray(0, i)) > i, `${name} at ${i}`);
    assert.equal(proxyHeaderBytes(Buffer.concat([bytes, Buffer.from('more')])), bytes.length, name);
    assert.deepEqual(readProxyHeader(bytes), source, name);
  }
});

const REFUSED: readonly (readonly [string, Buffer])[] = [
  ['version 1', Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 50122 7700\r\n')],
  ['no header', Buffer.from([0x16, 3, 1])],
  ['another version', header(0x31, TCP4, Buffer.alloc(12))],
  ['another command', header(0x22, TCP4, Buffer.alloc(12))],
  ['no address', header(0x21, 0, Buffer.alloc(0))],
  ['a UNIX socket', header(0x21, 0x31, Buffer.alloc(216))],
  ['UDP', header(0x21, 0x12, Buffer.alloc(12))],
  ['an address that is cut off', header(0x21, TCP4, Buffer.alloc(11))],
  ['an IPv6 address that is cut off', header(0x21, TCP6, Buffer.alloc(35))],
  ['more extensions than fit', v4([192, 0, 2, 7], 1, Buffer.alloc(1_000))],
];

test('what is no header that names an address is refused', () => {
  for (const [name, bytes] of REFUSED) {
    assert.throws(
      () => proxyHeaderBytes(bytes) === bytes.length && readProxyHeader(bytes),
      { code: 'INVALID_MESSAGE', message: /PROXY protocol/ },
      name,
    );
  }
});

test('without TLS anyone could claim to be local, so it is refused', () => {
  const authenticator = new EchoAuthenticator();
  const listen = [{ name: 'a', host: '127.0.0.1', port: 0, authenticator, proxyProtocol: true }];
  assert.throws(() => resolveOptions({ listen }), {
    code: 'INVALID_OPTION',
    message: /listen\[0\]\.proxyProtocol.*tls/,
  });
});

const anyone = () => ({
  name: 'anyone',
  authenticate: async ({
    node,
    role,
  }: {
    node: string;
    role: 'collaborator' | 'leader' | 'operator' | 'observer';
  }) => ({
    node,
    role,
    maySubmit: false,
  }),
});

/** Through a proxy, as far as the leader can see. */
async function through(nodes: Nodes, port: number, pieces: readonly Buffer[]): Promise<TLSSocket> {
  const tcp = await nodes.tcp(port);
  for (const piece of pieces) {
    tcp.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const socket = connectTls({ socket: tcp, ca: [...authority.roots], checkServerIdentity: () => undefined });
  socket.on('error', () => {});
  return socket;
}

async function joined(nodes: Nodes, name: string, port: number, pieces: readonly Buffer[]): Promise<Stranger> {
  const socket = await through(nodes, port, pieces);
  return nodes.guest(name, port, { createConnection: () => socket });
}

test('the address of a peer is that of the header, and its bounds are counted by it', async () => {
  await using nodes = new Nodes();
  const listen = tlsListener(tls, { proxyProtocol: true, authenticator: anyone() });
  const leader = await nodes.leader({ listen, limits: { maxConnectionsPerAddress: 1 } });
  const first = v4([192, 0, 2, 7], 50_122);
  await joined(
    nodes,
    'w1',
    leader.port,
    [...first].map((byte) => Buffer.from([byte])),
  );
  await joined(nodes, 'w2', leader.port, [v6('20010db8000000000000000000000001', 9)]);
  await joined(nodes, 'w3', leader.port, [local]);
  await until(() => leader.network.peers.size === 3, 'three peers');
  assert.equal(leader.network.peers.get('w1')?.address, '192.0.2.7:50122');
  assert.equal(leader.network.peers.get('w2')?.address, '[2001:db8::1]:9');
  assert.match(leader.network.peers.get('w3')?.address ?? '', /^127\.0\.0\.1:\d+$/);
  const fourth = await joined(nodes, 'w4', leader.port, [v4([192, 0, 2, 7], 50_123)]);
  await until(() => fourth.closeCode !== undefined, 'the refusal');
  assert.match(fourth.error('hello')?.message ?? '', /1 connections of 192\.0\.2\.7/);
  assert.equal(leader.network.counters.addressFull, 1);
});

test('sockets that wait to authenticate count for the address of the header, not for the proxy', async () => {
  await using nodes = new Nodes();
  const listen = tlsListener(tls, { proxyProtocol: true, authenticator: anyone() });
  const leader = await nodes.leader({ listen, limits: { maxUnauthenticatedPerAddress: 1 } });
  const open = await Promise.all([1, 2, 3].map((host) => through(nodes, leader.port, [v4([192, 0, 2, host], 1)])));
  await Promise.all(open.map((socket) => once(socket, 'secureConnect')));
  const refused = await through(nodes, leader.port, [v4([192, 0, 2, 3], 2)]);
  await closed(refused);
  assert.equal(leader.network.counters.unauthenticatedRefused, 1);
  assert.ok(open.every((socket) => !socket.destroyed));
});

test('whoever brings no header is cut off and counted, and so is who brings half of one', async () => {
  await using nodes = new Nodes();
  const listen = tlsListener(tls, { proxyProtocol: true, authenticator: anyone() });
  const leader = await nodes.leader({ listen, limits: { handshakeTimeoutMs: 300, sweepMs: 50 } });
  await closed(await through(nodes, leader.port, []));
  for (const [, bytes] of REFUSED.slice(2)) {
    const tcp = await nodes.tcp(leader.port);
    tcp.write(bytes);
    await closed(tcp);
  }
  assert.equal(leader.network.counters.proxyHeadersRefused, REFUSED.length - 1);
  const half = await nodes.tcp(leader.port);
  half.write(local.subarray(0, 14));
  await closed(half);
  assert.equal(leader.network.counters.handshakeTimeouts, 1);
  const gone = await nodes.tcp(leader.port);
  gone.end(local.subarray(0, 14));
  await closed(gone);
  await joined(nodes, 'w1', leader.port, [local]);
  await until(() => leader.network.peers.has('w1'), 'the peer with a header');
});
