import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { assertNothingLeft } from '../leaks.js';
import { answered, answerIn, cardOf, HttpNodes, messageOf, postOf, until } from './http-nodes.js';

assertNothingLeft();

const CARD = { netmgr: cardOf('a', 'b') };
const GOOD = (): string => postOf(messageOf('a'), CARD);

test('what is no POST of messages is refused by name', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  const cases: readonly (readonly [what: string, request: string, status: number, code: string | undefined])[] = [
    ['another path', 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n', 404, 'CONNECTION_FAILED'],
    ['another method', 'GET /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n', 405, 'INVALID_MESSAGE'],
    ['DELETE', 'DELETE /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n', 405, 'INVALID_MESSAGE'],
    ['no card', postOf(messageOf('a'), {}), 400, 'INVALID_MESSAGE'],
    ['half a card', postOf(messageOf('a'), { netmgr: 'node=a; to=b' }), 400, 'INVALID_MESSAGE'],
    ['a card that says a thing twice', postOf('', { netmgr: `${CARD.netmgr}; node=c` }), 400, 'INVALID_MESSAGE'],
    ['a bad name', postOf('', { netmgr: cardOf('A B', 'b') }), 400, 'INVALID_MESSAGE'],
    ['another node', postOf(messageOf('a'), { netmgr: cardOf('a', 'c') }), 421, 'UNREACHABLE'],
    ['its own name', postOf(messageOf('b'), { netmgr: cardOf('b', 'b') }), 409, 'NAME_IN_USE'],
    ['a form', postOf('a=1', { ...CARD, 'content-type': 'text/plain' }), 415, 'INVALID_MESSAGE'],
    ['brotli', postOf('', { ...CARD, 'content-encoding': 'br' }), 415, 'INVALID_MESSAGE'],
    ['no message', postOf('', CARD), 400, 'DESERIALIZATION'],
    ['no JSON', postOf('{', CARD), 400, 'DESERIALIZATION'],
    ['not MessagePack', postOf('{}', { ...CARD, 'content-type': 'application/msgpack' }), 400, 'DESERIALIZATION'],
    ['a message without a kind', postOf('{"v":1}', CARD), 400, 'INVALID_MESSAGE'],
    ['a message of another', postOf(messageOf('c'), CARD), 400, 'INVALID_MESSAGE'],
    ['a request of another', postOf(messageOf('c', { kind: 'request' }), CARD), 400, 'INVALID_MESSAGE'],
    ['another version', postOf(messageOf('a', { v: 2 }), CARD), 400, 'VERSION_MISMATCH'],
    ['no gzip', postOf('x', { ...CARD, 'content-encoding': 'gzip' }), 400, 'DESERIALIZATION'],
    ['another expectation', postOf('', { ...CARD, expect: 'miracles' }), 417, undefined],
    ['an origin', postOf(messageOf('a'), { ...CARD, origin: 'http://127.0.0.1' }), 403, 'NOT_ALLOWED'],
    ['a page', postOf(messageOf('a'), { ...CARD, 'sec-fetch-site': 'none' }), 403, 'NOT_ALLOWED'],
    ['another host', postOf(messageOf('a'), { ...CARD, host: 'evil.example' }), 403, 'NOT_ALLOWED'],
    [
      'a probe of a stranger',
      `HEAD /v1/messages HTTP/1.1\r\nhost: localhost\r\nnetmgr: ${cardOf('new', 'b')}\r\n\r\n`,
      410,
      undefined,
    ],
    ['a probe without a card', 'HEAD /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n', 400, undefined],
  ];
  for (const [what, request, status, code] of cases) {
    const raw = await nodes.raw(b.port, request);
    if (what.startsWith('a probe')) {
      await until(() => raw.text.includes('\r\n\r\n'), 'the head');
      assert.equal(answerIn(raw).status, status, what);
    } else assert.deepEqual(await answered(raw), { status, code }, what);
  }
  assert.deepEqual(b.received, []);
  assert.ok([...b.network.peers.keys()].every((name) => name === 'a'));
  assert.equal(b.network.counters.browsersRefused, 3);
});

test('what is no HTTP is answered once and ends', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { maxHeaderBytes: 2048 } });
  const hello = Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00]);
  const cases: readonly (readonly [request: string | Uint8Array, status: number])[] = [
    ['nonsense\r\n\r\n', 400],
    [hello, 400],
    ['GET / HTTP/1.1\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(4000)}\r\n\r\n`, 431],
    [
      'POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n', 400],
    ['POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
  ];
  for (const [request, status] of cases) {
    const raw = await nodes.raw(b.port, request);
    await until(() => raw.closed, `the end after ${status}`);
    assert.equal(answerIn(raw).status, status, String(request).slice(0, 40));
  }
  assert.equal(b.network.counters.malformed, 6);
  assert.deepEqual(await answered(await nodes.raw(b.port, GOOD())), { status: 204, code: undefined });
});

test('of a POST of several messages those that are right count', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  const list = [messageOf('a', { payload: 1 }), messageOf('c'), '{"v":1}', messageOf('a', { payload: 2 })];
  const answer = await answered(await nodes.raw(b.port, postOf(`[${list.join(',')}]`, CARD)));
  assert.deepEqual(answer, { status: 400, code: 'INVALID_MESSAGE' });
  assert.deepEqual(b.payloads, [1, 2]);
  const { invalidMessages, spoofed } = b.network.counters;
  assert.deepEqual([invalidMessages, spoofed], [2, 1]);
  const [peer] = b.network.peers.values();
  assert.equal(peer?.traffic.errors, 2);
});

test('a request in a batch is answered on the line to its sender', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  const got: string[] = [];
  nodes.addresses.set(
    'a',
    await nodes.server((request, response) => {
      request.on('data', (chunk) => got.push(String(chunk)));
      request.on('end', () => response.writeHead(204, { netmgr: cardOf('a', 'b') }).end());
    }),
  );
  const list = [messageOf('a'), messageOf('a', { kind: 'request', id: 'r-7', payload: 7 })];
  assert.equal((await answered(await nodes.raw(b.port, postOf(`[${list.join(',')}]`, CARD)))).status, 204);
  await until(() => got.length === 1, 'the answer');
  assert.deepEqual([JSON.parse(got[0] ?? '').re, JSON.parse(got[0] ?? '').payload], ['r-7', 7]);
});

test('bodies above the limit are refused: announced, chunked or inflated', async () => {
  await using nodes = new HttpNodes();
  const maxFrameBytes = 64 * 1024;
  const b = await nodes.node('b', { limits: { maxFrameBytes } });
  const large = messageOf('a', { payload: 'x'.repeat(maxFrameBytes) });
  // Nothing of the body has to be sent for this.
  const head = postOf(large, CARD).split('\r\n\r\n')[0];
  assert.deepEqual(await answered(await nodes.raw(b.port, `${head}\r\n\r\n`)), { status: 413, code: 'TOO_LARGE' });
  const chunked = `${postOf('', { ...CARD, 'transfer-encoding': 'chunked' }).replace(/content-length: 0\r\n/, '')}`;
  // It need not come to its end.
  const chunk = `${large.length.toString(16)}\r\n${large}\r\n`;
  assert.deepEqual(await answered(await nodes.raw(b.port, chunked + chunk)), { status: 413, code: 'TOO_LARGE' });
  const small = messageOf('a', { payload: 'small' });
  const rest = `${small.length.toString(16)}\r\n${small}\r\n0\r\n\r\n`;
  assert.equal((await answered(await nodes.raw(b.port, chunked + rest))).status, 204);
  for (const [coding, bomb] of [
    ['gzip', gzipSync(Buffer.alloc(64 * 1024 * 1024))],
    ['deflate', deflateSync(large)],
  ] as const) {
    const text = postOf(bomb.toString('latin1'), {
      ...CARD,
      'content-encoding': coding,
      'content-length': `${bomb.length}`,
    });
    const raw = await nodes.raw(b.port, Buffer.from(text, 'latin1'));
    assert.deepEqual(await answered(raw), { status: 413, code: 'TOO_LARGE' }, coding);
    assert.match(raw.text, /more than 65536 bytes once it is inflated/);
  }
  const packed = gzipSync(messageOf('a', { payload: 'packed' })).toString('latin1');
  const fits = postOf(packed, { ...CARD, 'content-encoding': 'gzip', 'content-length': `${packed.length}` });
  assert.equal((await answered(await nodes.raw(b.port, Buffer.from(fits, 'latin1')))).status, 204);
  assert.equal(b.network.counters.bodiesTooLarge, 4);
  assert.deepEqual(b.payloads, ['small', 'packed']);
});

test('who goes on to send what is not wanted loses the socket', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { maxFrameBytes: 8192 } });
  const raw = await nodes.raw(b.port, postOf('', { ...CARD, 'content-length': `${2 ** 33}` }));
  const piece = Buffer.alloc(256 * 1024);
  await until(() => {
    if (!raw.closed && raw.socket.writableLength < 2 ** 20) raw.socket.write(piece);
    return raw.closed;
  }, 'the end of the socket');
  assert.equal(answerIn(raw).status, 413);
});

test('a client that asks before it sends is told to go on, or that it need not', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { maxFrameBytes: 8192 } });
  const body = messageOf('a');
  const [head] = postOf(body, { ...CARD, expect: '100-continue' }).split('\r\n\r\n');
  const raw = await nodes.raw(b.port, `${head}\r\n\r\n`);
  await until(() => raw.text.includes('100 Continue'), 'the permission');
  raw.socket.write(body);
  await until(() => raw.text.includes('204 No Content'), 'the answer');
  const large = postOf('', { ...CARD, expect: '100-continue', 'content-length': '100000' });
  const refused = await nodes.raw(b.port, large);
  assert.deepEqual(await answered(refused), { status: 413, code: 'TOO_LARGE' });
  assert.ok(!refused.text.includes('100 Continue'));
});

test('slow heads, slow bodies, and sockets that say nothing are cut', async () => {
  await using nodes = new HttpNodes();
  const limits = { headersTimeoutMs: 200, bodyTimeoutMs: 400, keepAliveMs: 200, stallMs: 60_000 };
  const b = await nodes.node('b', { limits });
  const [head = ''] = postOf('x', { ...CARD, 'content-length': '1000' }).split('\r\n\r\n');
  const raws = await Promise.all([
    nodes.raw(b.port, head.slice(0, 40)),
    nodes.raw(b.port, `${head}\r\n\r\nx`),
    nodes.raw(b.port, ''),
    nodes.raw(b.port, GOOD()),
  ]);
  // One that sends a byte now and then gets no further.
  const drip = setInterval(() => raws[1]?.socket.write('x'), 50);
  await until(() => raws.every(({ closed }) => closed), 'the ends');
  clearInterval(drip);
  assert.deepEqual(
    raws.map((raw) => answerIn(raw).status),
    [408, 408, 408, 204],
  );
  assert.equal(b.network.counters.slowRequests, 3);
});

test('who does not read its answer loses the socket, and who waits for one does not', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { stallMs: 150, maxFrameBytes: 8 * 1024 * 1024 } });
  const text = 'x'.repeat(6_000_000);
  b.answers((_, { payload }) => {
    if (payload === 'large') return text;
    return new Promise((resolve) => setTimeout(() => resolve('patience'), 600));
  });
  const ask = (payload: string) =>
    postOf(messageOf('a', { kind: 'request', ttl: 60_000, payload }), {
      netmgr: cardOf('a', 'b', { max: '16777216' }),
    });
  const patient = await nodes.raw(b.port, ask('wait'));
  const deaf = await nodes.raw(b.port);
  deaf.socket.pause();
  deaf.socket.write(ask('large'));
  await until(() => b.network.counters.slowReaders === 1, 'the end of who does not read');
  assert.equal((await answered(patient)).status, 200);
  assert.ok(patient.text.includes('patience'));
});

test('requests that are not answered are held within bounds', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { maxHeld: 5, maxHeldPerPeer: 3 } });
  b.answers(() => new Promise(() => {}));
  const ask = (name: string) =>
    nodes.raw(b.port, postOf(messageOf(name, { kind: 'request', ttl: 200 }), { netmgr: cardOf(name, 'b') }));
  const raws = [];
  for (const name of ['a', 'a', 'a', 'a', 'c', 'c', 'c']) raws.push(await ask(name));
  const refused = [raws[3], raws[6]] as [(typeof raws)[0], (typeof raws)[0]];
  for (const raw of refused) assert.deepEqual(await answered(raw), { status: 503, code: 'OVERLOADED' });
  assert.match(refused[0].text, /retry-after: 1/i);
  assert.equal(b.network.counters.heldFull, 2);
  const kept = raws.filter((raw) => !refused.includes(raw));
  for (const raw of kept) assert.deepEqual(await answered(raw), { status: 504, code: 'TIMEOUT' });
  assert.equal(b.network.counters.unanswered, 5);
});

test('the sockets of one address, and of all, are bounded', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { maxConnectionsPerAddress: 3 } });
  const first = await Promise.all([1, 2, 3].map(() => nodes.raw(b.port)));
  const fourth = await nodes.raw(b.port);
  await until(() => fourth.closed, 'the end of the fourth');
  assert.equal(b.network.counters.addressFull, 1);
  first[0]?.socket.destroy();
  await until(() => first[0]?.closed === true, 'the end of the first');
  const again = await nodes.raw(b.port, GOOD());
  assert.equal((await answered(again)).status, 204);
  const c = await nodes.node('c', { limits: { maxConnections: 2 } });
  const all = await Promise.all([1, 2, 3, 4].map(() => nodes.raw(c.port)));
  await until(() => all.filter(({ closed }) => closed).length === 2, 'the end of those beyond');
  assert.equal(c.network.counters.connectionsFull, 2);
});

test('requests in a pipeline are answered in order', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b');
  b.answers(
    (_, { payload }) => new Promise((resolve) => setTimeout(() => resolve(payload), 30 - Number(payload) * 10)),
  );
  const posts = [0, 1, 2].map((i) => postOf(messageOf('a', { kind: 'request', ttl: 5000, payload: i }), CARD));
  const raw = await nodes.raw(b.port, posts.join(''));
  await until(() => raw.text.split('HTTP/1.1 200').length === 4, 'the answers');
  assert.deepEqual(
    [...raw.text.matchAll(/"payload":(\d)/g)].map(([, payload]) => payload),
    ['0', '1', '2'],
  );
});

test('a peer that answers nonsense ends its requests, each with the reason', async () => {
  await using nodes = new HttpNodes();
  const a = await nodes.node('a', { limits: { maxFrameBytes: 64 * 1024 } });
  const card = `netmgr: ${cardOf('b', 'a')}\r\n`;
  const ok = (body: string, type = 'application/json'): string =>
    `HTTP/1.1 200 OK\r\n${card}content-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const cases: readonly (readonly [what: string, answer: string, code: string])[] = [
    ['no HTTP', 'hello\r\n\r\n', 'CLOSED'],
    ['no message', ok('{}'), 'RECEIVE_FAILED'],
    ['half a message', ok('{'), 'RECEIVE_FAILED'],
    ['no card', ok('{}').replace(card, ''), 'CONNECTION_FAILED'],
    ['half a card', ok('{}').replace('instance=b-1', 'x=1'), 'RECEIVE_FAILED'],
    ['a message of another', ok(messageOf('c', { kind: 'response', re: 'x' })), 'RECEIVE_FAILED'],
    ['an answer to another request', ok(messageOf('b', { kind: 'response', re: 'x' })), 'RECEIVE_FAILED'],
    ['another type', ok('{}', 'text/html'), 'RECEIVE_FAILED'],
    ['nothing', `HTTP/1.1 204 No Content\r\n${card}\r\n`, 'RECEIVE_FAILED'],
    ['too much', ok(' '.repeat(70_000)), 'RECEIVE_FAILED'],
    ['half an answer', ok(' '.repeat(100)).slice(0, -50), 'RECEIVE_FAILED'],
    ['500 of a proxy', 'HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n', 'CLOSED'],
    ['502 of a proxy', 'HTTP/1.1 502 X\r\ncontent-length: 0\r\n\r\n', 'CLOSED'],
    ['503 of a proxy', 'HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n', 'OVERLOADED'],
    ['504 of a proxy', 'HTTP/1.1 504 X\r\ncontent-length: 0\r\n\r\n', 'TIMEOUT'],
    ['401 of a proxy', 'HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n', 'NOT_ALLOWED'],
    ['413 of a proxy', 'HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n', 'TOO_LARGE'],
    ['500 of the node', `HTTP/1.1 500 X\r\n${card}content-length: 0\r\n\r\n`, 'CLOSED'],
    ['a code that is none', ok('{"code":"ODD","message":"odd"}').replace('200 OK', '400 X'), 'HANDLER_FAILED'],
    ['the end', '', 'CLOSED'],
  ];
  for (const [what, answer, code] of cases) {
    nodes.addresses.set('b', await nodes.tcp((socket) => socket.once('data', () => socket.end(answer))));
    assert.equal(await a.failure('b'), code, what);
  }
  const endless = await nodes.server((request, response) => {
    request.resume();
    response.writeHead(200, { netmgr: cardOf('b', 'a'), 'content-type': 'application/json' });
    const more = setInterval(() => response.write(' '.repeat(10_000)), 1);
    response.on('close', () => clearInterval(more));
  });
  nodes.addresses.set('b', endless);
  assert.equal(await a.failure('b'), 'RECEIVE_FAILED', 'an answer without an end');
  nodes.addresses.delete('b');
  const b = await nodes.node('b');
  assert.equal(await a.ask('b', 'still well'), 'still well');
  assert.ok(b);
});

test('large bodies are read within a bound of all together', async () => {
  await using nodes = new HttpNodes();
  const b = await nodes.node('b', { limits: { maxReadingBytes: 500_000, maxHeldBytes: 500_000 } });
  const [head] = postOf('', { ...CARD, 'content-length': '300000' }).split('\r\n\r\n');
  const first = await nodes.raw(b.port, `${head}\r\n\r\n`);
  const chunked = postOf('', { ...CARD, 'transfer-encoding': 'chunked' }).replace(/content-length: 0\r\n/, '');
  const second = await nodes.raw(b.port, `${chunked}${(200_000).toString(16)}\r\n${'x'.repeat(200_000)}\r\n`);
  assert.deepEqual(await answered(second), { status: 503, code: 'OVERLOADED' });
  const third = await nodes.raw(b.port, `${head}\r\n\r\n`);
  assert.deepEqual(await answered(third), { status: 503, code: 'OVERLOADED' });
  assert.equal(b.network.counters.readingFull, 2);
  first.socket.destroy();
  await until(() => first.closed, 'the end of the first');
  const payload = 'x'.repeat(300_000);
  b.answers(() => new Promise(() => {}));
  const ask = () => postOf(messageOf('a', { kind: 'request', ttl: 60_000, payload }), CARD);
  await nodes.raw(b.port, ask());
  await until(() => b.network.metrics().messagesIn === 1, 'a large request');
  assert.deepEqual(await answered(await nodes.raw(b.port, ask())), { status: 503, code: 'OVERLOADED' });
  assert.equal(b.network.counters.heldFull, 1);
});

test('who pipelines requests without waiting for their authentication loses the socket', async () => {
  await using nodes = new HttpNodes();
  let asked = 0;
  const authenticate = () => {
    asked += 1;
    return new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 300));
  };
  const b = await nodes.node('b', { listen: { port: 0, authenticate } });
  const raw = await nodes.raw(b.port, GOOD().repeat(1000));
  await until(() => raw.closed, 'the end of the socket');
  assert.ok(asked <= 400, `${asked} authentications`);
});
