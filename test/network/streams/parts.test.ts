import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeadlineWheel } from '../../../src/base/deadline-wheel.js';
import { VirtualClock } from '../../../src/base/virtual-clock.js';
import type { SendOutcome } from '../../../src/network/network.js';
import { Ahead } from '../../../src/network/streams/ahead.js';
import { Backlog } from '../../../src/network/streams/backlog.js';
import { sourceOf } from '../../../src/network/streams/body.js';
import { ChunkReader } from '../../../src/network/streams/chunk-reader.js';
import { Dues } from '../../../src/network/streams/dues.js';
import { resolveBodyLimits } from '../../../src/network/streams/limits.js';
import { PastBodies } from '../../../src/network/streams/past-bodies.js';
import { ReceiveWindow } from '../../../src/network/streams/receive-window.js';
import { SendWindow } from '../../../src/network/streams/send-window.js';
import { assertNothingLeft } from '../../leaks.js';
import { sample } from '../../message/arbitraries.js';
import { bytesOf, pieces } from './material.js';

const clock = new VirtualClock();
assertNothingLeft(clock);

const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 90_000 })), {
  maxLength: 30,
});

/** Bytes cut into pieces of such sizes; some may be empty. */
async function* cut(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const length of lengths) {
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

test('whatever the pieces of a source, its chunks are of 1 to so many bytes, and are the source', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 100_000 }), async (lengths, most) => {
      const bytes = bytesOf(lengths.reduce((sum, length) => sum + length, 0));
      const reader = new ChunkReader(sourceOf(cut(bytes, lengths)).open(0), clock);
      const chunks: Uint8Array[] = [];
      for (let chunk = await reader.next(most); chunk; chunk = await reader.next(most)) {
        assert.ok(chunk.length >= 1 && chunk.length <= most);
        chunks.push(chunk);
      }
      assert.ok(Buffer.concat(chunks).equals(bytes));
      reader.close();
      await clock.advance(0);
    }),
    { numRuns: 60 },
  );
});

test('what can be read only once is not read twice', () => {
  const source = sourceOf(pieces(bytesOf(3), 1));
  source.open(0).close();
  assert.throws(() => source.open(0), { code: 'INVALID_OPTION', message: /was read before/ });
  const again = sourceOf(bytesOf(3));
  again.open(0).close();
  again.open(1).close();
});

test('a backlog gives what it was given, in order, in few pieces', () => {
  fc.assert(
    fc.property(sizes, fc.array(fc.boolean(), { maxLength: 60 }), (lengths, takes) => {
      const backlog = new Backlog();
      const bytes = bytesOf(lengths.reduce((sum, length) => sum + length, 0));
      const taken: Uint8Array[] = [];
      let at = 0;
      for (const [i, length] of lengths.entries()) {
        if (length > 0) backlog.push(bytes.subarray(at, at + length));
        at += length;
        const piece = takes[i] ? backlog.shift() : undefined;
        if (piece) taken.push(Uint8Array.from(piece));
      }
      let left = 0;
      for (let piece = backlog.shift(); piece; piece = backlog.shift()) {
        taken.push(piece);
        left += 1;
      }
      assert.ok(backlog.empty);
      assert.ok(Buffer.concat(taken).equals(bytes));
      assert.ok(left <= 2 + (2 * bytes.length) / 8192);
    }),
  );
});

test('what came ahead is found when its turn has come, whatever its order and overlaps', () => {
  const range = fc.tuple(fc.nat({ max: 100 }), fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), (ranges) => {
      const bytes = bytesOf(200);
      const ahead = new Ahead(100_000);
      const known = new Set<number>();
      for (const [offset, length] of ranges) {
        ahead.add(offset, bytes.subarray(offset, offset + length));
        for (let i = offset; i < offset + length; i += 1) known.add(i);
      }
      let at = 0;
      for (let next = ahead.take(at); next; next = ahead.take(at)) {
        const { offset, data } = next;
        assert.ok(offset <= at && offset + data.length > at);
        assert.deepEqual(data, bytes.subarray(offset, offset + data.length));
        at = offset + data.length;
      }
      assert.equal(known.has(at), false, 'it stops only where something is missing');
    }),
  );
});

test('what came ahead has a bound in bytes and in number', () => {
  const ahead = new Ahead(100);
  for (let i = 0; i < 3; i += 1) ahead.add(i, bytesOf(50));
  assert.deepEqual(
    [0, 1, 2].map((at) => ahead.take(at)?.offset),
    [0, 1, undefined],
  );
  const many = new Ahead(100);
  for (let i = 0; i < 70; i += 1) many.add(i, bytesOf(1));
  let taken = 0;
  while (many.take(taken)) taken += 1;
  assert.equal(taken, 64);
});

test('the two windows agree, however chunks and credits go to and fro', () => {
  const step = fc.record({ chunks: fc.nat({ max: 5 }), take: fc.nat({ max: 20_000 }), ms: fc.nat({ max: 200 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 4096, max: 100_000 }), (steps, windowBytes) => {
      const sender = new SendWindow(undefined);
      const receiver = new ReceiveWindow(windowBytes, undefined, 0);
      let now = 0;
      let sent = 0;
      sender.credit(receiver.credit);
      for (const { chunks, take, ms } of steps) {
        now += ms;
        for (let i = 0; i < chunks && sender.admits(sent + sender.chunkBytes); i += 1) {
          const place = receiver.place(sent, sender.chunkBytes);
          assert.equal(place, 'next');
          receiver.receive(sender.chunkBytes);
          sent += sender.chunkBytes;
          sender.sentUpTo(sent);
        }
        const size = Math.min(take, receiver.received - receiver.taken);
        receiver.take(size);
        if (receiver.dueIn(now) === 0) {
          const change = sender.credit(receiver.credit);
          assert.ok('progress' in change && change.progress);
          receiver.told(now);
        }
        assert.ok(receiver.received - receiver.taken <= windowBytes);
      }
      // When everything was taken there is always room for one more chunk: nothing gets stuck.
      receiver.take(receiver.received - receiver.taken);
      if (receiver.dueIn(now) === 0) sender.credit(receiver.credit);
      assert.ok(sender.admits(sent + sender.chunkBytes));
    }),
  );
});

test('a sender goes back for the answer to its last repeat, and for no other credit', () => {
  const sender = new SendWindow(1000);
  const credit = (offset: number, resend?: number) => sender.credit({ offset, window: 400, resend });
  assert.deepEqual(credit(0), { progress: true, resumeAt: 0 });
  sender.sentUpTo(400);
  assert.deepEqual(credit(100), { progress: true, resumeAt: undefined });
  assert.deepEqual(credit(100, 1), { progress: false, resumeAt: undefined }, 'it has not repeated anything');
  assert.equal(sender.repeat(), 1);
  assert.equal(sender.repeat(), 2);
  assert.equal((credit(150, 1) as { resumeAt: unknown }).resumeAt, undefined, 'another repeat is under way');
  assert.deepEqual(credit(200, 2), { progress: true, resumeAt: 200 });
  assert.equal((credit(200, 2) as { resumeAt: unknown }).resumeAt, undefined, 'an answer counts once');
  assert.deepEqual(credit(50), { progress: false, resumeAt: undefined }, 'an old one does no harm');
  assert.equal(sender.acknowledged, 200);
  assert.match(String(credit(401)), /401 is more than the 400 bytes so far/);
  sender.repeat();
  assert.deepEqual(credit(900, 3), { progress: true, resumeAt: 900 }, 'somebody before us has sent it');
  sender.repeat();
  assert.match(String(credit(1001, 4)), /1001 is more than the 1000 bytes/);
});

test('what has ended is remembered for so long, and only so much of it', async () => {
  const wheel = new DeadlineWheel(clock);
  const past = new PastBodies(clock, wheel, 1000);
  const said: number[] = [];
  let forgotten = 0;
  const forget = () => {
    forgotten += 1;
  };
  for (let i = 0; i < 1030; i += 1) past.add('a', `r-${i}`, { repeat: () => said.push(i), forget, isFinal: i > 6 });
  assert.deepEqual([past.forgotten, forgotten], [6, 6]);
  const ask = (peer: string, id: string, attempt?: number) => past.repeat(peer, sample({ id, body: { attempt } }));
  assert.deepEqual(
    ['r-5', 'r-6', 'r-1029'].map((id) => ask('a', id)),
    [false, false, true],
  );
  assert.equal(ask('a', 'r-6', 1), true);
  assert.equal(ask('b', 'r-6', 1), false);
  assert.deepEqual(said, [1029, 6]);
  await clock.advance(500);
  past.add('a', 'late', { repeat: () => said.push(-1), isFinal: true });
  await clock.advance(520);
  assert.deepEqual([past.has('a', 'r-1029'), past.has('a', 'late')], [false, true]);
  await clock.advance(500);
  assert.equal(past.has('a', 'late'), false);
  assert.equal(forgotten, 1030);
  wheel.clear();
  const none = new PastBodies(clock, wheel, 0);
  none.add('a', 'r-1', { repeat: () => {}, forget, isFinal: true });
  assert.equal(forgotten, 1031);
  assert.equal(none.has('a', 'r-1'), false);
});

test('what the sender is told: nothing more once it knows that all was taken, and that even after the end', async () => {
  const wheel = new DeadlineWheel(clock);
  const said: string[] = [];
  let outcome: SendOutcome = 'queued';
  const dues = (): Dues => {
    const window = new ReceiveWindow(1000, undefined, clock.now());
    window.receive(100);
    window.take(100);
    const send = (verb: string): SendOutcome => {
      said.push(verb);
      return outcome;
    };
    return new Dues({ clock, wheel, window, send });
  };
  const whole = dues();
  whole.tellIfDue();
  whole.tellTaken();
  await clock.advance(500);
  assert.deepEqual(said.splice(0), ['body-taken'], 'no credit follows');

  const [event, request, gone] = [dues(), dues(), dues()];
  outcome = 'BACKPRESSURE';
  for (const one of [event, request, gone]) one.tellTaken();
  event.close(false);
  request.close(true);
  gone.close(false);
  gone.forget();
  said.length = 0;
  await clock.advance(250);
  outcome = 'queued';
  await clock.advance(500);
  assert.deepEqual(said.splice(0), ['body-taken', 'body-taken', 'body-taken'], 'twice in vain, and then no more');

  outcome = 'UNREACHABLE';
  const lost = dues();
  lost.tellTaken();
  lost.close(false);
  await clock.advance(500);
  assert.deepEqual(said, ['body-taken', 'body-taken'], 'whoever is gone asks again, if it comes back');
  wheel.clear();
});

test('limits are checked', () => {
  assert.deepEqual(resolveBodyLimits(), {
    windowBytes: 960 * 1024,
    maxIncoming: 256,
    maxIncomingPerPeer: 64,
    maxOutgoing: 1024,
    resumeMs: 30_000,
  });
  for (const [field, values] of Object.entries({
    windowBytes: [4095, 2 ** 26 + 1, 5000.5, Number.NaN, '1'],
    maxIncoming: [0, 100_001],
    maxIncomingPerPeer: [0, 100_001],
    maxOutgoing: [0, -1],
    resumeMs: [-1, 86_400_001],
  })) {
    for (const value of values) {
      const message = new RegExp(`^bodies.${field}: .* is not a whole number from`);
      assert.throws(() => resolveBodyLimits({ [field]: value }), { code: 'INVALID_OPTION', message });
    }
  }
  assert.equal(resolveBodyLimits({ resumeMs: 0 }).resumeMs, 0);
  assert.equal(resolveBodyLimits({ maxIncoming: 1 }).maxIncomingPerPeer, 1);
});
