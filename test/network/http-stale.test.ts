import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { freePort } from '../errors/free-port.js';
import { assertNothingLeft } from '../leaks.js';
import { cardOf, type HttpNode, HttpNodes, until } from './http-nodes.js';

assertNothingLeft();

const noNginx = spawnSync('nginx', ['-v']).status === 0 ? false : 'nginx is not installed';

/** Hands requests on to a node, and ends kept sockets as the test wants. */
async function fickleProxy(
  nodes: HttpNodes,
  target: HttpNode,
  fate: (socket: Socket, count: number) => 'pass' | 'end' | 'reset' | 'read and end',
): Promise<string> {
  const counts = new WeakMap<Socket, number>();
  return nodes.server((incoming, response) => {
    const { socket } = incoming;
    const count = (counts.get(socket) ?? 0) + 1;
    counts.set(socket, count);
    const chosen = fate(socket, count);
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    if (chosen === 'end') socket.end();
    else if (chosen === 'reset') socket.resetAndDestroy();
    else
      incoming.on('end', () => {
        const { method, headers, url } = incoming;
        const onwards = request({ host: '127.0.0.1', port: target.port, method, headers, path: url }, (answer) => {
          if (chosen === 'read and end') socket.resetAndDestroy();
          else {
            response.writeHead(answer.statusCode ?? 500, answer.headers);
            answer.pipe(response);
          }
        });
        onwards.on('error', () => socket.destroy());
        onwards.end(Buffer.concat(chunks));
      });
  });
}

for (const how of ['end', 'reset'] as const) {
  test(`a kept socket that ends (${how}) when it is used again costs nothing`, async () => {
    await using nodes = new HttpNodes();
    const [a, b] = await nodes.pair();
    // Every kept socket ends with its second request.
    nodes.addresses.set('b', await fickleProxy(nodes, b, (_, count) => (count === 2 ? how : 'pass')));
    for (let i = 0; i < 20; i += 1) assert.equal(await a.ask('b', i), i);
    for (let i = 0; i < 20; i += 1) {
      a.tell('b', i);
      await until(() => b.received.length === i + 1, 'the event');
    }
    assert.ok(a.network.counters.postsRepeated >= 15, `${a.network.counters.postsRepeated} were made again`);
    assert.equal(b.network.counters.repeats, 0);
    assert.equal(b.network.metrics().messagesIn, 40);
    assert.deepEqual([a.seen('disconnected').length, a.seen('undelivered').length], [0, 0]);
  });
}

test('what was taken before its socket ended is not taken again', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  let handled = 0;
  b.answers(() => {
    handled += 1;
    return handled;
  });
  nodes.addresses.set('b', await fickleProxy(nodes, b, (_, count) => (count === 2 ? 'read and end' : 'pass')));
  assert.equal(await a.ask('b'), 1);
  assert.equal(await a.failure('b'), 'CLOSED', 'whether the first was carried out is not known here');
  assert.equal(handled, 2, 'but it was, and only once');
  await a.ask('b');
  a.tell('b', 'once');
  await until(() => b.network.counters.repeats === 2, 'the second POST of the event');
  assert.deepEqual(b.payloads, ['once']);
  assert.equal(a.seen('disconnected').length, 0);
});

test('nothing is made again on a new socket, nor twice, nor once the answer has begun', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  let posts = 0;
  nodes.addresses.set(
    'b',
    await nodes.tcp((socket) => {
      posts += 1;
      socket.once('data', () => socket.destroy());
    }),
  );
  assert.equal(await a.failure('b'), 'CLOSED');
  assert.equal(posts, 1);
  const always = await fickleProxy(nodes, b, (_, count) => (count === 1 && posts === 1 ? 'pass' : 'reset'));
  nodes.addresses.set('b', always);
  assert.equal(await a.ask('b', 1), 1);
  posts = 2;
  assert.equal(await a.failure('b'), 'CLOSED');
  assert.equal(a.network.counters.postsRepeated, 1);
  const card = cardOf('b', 'a', { instance: a.network.peers.get('b')?.instance ?? 'b-1' });
  let count = 0;
  nodes.addresses.set(
    'b',
    await nodes.server((incoming, response) => {
      count += 1;
      incoming.resume();
      response.writeHead(200, { netmgr: card, 'content-length': '10', 'content-type': 'application/json' });
      response.write('{');
      setImmediate(() => response.destroy());
    }),
  );
  assert.equal(await a.failure('b'), 'RECEIVE_FAILED');
  assert.equal(count, 1);
});

test('a request that was made again and then finds nobody may have been carried out', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  let accept = true;
  const proxy = await fickleProxy(nodes, b, (_, count) => {
    if (count === 2) accept = false;
    return count === 2 ? 'reset' : 'pass';
  });
  // A second hop that refuses everybody from then on.
  const target = new URL(proxy);
  const hop = await nodes.tcp((socket) => {
    if (!accept) {
      socket.resetAndDestroy();
      return;
    }
    const onwards = connect({ host: target.hostname, port: Number(target.port) });
    socket.pipe(onwards).pipe(socket);
    onwards.on('error', () => socket.resetAndDestroy());
    onwards.on('close', () => socket.resetAndDestroy());
  });
  nodes.addresses.set('b', hop);
  assert.equal(await a.ask('b', 1), 1);
  assert.equal(await a.failure('b'), 'CLOSED');
});

describe('through nginx that keeps sockets for a second', { skip: noNginx }, () => {
  test('requests in the moment in which it ends all sockets: none fails, and none is carried out twice', async () => {
    await using nodes = new HttpNodes();
    const [a, b] = await nodes.pair();
    await using nginx = await Nginx.before(b.port);
    nodes.addresses.set('b', nginx.url);
    await Promise.all(Array.from({ length: 10 }, (_, i) => a.ask('b', i)));
    // While nothing is read here, nginx ends the sockets; then they are written to before that is read.
    const over = performance.now() + 1400;
    while (performance.now() < over);
    await Promise.all(Array.from({ length: 30 }, (_, i) => a.ask('b', i)));
    assert.ok(a.network.counters.postsRepeated >= 5, `${a.network.counters.postsRepeated} were made again`);
    assert.equal(b.network.metrics().messagesIn, 40);
    for (let i = 0; i < 100; i += 1) a.tell('b', i);
    await until(() => b.received.length === 100, 'the events');
    assert.deepEqual([a.seen('disconnected').length, a.seen('undelivered').length], [0, 0]);
    await nginx.reload();
    assert.equal(await a.ask('b', 'after a reload'), 'after a reload');
    await nginx.stop();
    // The first may still go to a socket that a worker of before the reload had taken.
    assert.match((await a.failure('b')) ?? 'none', /^(?:CONNECTION_FAILED|CLOSED)$/);
    assert.equal(await a.failure('b'), 'CONNECTION_FAILED');
  });

  test('a node behind it that stops is told from nginx itself', async () => {
    await using nodes = new HttpNodes();
    const [a, b] = await nodes.pair();
    await using nginx = await Nginx.before(b.port);
    nodes.addresses.set('b', nginx.url);
    assert.equal(await a.ask('b', 1), 1);
    await b.endpoint.stop();
    await until(() => a.seen('disconnected').length === 1, 'the goodbye');
    assert.equal(a.seen('disconnected')[0]?.left, true);
    assert.equal(await a.failure('b'), 'CLOSED', '502: nobody knows');
  });
});

/** An nginx of this test alone. */
class Nginx implements AsyncDisposable {
  readonly url: string;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(url: string, directory: string, child: ChildProcess) {
    this.url = url;
    this.#directory = directory;
    this.#process = child;
  }

  static async before(target: number): Promise<Nginx> {
    const directory = await mkdtemp(path.join(tmpdir(), 'netmgr-nginx-'));
    const port = await freePort();
    const config = `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_timeout 1s;
  upstream node { server 127.0.0.1:${target}; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1; }
  }
}
`;
    await writeFile(path.join(directory, 'nginx.conf'), config);
    const child = spawn('nginx', ['-p', directory, '-c', 'nginx.conf', '-e', path.join(directory, 'error.log')], {
      stdio: 'ignore',
    });
    const nginx = new Nginx(`http://127.0.0.1:${port}`, directory, child);
    await until(() => spawnSync('sh', ['-c', `test -s ${directory}/nginx.pid`]).status === 0, 'nginx');
    return nginx;
  }

  async reload(): Promise<void> {
    this.#process.kill('SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGTERM');
    await once(this.#process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true });
  }
}
