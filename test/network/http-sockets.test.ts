import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { cardOf, type HttpNode, HttpNodes, until } from './http-nodes.js';
import { MeshAuthority } from './mesh-authority.js';

assertNothingLeft();

interface Hop {
  readonly url: string;
  /** All that have come in. */
  readonly sockets: Socket[];
  readonly open: number;
}

/** Hands bytes on to a node, and sees the sockets. */
async function hopTo(nodes: HttpNodes, target: HttpNode): Promise<Hop> {
  const sockets: Socket[] = [];
  const url = await nodes.tcp((socket) => {
    sockets.push(socket);
    const onwards = connect({ host: '127.0.0.1', port: target.port });
    socket.pipe(onwards).pipe(socket);
    onwards.on('error', () => socket.destroy());
    socket.on('close', () => onwards.destroy());
  });
  return {
    url,
    sockets,
    get open() {
      return sockets.filter(({ closed }) => !closed).length;
    },
  };
}

/** Answers each request of `a` as the test wants, one after the other. */
async function answering(nodes: HttpNodes, ...texts: readonly string[]): Promise<{ url: string; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  let at = 0;
  const url = await nodes.tcp((socket) => {
    sockets.push(socket);
    socket.on('data', () => {
      socket.write(texts[Math.min(at, texts.length - 1)] ?? '');
      at += 1;
    });
  });
  return { url, sockets };
}

const MIB = 1024 * 1024;
const CARD = `netmgr: ${cardOf('b', 'a')}\r\n`;
const TAKEN = `HTTP/1.1 204 No Content\r\n${CARD}\r\n`;

async function tellAndWait(a: HttpNode): Promise<void> {
  const before = a.network.metrics().messagesOut;
  a.tell('b', 'x');
  await until(() => a.network.metrics().messagesOut > before && a.network.metrics().queuedMessages === 0, 'the POST');
}

for (const secure of [false, true]) {
  test(`one request after another goes over one socket (${secure ? 'TLS' : 'plaintext'})`, async () => {
    await using nodes = new HttpNodes();
    const authority = secure ? await MeshAuthority.create() : undefined;
    const a = await nodes.node('a', { tls: await authority?.node('a') });
    const b = await nodes.node('b', { tls: await authority?.node('b') });
    const hop = await hopTo(nodes, b);
    nodes.addresses.set('b', secure ? hop.url.replace('http:', 'https:') : hop.url);
    const warnings: string[] = [];
    const note = ({ message }: Error): number => warnings.push(message);
    process.on('warning', note);
    for (let i = 0; i < 30; i += 1) assert.equal(await a.ask('b', i), i);
    const large = 'x'.repeat(500_000);
    for (let i = 0; i < 15; i += 1) assert.equal(await a.ask('b', large), large);
    process.off('warning', note);
    assert.equal(hop.sockets.length, 1);
    assert.deepEqual(warnings, [], 'no request leaves a listener on it');
  });
}

test('a burst takes as many sockets as it may, and leaves ten, of which the last one used goes on', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair({ limits: { idleMs: 800 } });
  const hop = await hopTo(nodes, b);
  nodes.addresses.set('b', hop.url);
  let finish: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  b.answers(async (_, { payload }) => {
    if (payload !== 'after') await all;
    return payload;
  });
  const asked = Promise.all(Array.from({ length: 60 }, (_, i) => a.ask('b', i)));
  await until(() => b.network.metrics().messagesIn === 49, 'as many as there may be');
  assert.equal(hop.sockets.length, 49);
  finish();
  await asked;
  await until(() => hop.open === 10, 'ten that are left');
  const used = hop.sockets.length;
  const over = performance.now() + 10_000;
  while (hop.open > 1 && performance.now() < over) assert.equal(await a.ask('b', 'after'), 'after');
  assert.deepEqual([hop.open, hop.sockets.length], [1, used], 'the others had idled too long');
  await until(() => hop.open === 0, 'none that idles');
  assert.equal(b.seen('disconnected').length, 0);
});

test('what comes before an answer is no answer', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const early = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
  const { url, sockets } = await answering(nodes, `${early}${TAKEN}`);
  nodes.addresses.set('b', url);
  for (let i = 0; i < 3; i += 1) await tellAndWait(a);
  await until(() => a.network.peers.has('b'), 'the answer');
  assert.deepEqual([sockets.length, a.network.counters.postsFailed], [1, 0]);
});

test('a socket that a server does not keep is not used again', async () => {
  for (const answer of [
    `HTTP/1.1 204 No Content\r\nConnection: close\r\n${CARD}\r\n`,
    `HTTP/1.0 204 No Content\r\n${CARD}\r\n`,
    `${TAKEN}HTTP/1.1 408 Request Timeout\r\n\r\n`,
  ]) {
    await using nodes = new HttpNodes();
    const a = await nodes.node('a', { limits: { idleMs: 600_000 } });
    const { url, sockets } = await answering(nodes, answer);
    nodes.addresses.set('b', url);
    for (let i = 1; i <= 3; i += 1) {
      await tellAndWait(a);
      await until(() => sockets.length === i && sockets.every(({ closed }) => closed), 'the end of the socket');
    }
    assert.deepEqual([a.network.counters.postsRepeated, a.network.counters.postsFailed], [0, 0], answer);
  }
});

test('what a server says without being asked costs it the socket, and no request its answer', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const { url, sockets } = await answering(nodes, TAKEN);
  nodes.addresses.set('b', url);
  await tellAndWait(a);
  await until(() => sockets.length === 1, 'the first POST');
  sockets[0]?.write('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n');
  await until(() => sockets[0]?.closed === true, 'the end of the socket');
  await tellAndWait(a);
  await until(() => sockets.length > 1, 'another socket');
  assert.deepEqual([a.network.counters.postsRepeated, a.seen('disconnected').length], [0, 0]);
});

test('a server that answers before it has read everything is heard, and its socket is not used again', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a', { limits: { maxFrameBytes: 16 * MIB, maxQueuedBytes: 16 * MIB } });
  let sockets = 0;
  const url = await nodes.tcp((socket) => {
    sockets += 1;
    const answer = sockets === 1 ? `HTTP/1.1 413 Large\r\n${CARD}content-length: 0\r\n\r\n` : TAKEN;
    socket.once('readable', () => socket.write(answer));
  });
  nodes.addresses.set('b', url);
  // More than the buffers of two sockets hold.
  const error = await a.error('b', 'x'.repeat(15 * MIB));
  assert.deepEqual([error.code, a.network.counters.postsRepeated], ['TOO_LARGE', 0]);
  await tellAndWait(a);
  await until(() => a.network.peers.has('b'), 'the next answer');
  assert.equal(sockets, 2);
});

test('a kept socket that ends in the middle of an answer has its request fail, not made again', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  let posts = 0;
  const url = await nodes.tcp((socket) => {
    socket.on('data', () => {
      posts += 1;
      if (posts === 1) socket.write(TAKEN);
      else socket.write('HTTP/1.1 2', () => setTimeout(() => socket.resetAndDestroy(), 30));
    });
  });
  nodes.addresses.set('b', url);
  await tellAndWait(a);
  await until(() => a.network.peers.has('b'), 'the first answer');
  const error = await a.error('b');
  assert.deepEqual([error.code, a.network.counters.postsRepeated, posts], ['CLOSED', 0, 2]);
});
