import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const tcp = (port: number) => ({ name: 'tcp', host: '127.0.0.1', port, authenticator: new LoopbackAuthenticator() });

test('a leader that is not there yet is dialled until it is, and again when it comes back on the same port', async () => {
  await using nodes = new Nodes();
  const probe = await nodes.leader();
  const { port } = probe;
  await probe.network.stop();
  const member = await nodes.dialler('worker-1', port);
  await until(() => member.seen('unreachable').length >= 1, 'a dial that failed');
  const [unreachable] = member.seen('unreachable');
  assert.equal(unreachable?.error.code, 'CONNECTION_FAILED');
  assert.match(unreachable?.error.message ?? '', new RegExp(`127\\.0\\.0\\.1:${port}: nobody listens there`));
  assert.equal(unreachable?.attempt, 1);
  assert.ok((unreachable?.retryInMs ?? -1) >= 0);
  for (let life = 1; life <= 2; life += 1) {
    const leader = await nodes.leader({ listen: [tcp(port)] });
    await until(() => leader.network.peers.has('worker-1'), `the member in life ${life}`);
    await until(() => member.seen('connected').length === life, 'the member to know');
    await leader.network.stop();
    await until(() => member.seen('disconnected').length === life, 'the loss');
    assert.equal(member.seen('disconnected')[life - 1]?.left, true, 'the leader said goodbye');
    assert.equal(member.network.upstream, undefined);
    assert.equal(member.send({}), 'UNREACHABLE');
  }
});

test('the first delay after a loss is spread over the window that the leader advertised', async () => {
  await using nodes = new Nodes();
  const reconnectWindowMs = 100_000;
  const leader = await nodes.leader({}, { admit: () => ({ welcome: { reconnectWindowMs } }) });
  const delays: number[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    const member = await nodes.member(name, leader);
    const { setTimer } = member.clock;
    member.clock.setTimer = (delayMs, callback) => {
      delays.push(delayMs);
      return setTimer.call(member.clock, delayMs, callback);
    };
  }
  delays.length = 0;
  await leader.network.stop();
  await until(() => delays.filter((delayMs) => delayMs > 5_000).length >= 4, 'long delays');
  assert.ok(delays.every((delayMs) => delayMs <= reconnectWindowMs));
});

test('without retry one failure is the end, and with a limit the last one is', async () => {
  await using nodes = new Nodes();
  const probe = await nodes.leader();
  const { port } = probe;
  await probe.network.stop();
  for (const retry of [false, { forMs: 150 }] as const) {
    const node = nodes.node('cli', { dial: { address: `127.0.0.1:${port}`, retry } });
    await node.network.start();
    await until(() => node.seen('refused').length === 1, 'the end of dialling');
    assert.equal(node.seen('refused')[0]?.error.code, 'CONNECTION_FAILED');
    assert.equal(node.seen('refused')[0]?.address, `127.0.0.1:${port}`);
    assert.equal(node.seen('unreachable').length > 0, retry !== false);
  }
});

test('a dial that is not answered is given up', async () => {
  await using nodes = new Nodes();
  const authenticator = { name: 'asleep', authenticate: () => new Promise<never>(() => {}) };
  const leader = await nodes.leader({ listen: [{ name: 'tcp', host: '127.0.0.1', port: 0, authenticator }] });
  const dial = { address: `127.0.0.1:${leader.port}`, dialTimeoutMs: 100, retry: false } as const;
  const member = nodes.node('worker-1', { dial });
  await member.network.start();
  await until(() => member.seen('refused').length === 1, 'the end');
  const { error } = member.seen('refused')[0] ?? {};
  assert.equal(error?.code, 'HANDSHAKE_TIMEOUT');
  assert.equal(error.message, `127.0.0.1:${leader.port} took the connection, but said no welcome within 100 ms`);
  assert.equal(error.address, `127.0.0.1:${leader.port}`);
});

test('a peer that says goodbye left; one whose connection ends did not', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const polite = await nodes.member('polite', leader);
  const killed = await nodes.stranger('killed', leader.port);
  polite.send({ payload: 'last words' });
  await polite.network.stop();
  killed.socket.terminate();
  await until(() => leader.seen('disconnected').length === 2, 'both to be gone');
  const left = new Map(leader.seen('disconnected').map((event) => [event.peer.node, event.left]));
  assert.deepEqual(Object.fromEntries(left), { polite: true, killed: false });
  assert.equal(leader.received.length, 1);
  assert.equal(polite.send({}), 'STOPPED');
});

test('a removed peer is told why: it dials again or not, as the reason says', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const evicted = await nodes.member('evicted', leader);
  const silent = await nodes.member('silent', leader);
  leader.network.disconnect('evicted', new NetworkError('EVICTED', 'removed by an operator'));
  assert.equal(leader.network.peers.has('evicted'), false, 'at once');
  leader.network.disconnect('silent', new NetworkError('TIMEOUT', 'no heartbeat'));
  await until(() => evicted.seen('refused').length === 1, 'the refusal');
  assert.equal(evicted.seen('disconnected')[0]?.error.code, 'EVICTED');
  assert.equal(evicted.seen('refused')[0]?.error.message, 'removed by an operator');
  await until(() => silent.seen('connected').length === 2, 'the other to be back');
  assert.equal(silent.seen('refused').length, 0);
});

test('a node that drops the one it dialled dials it again, whatever its reason', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const member = await nodes.member('worker-1', leader);
  member.network.disconnect('leader', new NetworkError('NOT_ALLOWED', 'a reason of its own'));
  assert.equal(member.network.upstream, undefined);
  await until(() => member.seen('connected').length === 2, 'the second connection');
  assert.equal(leader.seen('disconnected')[0]?.error.message, 'a reason of its own');
});

test('the same name admitted again replaces the old connection', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const old = await nodes.stranger('worker-1', leader.port);
  await nodes.stranger('worker-1', leader.port);
  await until(() => old.closeCode !== undefined, 'the end of the old one');
  assert.deepEqual(
    leader.events.map((event) => event.type),
    ['connected', 'disconnected', 'connected'],
  );
  const [first, second] = leader.seen('connected');
  assert.equal(leader.seen('disconnected')[0]?.peer, first?.peer);
  assert.equal(leader.seen('disconnected')[0]?.left, false);
  assert.equal(leader.network.peers.get('worker-1'), second?.peer);
  assert.equal(leader.network.counters.replaced, 1);
});

test('stop drains what is queued, and may be called twice', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const member = await nodes.member('worker-1', leader);
  for (let i = 0; i < 40; i += 1) leader.send({ to: 'worker-1', payload: 'x'.repeat(100_000) });
  const first = leader.network.stop({ graceMs: 5_000 });
  assert.equal(leader.network.stop(), first);
  assert.equal(leader.send({ to: 'worker-1' }), 'STOPPED');
  await first;
  await until(() => member.received.length === 40, 'everything that was queued');
  assert.equal(leader.clock.pending, 0);
  assert.equal(leader.network.counters.terminatedAtStop, 0);
  assert.equal(leader.network.peers.size, 0);
});

test('stop ends what does not end by itself', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader({ limits: { closeTimeoutMs: 100 } });
  const mute = await nodes.tcp(leader.port);
  const deaf = await nodes.stranger('deaf', leader.port);
  deaf.socket.pause();
  for (let i = 0; i < 40; i += 1) leader.send({ to: 'deaf', payload: 'x'.repeat(100_000) });
  await leader.network.stop({ graceMs: 50 });
  assert.equal(leader.clock.pending, 0);
  if (!mute.destroyed) await once(mute, 'close');
});

test('an abort stops the network; a start after it, or a second start, is refused', async () => {
  await using nodes = new Nodes();
  const abort = new AbortController();
  const node = nodes.node('leader', { listen: [tcp(0)] });
  await node.network.start({ signal: abort.signal });
  const { port } = node;
  await assert.rejects(node.network.start(), { code: 'STOPPED' });
  abort.abort();
  await node.network.stop();
  assert.equal(node.clock.pending, 0);
  const again = nodes.node('leader', { listen: [tcp(port)] });
  await again.network.start();
  const never = nodes.node('leader', { listen: [tcp(0)] });
  await assert.rejects(never.network.start({ signal: abort.signal }), { code: 'CANCELLED' });
  const early = nodes.node('leader', { listen: [tcp(0), { ...tcp(0), name: 'second' }] });
  const starting = early.network.start();
  await Promise.all([assert.rejects(starting, { code: 'CANCELLED' }), early.network.stop()]);
  assert.equal(early.clock.pending, 0);
});

test('a port in use is named, and nothing stays open', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const second = nodes.node('second', { listen: [{ ...tcp(0), name: 'free' }, tcp(leader.port)] });
  await assert.rejects(second.network.start(), (error: NetworkError) => {
    assert.equal(error.code, 'ADDRESS_IN_USE');
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${leader.port}`));
    assert.match(error.hint ?? '', /port/);
    return true;
  });
  assert.equal(second.clock.pending, 0);
  const foreign = nodes.node('foreign', { listen: [{ ...tcp(0), host: '192.0.2.1' }] });
  await assert.rejects(foreign.network.start(), { code: 'CONNECTION_FAILED' });
});
