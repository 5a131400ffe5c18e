import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isNetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { Endpoint } from '../../src/network/endpoint.js';
import { TcpNetwork } from '../../src/network/tcp/network.js';
import { assertNothingLeft } from '../leaks.js';
import { TcpNodes, type TcpStranger, until } from './tcp-nodes.js';

assertNothingLeft();

const SERVER = fileURLToPath(new URL('./tcp-process.js', import.meta.url));

class Processes implements AsyncDisposable {
  readonly addresses: Map<string, string> = new Map();
  readonly #children: ChildProcess[] = [];

  async start(node: string): Promise<ChildProcess> {
    const port = this.addresses.get(node)?.split(':')[1] ?? '0';
    const child = spawn(process.execPath, [SERVER, node, port], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    this.addresses.set(node, String(line).trim());
    return child;
  }

  async kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => this.kill(child)));
  }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => (isNetworkError(error) ? error.code : String(error)),
  );

test('a process that is killed ends its requests at once, and is found again when it is back', async () => {
  await using processes = new Processes();
  const first = await processes.start('b');
  const network = new TcpNetwork({ self: 'a' }, { addresses: processes.addresses });
  const endpoint = new Endpoint({ network });
  await endpoint.start();
  const ask = async (): Promise<number> => {
    const answer = await endpoint.request({ type: 'ask', to: 'b', payload: 1 });
    return (payloadOf(answer) as { pid: number }).pid;
  };
  assert.equal(await ask(), first.pid);
  const codes = Array.from({ length: 100 }, () =>
    codeOf(endpoint.request({ type: 'hang', to: 'b' }, { timeoutMs: 60_000 })),
  );
  await ask();
  await processes.kill(first);
  assert.deepEqual(new Set(await Promise.all(codes)), new Set(['CLOSED']));
  assert.equal(network.peers.size, 0);
  assert.equal(await codeOf(endpoint.request({ type: 'ask', to: 'b' })), 'CONNECTION_FAILED');
  const second = await processes.start('b');
  let pid: number | undefined;
  while (pid === undefined) pid = await ask().catch(() => undefined);
  assert.equal(pid, second.pid);
  await endpoint.stop();
});

test('a process that is stopped in its tracks is dropped, and delays no other', async () => {
  await using processes = new Processes();
  const frozen = await processes.start('b');
  await processes.start('c');
  const limits = { stallMs: 2000, sweepMs: 50, ackDelayMs: 100 };
  const network = new TcpNetwork({ self: 'a' }, { addresses: processes.addresses, limits });
  const endpoint = new Endpoint({ network });
  await endpoint.start();
  await Promise.all(['b', 'c'].map((to) => endpoint.request({ type: 'ask', to })));
  frozen.kill('SIGSTOP');
  const stuck = codeOf(endpoint.request({ type: 'ask', to: 'b' }, { timeoutMs: 60_000 }));
  let over = false;
  void stuck.then(() => {
    over = true;
  });
  let answered = 0;
  while (!over) {
    await endpoint.request({ type: 'ask', to: 'c' });
    answered += 1;
  }
  assert.equal(await stuck, 'CLOSED');
  assert.ok(answered > 100, `${answered} answers of the other one meanwhile`);
  assert.equal(network.counters.slowPeers, 1);
  await endpoint.stop();
});

test('six hundred nodes that come at once, one in three with nonsense, leave nothing behind', async () => {
  await using nodes = new TcpNodes();
  const count = 600;
  const limits = { maxConnectionsPerAddress: 2000, maxUnauthenticated: 2000, maxUnauthenticatedPerAddress: 2000 };
  const b = await nodes.node('b', { limits });
  const strangers: TcpStranger[] = [];
  for (let i = 0; i < count; i += 1) strangers.push(await nodes.stranger(`x${i}`, b.port));
  for (const [i, stranger] of strangers.entries()) {
    if (i % 3 === 0) stranger.socket.write(Buffer.alloc(50, i));
    else stranger.hello();
  }
  const expected = (count / 3) * 2;
  await until(() => b.network.peers.size === expected, 'all that are honest');
  for (const [i, stranger] of strangers.entries()) if (i % 3 !== 0) stranger.say({ payload: i });
  await until(() => b.received.length === expected, 'a message of each');
  for (const stranger of strangers) stranger.socket.destroy();
  await until(() => b.network.peers.size === 0, 'their end');
  assert.equal(b.seen('disconnected').length, expected);
});

test('ten thousand requests at once wait for one dial as far as they may, and each ends', async () => {
  await using nodes = new TcpNodes();
  const b = await nodes.node('b');
  // What is counted is who ends how, on a machine that is busy as well.
  const network = new TcpNetwork({ self: 'a' }, { addresses: nodes.addresses, dialTimeoutMs: 60_000 });
  const endpoint = new Endpoint({ network });
  await using _stopped = { [Symbol.asyncDispose]: () => endpoint.stop() };
  await endpoint.start();
  b.onMessage = (message) => {
    if (message.kind === 'request')
      b.network.send(b.stamp.make({ kind: 'response', type: 'r', to: 'a', re: message.id }));
  };
  const codes = await Promise.all(
    Array.from({ length: 10_000 }, (_, i) =>
      codeOf(endpoint.request({ type: 'ask', to: 'b', payload: i }, { timeoutMs: 60_000 })),
    ),
  );
  const count = (code: string): number => codes.filter((one) => one === code).length;
  assert.equal(count('none') + count('BACKPRESSURE'), 10_000);
  assert.equal(count('none'), 4096);
  assert.equal(network.counters.pendingFull, 10_000 - 4096);
});
