import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import type { CodecName } from '../../src/message/codec-name.js';
import { CODECS } from '../../src/message/codecs.js';
import { RawPayload } from '../../src/message/raw-payload.js';
import type { Candidate } from '../../src/network/network.js';
import { assertNothingLeft } from '../leaks.js';
import { makeLab } from './memory-lab.js';

assertNothingLeft();

test('a dial connects both sides, and each learns who the other is', async () => {
  const { clock, station } = makeLab();
  const candidates: Candidate[] = [];
  const a = await station('a', {
    cluster: 'lab',
    admit: (candidate) => {
      candidates.push(candidate);
      return { welcome: { heartbeatMs: 500 } };
    },
  });
  const b = await station('b', { dial: 'a', greeting: () => ({ slots: 3, nothing: undefined }) });
  assert.deepEqual(a.story(), []);
  await clock.advance(10);
  assert.deepEqual(a.story(), ['connected b']);
  assert.deepEqual(b.story(), ['connected a']);
  assert.equal(b.network.upstream, 'a');
  assert.equal(a.network.upstream, undefined);
  const [peer, upstream] = [a.network.peers.get('b'), b.network.peers.get('a')];
  assert.deepEqual([peer?.role, peer?.version, peer?.greeting], ['collaborator', '1.2.3', { slots: 3 }]);
  assert.deepEqual([upstream?.role, upstream?.greeting], ['leader', { heartbeatMs: 500 }]);
  assert.notEqual(peer?.instance, upstream?.instance);
  assert.equal(candidates.length, 1);
  assert.equal(candidates[0]?.present, undefined);
});

test('messages arrive in order, through the codec, never inside send', async () => {
  const { clock, station } = makeLab({ faults: { baseDelayMs: 5, jitter: 1 } });
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(50);
  for (let i = 0; i < 200; i += 1) {
    assert.equal(b.network.send(b.make({ payload: { i, bytes: new Uint8Array([i]) } })), 'queued');
    await clock.advance(0.3);
  }
  assert.equal(a.network.send(a.make({ to: 'b', payload: 'down' })), 'queued');
  assert.equal(b.received.length, 0);
  await clock.advance(50);
  assert.ok(a.received[0]?.payload instanceof RawPayload, 'a listener relays: payloads stay raw');
  assert.deepEqual(
    a.payloads(),
    Array.from({ length: 200 }, (_, i) => ({ i, bytes: new Uint8Array([i]) })),
  );
  assert.deepEqual(b.received[0]?.payload, 'down');
  const { messagesIn, bytesIn } = a.network.peers.get('b')?.traffic ?? {};
  assert.equal(messagesIn, 200);
  assert.equal(bytesIn, b.network.peers.get('a')?.traffic.bytesOut);
});

for (const codec of CODECS.keys() as Iterable<CodecName>) {
  test(`${codec} carries the same messages`, async () => {
    const { clock, station } = makeLab({ codec });
    const a = await station('a');
    const b = await station('b', { dial: 'a' });
    await clock.advance(10);
    const payload = { deep: [1, 'two', new Uint8Array([3])], large: 'x'.repeat(10_000) };
    b.network.send(b.make({ payload }));
    assert.equal(b.network.send(b.make({ payload: 'x'.repeat(2_000_000) })), 'TOO_LARGE');
    await clock.advance(10);
    assert.deepEqual(a.payloads(), [payload]);
    const bytes = b.network.peers.get('a')?.traffic.bytesOut ?? 0;
    assert.equal(bytes < 1000, codec.endsWith('+deflate'), `${bytes}`);
  });
}

test('a codec that does not exist is refused by name', () => {
  assert.throws(() => makeLab({ codec: 'gzip' as CodecName }), {
    code: 'INVALID_OPTION',
    message: /codec: gzip is not one of json, msgpack, json\+deflate/,
  });
});

test('send says why it refused', async () => {
  const { clock, hub, station } = makeLab({ limits: { maxFrameBytes: 1000 } });
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  const idle = hub.node('c', { dial: 'a' });
  assert.equal(idle.send(b.make({})), 'STOPPED');
  assert.equal(b.network.send(b.make({})), 'UNREACHABLE');
  await clock.advance(10);
  assert.equal(b.network.send(b.make({ payload: 'x'.repeat(1000) })), 'TOO_LARGE');
  assert.equal(a.network.send(a.make({ to: 'nobody' })), 'UNREACHABLE');
  assert.throws(() => b.network.send(b.make({ payload: 1n })), { code: 'SERIALIZATION' });
  assert.deepEqual(a.network.sendMany(a.make({ to: '*', payload: 1 }), ['b', 'c']), ['queued', 'UNREACHABLE']);
  assert.equal(b.network.peers.get('a')?.traffic.errors, 1);
  const stopped = a.network.stop();
  assert.equal(a.network.send(a.make({ to: 'b' })), 'STOPPED');
  await clock.advance(10);
  await stopped;
  assert.equal(a.network.peers.size, 0);
  assert.equal(b.network.counters.tooLarge, 1);
});

test('what is not for a peer goes to the dialled node', async () => {
  const { clock, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  for (const to of ['somebody', '?', '*', undefined]) b.network.send(b.make({ ...(to && { to }), payload: to ?? '-' }));
  await clock.advance(10);
  assert.deepEqual(a.payloads(), ['somebody', '?', '*', '-']);
});

test('a node speaks for itself alone, unless it is the leader', async () => {
  const { clock, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  b.network.send(b.make({ from: 'c', payload: 'forged' }));
  a.network.send(a.make({ from: 'c', to: 'b', payload: 'relayed' }));
  await clock.advance(10);
  assert.deepEqual(a.payloads(), []);
  assert.equal(b.received[0]?.from, 'c');
  assert.deepEqual(
    [b.received[1]?.kind, (b.received[1]?.payload as { code?: string } | undefined)?.code],
    ['error', 'INVALID_MESSAGE'],
  );
  assert.equal(a.network.peers.get('b')?.traffic.errors, 1);
});

test('a stop says goodbye behind what is queued; the other side sees left, and dials again', async () => {
  const { clock, station } = makeLab({ faults: { baseDelayMs: 5, jitter: 0.5 } });
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(50);
  b.network.send(b.make({ payload: 'last words' }));
  const stopped = b.network.stop();
  assert.equal(b.network.send(b.make({})), 'STOPPED');
  await clock.advance(50);
  await stopped;
  await b.network.stop();
  assert.deepEqual(a.payloads(), ['last words']);
  assert.deepEqual(a.story(), ['connected b', 'disconnected b left']);
  assert.equal(clock.pending, 0);

  const c = await station('c', { dial: 'a' });
  await clock.advance(50);
  const over = a.network.stop();
  await clock.advance(50);
  await over;
  assert.deepEqual(c.story().slice(0, 2), ['connected a', 'disconnected a left']);
  const again = await station('a');
  await clock.advance(10_000);
  assert.deepEqual(again.story(), ['connected c']);
  assert.equal(c.story().at(-1), 'connected a');
  await Promise.all([c.network.stop(), again.network.stop(), clock.advance(2000)]);
  assert.equal(clock.pending, 0);
});

test('a crash is a disconnect without goodbye; a restart has another instance', async () => {
  const { clock, hub, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  const first = a.network.peers.get('b')?.instance;
  b.network.send(b.make({ payload: 'dies on the way' }));
  hub.crash('b');
  assert.equal(b.network.send(b.make({})), 'STOPPED');
  await clock.advance(10);
  assert.deepEqual(a.story(), ['connected b', 'disconnected b lost']);
  assert.deepEqual(a.payloads(), []);
  assert.deepEqual(b.story(), ['connected a'], 'the dead are told nothing');
  await station('b', { dial: 'a' });
  await clock.advance(10);
  assert.notEqual(a.network.peers.get('b')?.instance, first);
});

test('an admission that refuses for good ends the dialling; another is tried again', async () => {
  const { clock, station } = makeLab();
  let busy = true;
  const a = await station('a', {
    cluster: 'lab',
    admit: ({ node }) => {
      if (node === 'b') return new NetworkError('NAME_IN_USE', 'taken');
      return busy ? new NetworkError('OVERLOADED', 'later') : {};
    },
  });
  const b = await station('b', { dial: 'a' });
  const c = await station('c', { dial: 'a' });
  const d = await station('d', { dial: 'a', cluster: 'other' });
  const e = await station('a', { dial: 'a', listen: false });
  await clock.advance(1000);
  busy = false;
  await clock.advance(10_000);
  assert.deepEqual(b.story(), ['refused NAME_IN_USE']);
  assert.deepEqual(d.story(), ['refused CLUSTER_MISMATCH']);
  assert.deepEqual(e.story(), ['refused NAME_IN_USE']);
  assert.equal(c.story()[0], 'unreachable OVERLOADED');
  assert.equal(c.story().at(-1), 'connected a');
  assert.deepEqual(a.story(), ['connected c']);
});

test('a newer connection takes the place of an older one; admission sees it', async () => {
  const { clock, station } = makeLab();
  const present: (string | undefined)[] = [];
  const admit = (candidate: Candidate) => {
    present.push(candidate.present?.instance);
    return {};
  };
  const a = await station('a', { admit });
  const first = await station('b', { dial: 'a' });
  await clock.advance(10);
  const instance = a.network.peers.get('b')?.instance;
  await station('b', { dial: 'a' });
  await clock.advance(3);
  assert.deepEqual(present, [undefined, instance]);
  assert.deepEqual(a.story(), ['connected b', 'disconnected b lost', 'connected b']);
  assert.deepEqual(first.story(), ['connected a', 'disconnected a lost']);
});

test('dialling nobody is told with the attempt and the wait, and succeeds once somebody is there', async () => {
  const { clock, station } = makeLab();
  const b = await station('b', { dial: 'a' });
  await clock.advance(5000);
  const attempts = b.events.flatMap((event) => (event.type === 'unreachable' ? [event] : []));
  assert.ok(attempts.length >= 3, `${attempts.length} attempts`);
  assert.deepEqual(
    attempts.map(({ attempt }) => attempt),
    attempts.map((_, index) => index + 1),
  );
  assert.ok(attempts.every(({ retryInMs, error }) => retryInMs <= 3000 && error.code === 'CONNECTION_FAILED'));
  await station('a');
  await clock.advance(5000);
  assert.equal(b.story().at(-1), 'connected a');
});

test('disconnect ends a connection at once; the node that dialled dials again', async () => {
  const { clock, station } = makeLab();
  const a = await station('a');
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  b.network.disconnect('a', new NetworkError('TIMEOUT', 'silent'));
  b.network.disconnect('a', new NetworkError('TIMEOUT', 'silent'));
  assert.equal(b.network.peers.size, 0);
  await clock.advance(2000);
  assert.deepEqual(b.story(), ['connected a', 'disconnected a lost', 'connected a']);
  assert.deepEqual(a.story(), ['connected b', 'disconnected b lost', 'connected b']);
});

test('two nodes of one name cannot both listen; a network starts once', async () => {
  const { station } = makeLab();
  const a = await station('a');
  await assert.rejects(station('a'), { code: 'ADDRESS_IN_USE' });
  await assert.rejects(a.network.start(), { code: 'STOPPED' });
  await a.network.stop();
  await station('a');
});

test('a listener or a sink that throws is logged and breaks nobody', async () => {
  const { clock, station } = makeLab();
  const errors: object[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) };
  const a = await station('a', { log });
  a.network.onPeer(() => {
    throw new Error('from a listener');
  });
  const b = await station('b', { dial: 'a' });
  await clock.advance(10);
  a.network.onMessage((message) => {
    if (message.payload instanceof RawPayload && message.payload.value() === 1) throw new Error('from the sink');
    a.received.push(message);
  });
  b.network.send(b.make({ payload: 1 }));
  b.network.send(b.make({ payload: 2 }));
  await clock.advance(10);
  assert.deepEqual(a.payloads(), [2]);
  assert.equal(errors.length, 2);
});
