import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isNetworkError, NetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import type { BodyProgress } from '../../src/network/streams/body.js';
import type { ByteStream } from '../../src/network/streams/byte-stream.js';
import { NetworkClient, type NetworkClientOptions } from '../../src/network/tcp/client.js';
import { NetworkServer, type NetworkServerOptions } from '../../src/network/tcp/server.js';
import { assertNothingLeft } from '../leaks.js';
import { collect } from './streams/material.js';
import { TcpNodes, until } from './tcp-nodes.js';

assertNothingLeft();

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return isNetworkError(error) ? error.code : String(error);
  }
  return 'none';
};

/** Servers of which one leads, as they themselves see it. */
class Cluster implements AsyncDisposable {
  readonly addresses: Map<string, string> = new Map();
  readonly servers: Map<string, NetworkServer> = new Map();
  /** What the servers have been asked, in order. */
  readonly asked: string[] = [];
  readonly #clients: NetworkClient[] = [];
  leader: string | undefined;
  /** Whether servers that do not lead say who does: in refusals, and in pongs. */
  hints = true;
  tells = true;

  async add(node: string, options: Partial<NetworkServerOptions> = {}): Promise<NetworkServer> {
    const server = new NetworkServer({
      node,
      leader: () => (this.tells ? this.leader : undefined),
      handler: { handle: (message, { payload, body }) => this.#handle(node, message.type, payload, body) },
      ...options,
    });
    await server.start();
    this.addresses.set(node, server.address);
    this.servers.set(node, server);
    return server;
  }

  async client(options: Partial<NetworkClientOptions> = {}): Promise<NetworkClient> {
    const client = new NetworkClient({ servers: this.addresses, ...options });
    this.#clients.push(client);
    await client.start();
    return client;
  }

  async kill(node: string): Promise<void> {
    await this.servers.get(node)?.stop({ graceMs: 0 });
  }

  #handle(node: string, type: string, payload: unknown, body: ByteStream | undefined): unknown {
    this.asked.push(node);
    if (node !== this.leader) {
      const options = this.hints ? { leader: this.leader } : {};
      throw new NetworkError('NOT_LEADER', `${node} does not lead`, options);
    }
    if (type === 'fail') throw new Error('it went wrong');
    if (type === 'silence') return undefined;
    if (type === 'store') return collect(body);
    if (type === 'slow') return new Promise((resolve) => setTimeout(() => resolve('late'), 200));
    return { node, payload };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clients, ...this.servers.values()].map((one) => one.stop({ graceMs: 0 })));
  }
}

async function three(options: Partial<NetworkServerOptions> = {}): Promise<Cluster> {
  const cluster = new Cluster();
  for (const node of ['a', 'b', 'c']) await cluster.add(node, options);
  return cluster;
}

test('a value is the answer, undefined is none, what is thrown is an error', async () => {
  await using cluster = new Cluster();
  cluster.leader = 'a';
  const server = await cluster.add('a');
  await using client = await cluster.client();
  assert.match(server.address, /^127\.0\.0\.1:\d+$/);
  const answer = await client.request({ type: 'echo', payload: [1, 'two', null] });
  assert.deepEqual(payloadOf(answer), { node: 'a', payload: [1, 'two', null] });
  assert.equal(answer.from, 'a');
  assert.equal(await codeOf(client.request({ type: 'fail' })), 'HANDLER_FAILED');
  assert.equal(await codeOf(client.request({ type: 'silence' }, { timeoutMs: 50 })), 'TIMEOUT');
  assert.equal(client.metrics().requests.answered, 2);
  assert.equal(server.metrics().connections, 1);
});

test('a request finds the leader by the hint of one that does not lead, and the next goes there at once', async () => {
  await using cluster = await three();
  cluster.leader = 'c';
  await using client = await cluster.client();
  assert.equal(client.leader, undefined);
  await client.request({ type: 'echo' });
  assert.deepEqual([cluster.asked, client.leader], [['a', 'c'], 'c']);
  await client.request({ type: 'echo' });
  assert.deepEqual(cluster.asked, ['a', 'c', 'c']);
});

test('a body goes to the leader if it can be read again, and else to the first that is asked', async () => {
  await using cluster = await three();
  cluster.leader = 'c';
  await using client = await cluster.client();
  const once = Readable.from([Buffer.from('read once')]);
  await assert.rejects(client.request({ type: 'echo', body: once }), { code: 'NOT_LEADER', leader: 'c' });
  assert.deepEqual([cluster.asked, once.destroyed], [['a'], true]);
  const told: number[] = [];
  const onProgress = ({ acknowledgedBytes }: BodyProgress): void => void told.push(acknowledgedBytes);
  await client.request({ type: 'store', body: Buffer.from('bytes') }, { onProgress });
  assert.deepEqual(cluster.asked, ['a', 'b', 'c']);
  assert.equal(told.at(-1), 5);
});

test('a hint is followed without asking anybody else', async () => {
  await using cluster = await three();
  cluster.leader = 'c';
  cluster.tells = false;
  await using client = await cluster.client();
  await client.request({ type: 'echo' });
  assert.deepEqual(cluster.asked, ['a', 'c']);
  assert.equal(cluster.servers.get('b')?.metrics().connected, 0);
});

test('a server that swallows everything does not hold up the search', async () => {
  await using nodes = new TcpNodes();
  await using cluster = await three();
  cluster.leader = 'c';
  cluster.hints = false;
  cluster.addresses.set('hole', `127.0.0.1:${await nodes.server(() => {})}`);
  await using client = await cluster.client();
  const given: string[] = [];
  client.network.onPeer(({ type }) => given.push(type));
  await client.request({ type: 'echo' });
  assert.equal(given.includes('unreachable'), false);
  assert.equal(client.metrics().queuedMessages, 1);
});

test('without a hint the others are asked; one search serves many requests', async () => {
  await using cluster = await three();
  cluster.leader = 'c';
  cluster.hints = false;
  await using client = await cluster.client();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => client.request({ type: 'echo', payload: i })));
  assert.deepEqual(
    answers.map((answer) => (payloadOf(answer) as { payload: number }).payload),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.equal(cluster.asked.filter((node) => node === 'c').length, 50);
  assert.equal(cluster.asked.filter((node) => node === 'b').length, 0);
});

test('where nobody says who leads, each is tried', async () => {
  await using cluster = await three();
  cluster.leader = 'c';
  cluster.hints = false;
  cluster.tells = false;
  await using client = await cluster.client();
  await client.request({ type: 'echo' });
  assert.deepEqual(cluster.asked.at(-1), 'c');
  assert.ok(cluster.asked.length <= 3);
});

test('when the leader is gone another one is found, and it itself again when it is back', async () => {
  await using cluster = await three();
  cluster.leader = 'a';
  await using client = await cluster.client();
  await client.request({ type: 'echo' });
  await cluster.kill('a');
  cluster.leader = 'b';
  const answer = await client.request({ type: 'echo' });
  assert.equal(answer.from, 'b');
  await cluster.add('a');
  cluster.leader = 'a';
  assert.equal((await client.request({ type: 'echo' })).from, 'a');
});

test('a request waits for a leader to be elected, as long as its time lasts', async () => {
  await using cluster = await three();
  await using client = await cluster.client();
  const waiting = client.request({ type: 'echo' }, { timeoutMs: 10_000 });
  await until(() => cluster.asked.length >= 4, 'all to be asked in vain');
  cluster.leader = 'b';
  assert.equal((await waiting).from, 'b');

  cluster.leader = undefined;
  const started = performance.now();
  assert.equal(await codeOf(client.request({ type: 'echo' }, { timeoutMs: 100 })), 'NOT_LEADER');
  assert.ok(performance.now() - started < 2000);
});

test('hints that lead in a circle end, after as many hops as may be', async () => {
  await using cluster = await three({
    handler: {
      handle: (message) => {
        cluster.asked.push(String(message.to));
        throw new NetworkError('NOT_LEADER', 'not me', { leader: message.to === 'a' ? 'b' : 'a' });
      },
    },
    leader: () => 'a',
  });
  await using client = await cluster.client({ maxHops: 5 });
  assert.equal(await codeOf(client.request({ type: 'echo' })), 'NOT_LEADER');
  assert.ok(cluster.asked.length <= 5, `${cluster.asked}`);
});

test('a hint at somebody who is no server is not followed', async () => {
  await using cluster = new Cluster();
  cluster.leader = 'mallory';
  await cluster.add('a');
  await using client = await cluster.client({ maxHops: 3 });
  assert.equal(await codeOf(client.request({ type: 'echo' })), 'NOT_LEADER');
});

test('what may have been done is not sent again: its caller is told', async () => {
  await using cluster = await three();
  cluster.leader = 'a';
  await using client = await cluster.client();
  const asked = client.request({ type: 'slow' });
  await until(() => cluster.asked.length === 1, 'the request');
  const gone = cluster.kill('a');
  assert.equal(await codeOf(asked), 'CLOSED');
  assert.deepEqual(cluster.asked, ['a']);
  assert.equal(client.leader, undefined);
  await gone;
});

test('nobody there: the request fails in time, saying where it was tried', async () => {
  await using client = new NetworkClient({
    servers: new Map([
      ['a', '127.0.0.1:1'],
      ['b', '127.0.0.1:1'],
    ]),
    maxHops: 3,
  });
  await client.start();
  await assert.rejects(client.request({ type: 'echo' }), (error) => {
    assert.ok(isNetworkError(error));
    assert.ok(['CONNECTION_FAILED', 'UNREACHABLE'].includes(error.code), error.code);
    assert.match(error.message, /[ab]/);
    return true;
  });
});

test('a caller that gives up is out at once, in a search too, and nothing stays on its signal', async () => {
  await using cluster = await three();
  await using client = await cluster.client();
  const abort = new AbortController();
  const waiting = codeOf(client.request({ type: 'echo' }, { signal: abort.signal, timeoutMs: 60_000 }));
  await until(() => cluster.asked.length >= 3, 'the search');
  abort.abort();
  assert.equal(await waiting, 'CANCELLED');
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
});

test('a stop ends what waits, in a search too', async () => {
  await using cluster = await three();
  const client = await cluster.client();
  const waiting = codeOf(client.request({ type: 'echo' }, { timeoutMs: 60_000 }));
  await until(() => cluster.asked.length >= 3, 'the search');
  await client.stop();
  assert.equal(await waiting, 'STOPPED');
  assert.equal(await codeOf(client.request({ type: 'echo' })), 'STOPPED');
});

test('ping tells who is there, how far, and whom it takes for the leader', async () => {
  await using cluster = await three();
  cluster.leader = 'b';
  await using client = await cluster.client();
  const pong = await client.ping('a');
  assert.deepEqual([pong.node, pong.leader], ['a', 'b']);
  assert.ok(pong.rttMs > 0 && pong.rttMs < 5000);
  cluster.leader = undefined;
  assert.equal((await client.ping('a')).leader, undefined);
  assert.equal(await codeOf(client.ping('nobody')), 'NO_ADDRESS');
  cluster.addresses.set('gone', '127.0.0.1:1');
  assert.equal(await codeOf(client.ping('gone')), 'CONNECTION_FAILED');
  const aborted = AbortSignal.abort();
  assert.equal(await codeOf(client.ping('a', { signal: aborted })), 'CANCELLED');
  const late = codeOf(client.ping('a', { timeoutMs: 5000 }));
  await client.stop();
  assert.equal(await late, 'STOPPED');
});

test('options that break a rule are refused by name', () => {
  const servers = new Map([['a', '127.0.0.1:1']]);
  const cases: [() => unknown, RegExp][] = [
    [() => new NetworkClient({ servers: new Map() }), /^servers/],
    [() => new NetworkClient({ servers: new Map([['a', 'nowhere:x']]) }), /^addresses: a: /],
    [() => new NetworkClient({ servers, maxHops: 0 }), /^maxHops/],
    [() => new NetworkClient({ servers, node: 'No!' }), /^self must be a name/],
    [() => new NetworkServer({ node: 'a', port: -1, handler: { handle: () => {} } }), /^listen\[0\]\.port/],
    [
      () => new NetworkServer({ node: 'a', host: '0.0.0.0', handler: { handle: () => {} } }),
      /^listen\[0\]\.host 0\.0\.0\.0/,
    ],
    [
      () => new NetworkServer({ node: 'a', codecs: ['xml'], handler: { handle: () => {} } }),
      /^codecs must be of .*xml/,
    ],
  ];
  for (const [make, message] of cases) {
    assert.throws(
      make,
      (error) => isNetworkError(error) && error.code === 'INVALID_OPTION' && message.test(error.message),
    );
  }
});
