import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { integer, seededRandom } from '../../src/base/random.js';
import { assertNothingLeft } from '../leaks.js';
import { answered, cardOf, HttpNodes, messageOf, postOf, until } from './http-nodes.js';

assertNothingLeft();

/** How a request may end whose node is killed under it. */
const LOST: ReadonlySet<string> = new Set(['CLOSED', 'CONNECTION_FAILED', 'SEND_FAILED', 'RECEIVE_FAILED']);

async function victim(nodes: HttpNodes): Promise<ChildProcess> {
  const port = nodes.addresses.get('victim')?.split(':')[2] ?? '0';
  const child = fork(path.join(import.meta.dirname, 'http-victim.js'), [JSON.stringify([...nodes.addresses]), port]);
  const [url] = (await once(child, 'message')) as [string];
  nodes.addresses.set('victim', url);
  return child;
}

test('ten thousand requests at once, to another process', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const child = await victim(nodes);
  const outcomes = await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => a.ask('victim', { i, text: 'x'.repeat(100) }, { timeoutMs: 60_000 })),
  );
  assert.ok(outcomes.every((outcome, i) => (outcome as { i: number }).i === i));
  child.disconnect();
  await once(child, 'exit');
});

test('a node that is killed and comes back, ten times under load: every request ends once', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const ends = new Map<string, number>();
  let running = true;
  const keepAsking = async (id: number): Promise<void> => {
    for (let i = 0; running; i += 1) {
      const answer = await a.ask('victim', `${id} ${i}`).catch((error) => error);
      const end = answer === `${id} ${i}` ? 'answered' : String((answer as NetworkError).code);
      assert.ok(end === 'answered' || LOST.has(end), `${end}: ${answer}`);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (end !== 'answered') await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  let child = await victim(nodes);
  const asking = Array.from({ length: 60 }, (_, id) => keepAsking(id));
  for (let round = 0; round < 10; round += 1) {
    const before = ends.get('answered') ?? 0;
    await until(() => (ends.get('answered') ?? 0) > before + 500, 'answers');
    child.kill('SIGKILL');
    await once(child, 'exit');
    child = await victim(nodes);
  }
  running = false;
  await Promise.all(asking);
  assert.ok((ends.get('CLOSED') ?? 0) > 0 && (ends.get('CONNECTION_FAILED') ?? 0) > 0, JSON.stringify([...ends]));
  const seen = [a.seen('connected').length, a.seen('disconnected').length];
  assert.ok(seen[0] === (seen[1] ?? 0) + 1 && (seen[0] ?? 0) >= 11, `${seen}`);
  child.disconnect();
  await once(child, 'exit');
});

test('a frozen node ends its requests in time, and delays no other', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const c = await nodes.node('c');
  const child = await victim(nodes);
  await a.ask('victim', 1);
  child.kill('SIGSTOP');
  const frozen = Promise.all(Array.from({ length: 200 }, () => a.failure('victim', 1, { timeoutMs: 1500 })));
  for (let i = 0; i < 500; i += 1) assert.equal(await a.ask('c', i), i);
  assert.deepEqual(new Set(await frozen), new Set(['TIMEOUT']));
  child.kill('SIGCONT');
  await until(() => c.network.metrics().connections === 1 && a.network.metrics().queuedMessages === 0, 'the thaw');
  assert.equal(await a.ask('victim', 'back'), 'back');
  child.disconnect();
  await once(child, 'exit');
});

test('hundreds of slow sockets keep nobody out', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', {
    limits: { headersTimeoutMs: 1000, bodyTimeoutMs: 2000, maxConnectionsPerAddress: 600 },
  });
  const a = await nodes.node('a');
  const head = postOf('', { netmgr: cardOf('x', 'b'), 'content-length': '100000' });
  const slow = await Promise.all(
    Array.from({ length: 500 }, (_, i) => nodes.raw(b.port, i % 2 ? head.slice(0, 30) : `${head}x`)),
  );
  const drip = setInterval(() => {
    for (const { socket, closed } of slow) if (!closed) socket.write('x');
  }, 200);
  for (let i = 0; i < 300; i += 1) assert.equal(await a.ask('b', i), i);
  await until(() => slow.every(({ closed }) => closed), 'the ends of the slow');
  clearInterval(drip);
  assert.equal(b.network.counters.slowRequests, 500);
});

test('twenty thousand requests that are nearly right: each is answered or ended, and nothing breaks', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  const random = seededRandom('nearly right');
  const good = [
    postOf(messageOf('a', { payload: { list: [1, 'two', null] } }), { netmgr: cardOf('a', 'b') }),
    postOf(messageOf('a', { kind: 'request', ttl: 50 }), { netmgr: cardOf('a', 'b') }),
    postOf('[1,2]', {}, '/v1/call/echo'),
    postOf('x', { 'transfer-encoding': 'chunked' }, '/v1/call/echo'),
    `HEAD /v1/messages HTTP/1.1\r\nhost: localhost\r\nnetmgr: ${cardOf('a', 'b')}\r\n\r\n`,
  ];
  const mutated = (): Buffer => {
    const bytes = Buffer.from(good[integer(random, good.length)] as string);
    for (let i = integer(random, 4); i >= 0; i -= 1) {
      const at = integer(random, bytes.length);
      const kind = integer(random, 3);
      if (kind === 0) bytes[at] = integer(random, 256);
      else if (kind === 1) bytes.copyWithin(at, integer(random, bytes.length));
      else bytes.fill(bytes[at] ?? 0, at, Math.min(bytes.length, at + integer(random, 20)));
    }
    return bytes.subarray(0, integer(random, 10) === 0 ? integer(random, bytes.length) : bytes.length);
  };
  for (let round = 0; round < 200; round += 1) {
    const raws = await Promise.all(Array.from({ length: 100 }, () => nodes.raw(b.port, mutated())));
    // Some are not whole, and wait for the rest.
    await until(() => raws.filter(({ text, closed }) => closed || text !== '').length > 60, 'answers');
    for (const { socket } of raws) socket.destroy();
  }
  const right = postOf(messageOf('z'), { netmgr: cardOf('z', 'b') });
  assert.equal((await answered(await nodes.raw(b.port, right))).status, 204);
  assert.ok(b.network.counters.malformed > 1000 && b.network.counters.httpRefused > 1000);
});
