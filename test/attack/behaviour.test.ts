import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { deferred } from '../../src/base/deferred.js';
import { handle } from '../../src/manager/handler.js';
import { assertNothingLeft } from '../leaks.js';
import { helloPayload, type Stranger, until } from '../network/websocket-nodes.js';
import { Arena, answerTo } from './arena.js';

assertNothingLeft();

test('bytes that are no HTTP, and HTTP that is no WebSocket, are turned away and counted', async () => {
  await using arena = await Arena.open();
  const garbage = [Buffer.from([0x16, 3, 1, 0, 5, 1]), Buffer.alloc(3000, 0xff), 'GET / HTTP/9.9\r\n\r\n', '\0\0\0'];
  for (const [index, bytes] of garbage.entries()) {
    const socket = arena.tcp();
    await once(socket, 'connect');
    socket.write(bytes);
    if (index === 3) socket.end();
    socket.resume();
    await once(socket, 'close');
  }
  assert.ok(arena.counter('httpRefused') >= 3);
  await arena.assertHonestServed();
});

test('another sender than the connection is refused, counted, and reaches nobody', async () => {
  const got: string[] = [];
  await using arena = await Arena.open({
    handlers: [handle('note', {}, (_payload, { message }) => void got.push(message.from))],
  });
  const evil = await arena.member('evil');
  for (const from of ['honest', 'leader']) {
    const id = evil.say({ kind: 'event', type: 'note', from });
    const error = await answerTo(evil, id);
    assert.equal(error.code, 'INVALID_MESSAGE');
    assert.match(String(error.message), /^from must be evil/);
  }
  evil.say({ kind: 'control', type: 'goodbye', from: 'honest' });
  const id = evil.say({ kind: 'request', type: 'ping', payload: 1 });
  await answerTo(evil, id);
  assert.deepEqual(got, []);
  assert.equal(arena.counter('spoofed'), 3);
  await arena.assertHonestServed();
});

test('an answer to a question that somebody else was asked changes nothing', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  const epoch = String(evil.messages[0]?.payload['instance']);
  for (let round = 0; round < 20; round += 1) {
    const asked = arena.leader.request('echo', 'true', { to: 'honest' });
    for (let i = 0; i < 100; i += 1) evil.say({ kind: 'response', re: `${epoch}-${round * 5 + i}`, payload: 'false' });
    assert.equal(await asked, 'true');
  }
  await arena.assertHonestServed();
});

test('broken bytes in a payload are held against their sender, not against the leader that would hand them on', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  const lost: string[] = [];
  arena.honest.on('leader', ({ type }) => lost.push(type));
  const say = (kind: string) => evil.say({ kind, type: 'echo', to: 'honest', payload: [{ $b64: 'A' }] });
  const ids = Array.from({ length: 15 }, (_, i) => say(i % 2 === 0 ? 'event' : 'request'));
  for (const id of ids) {
    const error = await answerTo(evil, id);
    assert.equal(error.code, 'INVALID_MESSAGE');
    assert.match(String(error.message), /^payload: the \$b64 value 'A' is not padded base64/);
  }
  assert.equal(arena.counter('invalidMessages'), 15);
  await arena.assertHonestServed();
  say('event');
  await until(() => evil.closeCode !== undefined, 'the sender to be cut off');
  await arena.assertHonestServed();
  assert.deepEqual(lost, []);
});

test('a flood of heartbeats is refused, counted, and ends the connection', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  for (let i = 0; i < 300; i += 1) evil.say({ kind: 'heartbeat', type: 'heartbeat' });
  await until(() => evil.closeCode !== undefined, 'the close');
  assert.equal(evil.closeCode, 4429);
  assert.equal(evil.error('connection')?.code, 'FLOOD');
  assert.match(evil.error('connection')?.message ?? '', /evil was told to send a heartbeat every 2000 ms/);
  assert.equal(arena.counter('heartbeatFloods'), 1);
  assert.ok(arena.counter('heartbeatsRefused') >= 100);
  assert.ok(evil.messages.filter(({ kind }) => kind === 'heartbeat').length <= 5);
  await arena.assertHonestServed();
});

test('a hello counts once: not after the welcome, not twice, not with a name of another process', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  const again = evil.say({ kind: 'control', type: 'hello', payload: helloPayload({ role: 'collaborator' }) });
  assert.match(String((await answerTo(evil, again)).message), /control hello after the greeting/);

  const twice = await arena.stranger('twice');
  const hello = { v: 1, kind: 'control', type: 'hello', from: 'twice', ts: 1, payload: helloPayload() };
  twice.socket.send(
    JSON.stringify([
      { ...hello, id: 'h-1' },
      { ...hello, id: 'h-2' },
    ]),
  );
  await until(() => twice.closeCode !== undefined, 'the close');
  assert.equal(twice.closeCode, 4400);
  assert.match(twice.error('hello')?.message ?? '', /nothing may be sent before the welcome/);

  const namesake = await arena.stranger('honest');
  namesake.say({ kind: 'control', type: 'hello', payload: helloPayload() });
  await until(() => namesake.closeCode !== undefined, 'the close');
  assert.equal(namesake.closeCode, 4409);
  assert.match(namesake.error('hello')?.message ?? '', /honest is held by another process/);
  assert.equal(arena.counter('namesRefused'), 1);
  await arena.assertHonestServed();
});

test('what a collaborator may not ask of the leader is refused by name, and is the last that it asks', async () => {
  await using arena = await Arena.open();
  for (const type of ['netmgr.evict', 'netmgr.emit', 'netmgr.invite.create', 'netmgr.no-such']) {
    const evil = await arena.member(`evil-${type.slice(7).replace('.', '-')}`);
    const id = evil.say({ kind: 'request', type, payload: { node: 'honest', type: 'x', nodes: ['honest'] } });
    await until(() => evil.closeCode !== undefined, `${type} to end the connection`);
    assert.equal(evil.closeCode, 4403);
    const { code, message } = await answerTo(evil, id);
    assert.equal(code, 'NOT_ALLOWED');
    assert.match(String(message), new RegExp(`is a collaborator: '${type}' is for (operators|nobody)$`));
  }
  await arena.assertHonestServed();
});

test('what goes to nobody, or is wrong, is answered by name, and costs nothing else', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  const ask = (fields: Record<string, unknown>) => answerTo(evil, evil.say({ kind: 'request', ...fields }));
  const everyone = await ask({ type: 'echo', to: '*' });
  assert.equal(everyone.code, 'INVALID_MESSAGE');
  assert.match(String(everyone.message), /^to: a request goes to one node/);
  assert.match(String((await ask({ type: 'echo', to: 'nobody' })).message), /no node is called 'nobody'/);
  assert.match(String((await ask({ type: 'nothing', to: '?' })).message), /'nothing'/);
  const typed = await ask({ type: 'typed', payload: { width: 'wide' } });
  assert.equal(typed.code, 'INVALID_PAYLOAD');
  assert.match(String(typed.message), /payload of 'typed': width: .*number/);
  const bytes = await ask({ type: 'ping', payload: { $b64: '§' } });
  assert.match(String(bytes.message), /\$b64 value '§' is not padded base64/);
  assert.equal(arena.status('evil'), 'joining', 'and yet it stays');
  await arena.assertHonestServed();
});

test('a registration that breaks a rule is answered and not believed', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  const register = (fields: Record<string, unknown>) =>
    answerTo(evil, evil.say({ kind: 'control', type: 'register', payload: { sequence: 1, handlers: [], ...fields } }));
  const handlers = Array.from({ length: 1001 }, (_, i) => `h${i}`);
  assert.match(String((await register({ handlers })).message), /handlers: a list of at most 1000/);
  assert.match(String((await register({ handlers: ['echo\n'] })).message), /handlers: 'echo\\n' is not a message type/);
  assert.match(String((await register({ tags: { gpu: 'x'.repeat(257) } })).message), /tags\.gpu: .*at most 256/);
  const tags = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, '']));
  assert.match(String((await register({ tags })).message), /tags: an object of at most 64/);
  assert.equal(arena.counter('refusedMessages'), 4);
  assert.equal(arena.status('evil'), 'joining');
  await arena.assertHonestServed();
});

test("nobody cancels somebody else's request", async () => {
  const started = deferred();
  const release = deferred<string>();
  const slow = handle('slow', {}, () => {
    started.resolve();
    return release.promise;
  });
  await using arena = await Arena.open({ handlers: [slow] });
  const evil = await arena.member('evil');
  const asker = await arena.member('asker');
  const id = asker.say({ kind: 'request', type: 'slow', ttl: 60_000 });
  await started.promise;
  evil.say({ kind: 'control', type: 'cancel', re: id });
  await answerTo(evil, evil.say({ kind: 'request', type: 'ping', payload: 1 }));
  release.resolve('done');
  assert.equal(await answerTo(asker, id), 'done');
  assert.equal(arena.counter('abandoned'), 0);
});

/** Pings without reading the answers, until it is cut off. */
async function floodWithPings(stranger: Stranger): Promise<void> {
  stranger.socket.pause();
  const payload = Buffer.alloc(125);
  while (stranger.socket.readyState === stranger.socket.OPEN) {
    for (let i = 0; i < 500; i += 1) stranger.socket.ping(payload, undefined, () => {});
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('pings whose answers are not read end the connection', async () => {
  await using arena = await Arena.open();
  const evil = await arena.member('evil');
  await floodWithPings(evil);
  assert.equal(arena.counter('pingFloods'), 1);
  await arena.assertHonestServed();
});

test('a member that does not read is paused, then dropped, and delays nobody', async () => {
  // Few pages fill the queue: it is full long before the time to stall is over, on a slow machine too.
  const limits = { stallMs: 1_500, ackDelayMs: 200, sweepMs: 100, maxQueuedBytes: 256 * 1024 };
  await using arena = await Arena.open({ limits });
  let seen = 0;
  arena.honest.handle('news', {}, () => {
    seen += 1;
  });
  const slow = await arena.member('slow');
  slow.socket.pause();
  const page = 'x'.repeat(64 * 1024);
  let sent = 0;
  while (arena.counter('slowPeers') === 0) {
    arena.leader.broadcast('news', page);
    sent += 1;
    await until(() => seen === sent, 'the honest member to have read it');
    if (arena.counter('backpressure') > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(arena.counter('congested') >= 1);
  assert.ok(arena.counter('backpressure') >= 1);
  assert.equal(arena.status('slow'), 'lost');
  await arena.assertHonestServed();
});
