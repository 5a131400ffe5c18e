import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcasts } from '../../src/network/framed/outcasts.js';
import { TlsOverhead } from '../../src/network/framed/tls-overhead.js';
import { ClaimAuthenticator } from '../../src/network/tcp/claim-authenticator.js';
import { assertNothingLeft } from '../leaks.js';
import { helloPayload, type Node, Nodes, until } from '../network/websocket-nodes.js';
import { newAuthority, ReplaceableTls } from '../network/websocket-tls-nodes.js';
import { RawTls } from './raw-tls.js';

assertNothingLeft();

const authority = await newAuthority();
const tls = await ReplaceableTls.by(authority);
const UPGRADE = [
  'GET / HTTP/1.1',
  'host: x',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  `sec-websocket-key: ${'A'.repeat(22)}==`,
  'sec-websocket-protocol: netmgr.v1.json',
  '',
  '',
].join('\r\n');

/** A text frame of a client, masked with zero. */
function frameOf(fields: Record<string, unknown>): Buffer {
  const text = JSON.stringify({ v: 1, id: 'evil-1', kind: 'event', type: 'test', from: 'evil', ts: 1, ...fields });
  const head = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.from(text)]);
}

const hello = { kind: 'control', type: 'hello', payload: helloPayload({ instance: 'of-evil' }) };

async function member(nodes: Nodes, leader: Node): Promise<RawTls> {
  const bound = leader.network.boundAddresses.get('tls');
  assert.ok(bound && 'port' in bound);
  const raw = await RawTls.over(await nodes.tcp(bound.port));
  raw.write(raw.content(Buffer.from(UPGRADE)));
  raw.write(raw.content(frameOf(hello)));
  return raw;
}

test('who floods with KeyUpdates is cut off, and others are not', async () => {
  await using nodes = new Nodes();
  const plain = { host: '127.0.0.1', port: 0, authenticator: new ClaimAuthenticator() };
  const listen = [
    { ...plain, name: 'tcp' },
    { ...plain, name: 'tls', tls },
  ];
  const leader = await nodes.leader({ listen, limits: { sweepMs: 50 } });
  const honest = await nodes.member('honest', leader);
  const evil = await member(nodes, leader);
  await until(() => leader.network.peers.has('evil'), 'it to be in');
  const { counters } = leader.network;
  // A few are nobody's business.
  for (let i = 0; i < 100; i += 1) evil.write(evil.keyUpdate());
  evil.write(evil.content(frameOf({ payload: 'after some' })));
  await until(() => leader.received.length === 1, 'what was sent after a few');
  evil.write(Buffer.concat(Array.from({ length: 2_000 }, () => evil.keyUpdate())));
  await until(() => counters.tlsFloods === 1, 'the end of it');
  assert.equal(leader.network.peers.has('evil'), false);
  assert.equal(leader.seen('disconnected')[0]?.error.code, 'FLOOD');
  await member(nodes, leader);
  await until(() => counters.joinsRefused === 1, 'the refusal when it comes back');
  honest.send({ payload: 'x'.repeat(100_000) });
  for (let i = 0; i < 1_000; i += 1) honest.send({ payload: i });
  await until(() => leader.received.length === 1_002, 'what others send');
  assert.equal(counters.tlsFloods, 1);
});

test('small frames, each in a record of its own, are no flood, and records without much in them are', () => {
  const arrival = { tcp: { bytesRead: 0 }, stream: { bytesRead: 0 } };
  const overhead = new TlsOverhead(arrival as unknown as ConstructorParameters<typeof TlsOverhead>[0]);
  const records = (count: number, bytes: number): number => {
    arrival.tcp.bytesRead += count * (bytes + 22);
    arrival.stream.bytesRead += count * bytes;
    return overhead.excess();
  };
  assert.deepEqual(
    [
      [100_000, 60],
      [500, 1],
      [10_000, 1],
      [0, 0],
      [100_000, 44],
      [700, 5],
    ].map(([count = 0, bytes = 0]) => records(count, bytes)),
    [0, 0, 220_000, 0, 0, 0],
  );
});

test('an outcast may come back after a minute, and not all are remembered', () => {
  const outcasts = new Outcasts();
  outcasts.add('evil', 0);
  assert.throws(() => outcasts.check('evil', 1), { code: 'OVERLOADED', message: /again in 60 s$/ });
  outcasts.check('other', 1);
  outcasts.check('evil', 60_000);
  for (let i = 0; i <= 1_000; i += 1) outcasts.add(`evil-${i}`, 60_000);
  outcasts.check('evil-0', 60_001);
  assert.throws(() => outcasts.check('evil-1', 60_001), { code: 'OVERLOADED' });
});
