import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { assertNothingLeft } from '../leaks.js';
import { cardOf, HttpNodes, until } from './http-nodes.js';

assertNothingLeft();

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('a request is answered with what the handler returns, throws or leaves undone', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  const payload = { text: 'Zürich 🚂', bytes: new Uint8Array([0, 1, 255]), list: [1, null, true, 1.5], big: 2 ** 40 };
  assert.deepEqual(await a.ask('b', payload), payload);
  assert.deepEqual(await b.ask('a', new Uint8Array(300_000).fill(7)), new Uint8Array(300_000).fill(7));
  b.answers(() => {
    throw new NetworkError('NOT_ALLOWED', 'not you');
  });
  assert.equal(await a.failure('b'), 'NOT_ALLOWED');
  b.answers(() => {
    throw new Error('oh');
  });
  assert.equal(await a.failure('b'), 'HANDLER_FAILED');
  b.answers(() => () => {});
  assert.equal(await a.failure('b'), 'HANDLER_FAILED');
  b.answers(() => new Promise(() => {}));
  assert.equal(await a.failure('b', 1, { timeoutMs: 40 }), 'TIMEOUT');
});

test('thousands of requests at once go over fifty sockets, and each gets its own answer', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  let running = 0;
  let most = 0;
  b.answers(async (_, { payload }) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return payload;
  });
  const outcomes = await Promise.all(numbers(2000).map((i) => a.ask('b', i, { timeoutMs: 60_000 })));
  assert.deepEqual(outcomes, numbers(2000));
  assert.ok(most <= 49, `${most} at a time`);
  const { queuedMessages, queuedBytes, messagesOut, messagesIn, connections } = a.network.metrics();
  assert.deepEqual([queuedMessages, queuedBytes, messagesOut, messagesIn, connections], [0, 0, 2000, 2000, 1]);
});

test('requests wait for a socket, and hold up neither events nor other nodes', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair({ limits: { maxSockets: 3 } });
  await nodes.node('c');
  const finish: (() => void)[] = [];
  b.answers((_, { payload }) => new Promise((resolve) => finish.push(() => resolve(payload))));
  const asked = numbers(5).map((i) => a.ask('b', i));
  await until(() => finish.length === 2, 'two requests under way');
  a.tell('b', 'past them');
  await until(() => b.received.length === 1, 'an event past the requests');
  assert.equal(await a.ask('c', 'another'), 'another');
  assert.equal(finish.length, 2);
  assert.equal(a.network.metrics().queuedMessages, 3);
  for (let done = 0; done < 5; done += 1) {
    await until(() => finish.length > done, 'the next request');
    finish[done]?.();
  }
  assert.deepEqual(await Promise.all(asked), numbers(5));
});

test('events arrive in order and once, in few POSTs', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  let posts = 0;
  const url = new URL(b.url);
  const proxy = await nodes.server((request, response) => {
    posts += 1;
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      void fetch(new URL(request.url ?? '', url), {
        method: 'POST',
        body: Buffer.concat(chunks),
        headers: { netmgr: String(request.headers['netmgr']), 'content-type': String(request.headers['content-type']) },
      }).then((answer) => {
        response.writeHead(answer.status, { netmgr: answer.headers.get('netmgr') ?? '' });
        response.end();
      });
    });
  });
  nodes.addresses.set('b', proxy);
  for (const i of numbers(2000)) assert.equal(a.tell('b', i), 'queued');
  await until(() => b.received.length === 2000, 'the events');
  assert.deepEqual(b.payloads, numbers(2000));
  assert.ok(posts < 20, `${posts} POSTs`);
});

test('a caller that gives up ends its POST, and the handler at the other side is told', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair({ limits: { maxSockets: 2 } });
  const reasons: unknown[] = [];
  b.answers((_, { signal }) => {
    signal.addEventListener('abort', () => reasons.push((signal.reason as NetworkError).code));
    return new Promise(() => {});
  });
  const giveUp = new AbortController();
  const asked = a.failure('b', 1, { signal: giveUp.signal });
  const waits = a.failure('b', 2, { signal: giveUp.signal });
  await until(() => b.network.metrics().messagesIn === 1, 'the request');
  giveUp.abort();
  assert.deepEqual([await asked, await waits], ['CANCELLED', 'CANCELLED']);
  await until(() => reasons.length === 1, 'the end of the POST');
  assert.deepEqual(reasons, ['CANCELLED']);
  assert.equal(b.network.counters.abandoned, 1);
  assert.equal(b.network.metrics().messagesIn, 1, 'what waited was never sent');
  b.answers(() => 'still here');
  assert.equal(await a.ask('b'), 'still here');
  assert.equal(a.seen('disconnected').length, 0);
});

test('a peer that does not answer in time says so, and its socket is used again', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  b.answers((_, { payload }) => (payload === 'slow' ? new Promise(() => {}) : payload));
  const asked = a.failure('b', 'slow', { timeoutMs: 30 });
  assert.equal(await asked, 'TIMEOUT');
  await until(() => b.network.counters.unanswered === 1, 'the 504');
  await until(() => a.seen('undelivered').length === 1, 'the end of the POST');
  assert.equal(a.seen('undelivered')[0]?.error.code, 'TIMEOUT');
  assert.equal(await a.ask('b', 'quick'), 'quick');
  assert.equal(a.seen('disconnected').length, 0);
});

test('a node that does not say that it has no answer is given up a little later, and is not gone for that', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  let posts = 0;
  const url = await nodes.server((request, response) => {
    posts += 1;
    request.resume();
    if (posts === 1) response.writeHead(204, { netmgr: cardOf('b', 'a') }).end();
  });
  nodes.addresses.set('b', url);
  a.tell('b', 'hello');
  await until(() => a.network.peers.has('b'), 'the first answer');
  a.network.send(a.stamp.make({ id: 'r-1', kind: 'request', type: 'ask', to: 'b', ttl: 20 }));
  await until(() => a.seen('undelivered').length === 1, 'the end of the request');
  const [{ id, node, error }] = a.seen('undelivered') as [ReturnType<typeof a.seen<'undelivered'>>[0]];
  assert.deepEqual([id, node, error.code], ['r-1', 'b', 'TIMEOUT']);
  assert.match(error.message, /no answer from b \(http:.*\) in time/);
  assert.equal(a.seen('disconnected').length, 0);
});

test('answers that come too late go to the address of the peer, if it has one', async () => {
  await using nodes = new HttpNodes();
  const a = nodes.made('a', { listen: { port: 0 } });
  await a.network.start();
  const b = await nodes.node('b', { addresses: new Map() });
  const late: string[] = [];
  a.network.onMessage(({ kind, re }) => late.push(`${kind} ${re}`));
  b.network.onMessage((message) => {
    const answer = b.stamp.make({ kind: 'response', type: 'ask', to: 'a', re: message.id, payload: 'late' });
    if (message.kind === 'request') setTimeout(() => late.push(b.network.send(answer)), 30);
  });
  a.network.send(a.stamp.make({ id: 'r-1', kind: 'request', type: 'ask', to: 'b', ttl: 10 }));
  await until(() => late.length === 1, 'the answer without a POST');
  assert.deepEqual(late, ['NO_ADDRESS']);
  assert.equal(b.network.counters.lateAnswers, 1);
});

test('what is too large is refused before it is sent', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a');
  const b = await nodes.node('b', { limits: { maxFrameBytes: 8192 } });
  assert.equal(await a.ask('b', 'small'), 'small');
  assert.equal(await a.failure('b', 'x'.repeat(10_000)), 'TOO_LARGE');
  assert.equal(a.tell('b', 'x'.repeat(10_000)), 'TOO_LARGE');
  b.answers(() => 'x'.repeat(10_000));
  assert.equal(String(await a.ask('b')).length, 10_000, 'a reads more than b does');
  a.answers(() => 'x'.repeat(10_000));
  assert.equal(await b.failure('a'), 'HANDLER_FAILED', 'an answer that b does not read is not sent');
  assert.deepEqual([a.network.counters.tooLarge, b.network.counters.bodiesTooLarge], [3, 0]);
});

test('a message that cannot be written is thrown back, and one without a node has no address', async () => {
  await using nodes = new HttpNodes();
  const [a] = await nodes.pair();
  const loop: Record<string, unknown> = {};
  loop['loop'] = loop;
  assert.throws(() => a.tell('b', loop), { code: 'SERIALIZATION' });
  assert.throws(() => a.tell('b', 1n), { code: 'SERIALIZATION' });
  assert.equal(a.tell('nobody'), 'NO_ADDRESS');
  assert.equal(a.tell('a'), 'NO_ADDRESS', 'nor has the node itself');
  assert.equal(a.network.send(a.stamp.make({ kind: 'event', type: 'x' })), 'NO_ADDRESS');
  assert.equal(await a.failure('nobody'), 'NO_ADDRESS');
});

test('too much for a node that does not read is refused, and congestion is told and taken back', async () => {
  await using nodes = new HttpNodes();
  const limits = { maxQueuedBytes: 40_000, congestedBytes: 10_000, drainedBytes: 2_000, maxQueuedMessages: 60 };
  const a = await nodes.node('a', { limits });
  const b = await nodes.node('b');
  await a.ask('b');
  const text = 'x'.repeat(1000);
  const outcomes = numbers(100).map((i) => a.tell('b', { i, text }));
  const taken = outcomes.filter((outcome) => outcome === 'queued').length;
  assert.ok(taken > 30 && taken < 40, `${taken} were taken`);
  assert.deepEqual(new Set(outcomes), new Set(['queued', 'BACKPRESSURE']));
  assert.equal(a.seen('congested').length, 1);
  await until(() => a.seen('drained').length === 1, 'the end of the congestion');
  await until(() => b.received.length === taken, 'what was taken');
  assert.deepEqual(
    numbers(100)
      .map((i) => a.tell('b', i))
      .filter((outcome) => outcome === 'queued').length,
    60,
  );
  assert.equal(a.network.counters.backpressure, 100 - taken + 40);
});

test('one message goes to many nodes, and each is told apart', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  const c = await nodes.node('c', { codec: 'json' });
  await a.ask('b');
  const message = a.stamp.make({ kind: 'event', type: 'test', to: '*', payload: { all: new Uint8Array([1]) } });
  assert.deepEqual(a.network.sendMany(message, ['b', 'nobody', 'c', 'b']), [
    'queued',
    'NO_ADDRESS',
    'queued',
    'queued',
  ]);
  await until(() => b.received.length === 2 && c.received.length === 1, 'the copies');
  assert.deepEqual(b.payloads[0], { all: new Uint8Array([1]) });
});

test('binary is spoken with those who have said that they read it', async () => {
  await using nodes = new HttpNodes();
  const types: unknown[] = [];
  const a = await nodes.node('a');
  const c = await nodes.node('c', { codec: 'json' });
  const spy = await nodes.server((request, response) => {
    types.push(request.headers['content-type']);
    request.resume();
    const card = 'node=spy; role=collaborator; instance=1; version=1; reads=json,msgpack';
    response.writeHead(204, { netmgr: card });
    response.end();
  });
  nodes.addresses.set('spy', spy);
  for (let i = 0; i < 3; i += 1) {
    a.tell('spy', i);
    c.tell('spy', i);
    await until(() => types.length === 2 * i + 2, 'the POSTs');
  }
  assert.deepEqual(types.filter((type) => type === 'application/msgpack').length, 2);
  assert.equal(types.filter((type) => type === 'application/json').length, 4);
});

test('an address may change, go and come while the network runs', async () => {
  await using nodes = new HttpNodes();
  const [a] = await nodes.pair();
  assert.equal(await a.ask('b', 1), 1);
  const second = await nodes.node('b', { limits: { keepAliveMs: 50 } });
  assert.equal(await a.ask('b', 2), 2);
  assert.equal(second.network.metrics().messagesIn, 1);
  assert.equal(a.seen('disconnected').length, 1, 'another process has the name');
  nodes.addresses.delete('b');
  assert.equal(await a.failure('b'), 'NO_ADDRESS');
  nodes.addresses.set('b', 'not a url');
  assert.equal(await a.failure('b'), 'NO_ADDRESS');
  nodes.addresses.set('b', 'http://198.51.100.7:80');
  assert.equal(await a.failure('b'), 'NO_ADDRESS', 'plaintext does not leave this host');
  assert.equal(a.network.counters.invalidAddresses, 2);
  nodes.addresses.set('b', second.url);
  assert.equal(await a.ask('b', 3), 3);
});

test('a request that is sent again while it is handled has one answer', async () => {
  await using nodes = new HttpNodes();
  const [a, b] = await nodes.pair();
  let handled = 0;
  let finish: (value: string) => void = () => {};
  b.answers(() => {
    handled += 1;
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  const draft = { id: 'again-1', type: 'ask', to: 'b' } as const;
  const asked = a.endpoint.request(draft);
  await until(() => handled === 1, 'the first');
  a.network.send(a.stamp.make({ ...draft, kind: 'request', ttl: 5000 }));
  await until(() => b.endpoint.counters['duplicates'] === 1, 'the second');
  finish('once');
  assert.equal((await asked).payload, 'once');
  assert.equal(handled, 1);
  assert.deepEqual([a.endpoint.counters['lateAnswers'], b.network.counters.abandoned], [0, 0]);
  const giveUp = new AbortController();
  const second = a.failure('b', 1, { signal: giveUp.signal });
  await until(() => handled === 2, 'another');
  giveUp.abort();
  assert.equal(await second, 'CANCELLED');
  await until(() => b.network.counters.abandoned === 1, 'its end');
});
