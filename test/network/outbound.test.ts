import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EncodedMessage, Frame } from '../../src/message/codec.js';
import { jsonCodec } from '../../src/message/json-codec.js';
import { msgpackCodec } from '../../src/message/msgpack-codec.js';
import {
  DEFAULT_OUTBOUND_LIMITS,
  Outbound,
  type OutboundLimits,
  type OutboundOptions,
} from '../../src/network/outbound.js';

const message = (bytes: number, mark = 'x', inflatedBytes = bytes): EncodedMessage => ({
  data: mark.repeat(bytes),
  bytes,
  inflatedBytes,
});

const traffic = () => ({ messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, errors: 0 });

const make = (limits: Partial<OutboundLimits> = {}, options: Partial<OutboundOptions> = {}): Outbound =>
  new Outbound({
    codec: jsonCodec,
    limits: { ...DEFAULT_OUTBOUND_LIMITS, ...limits },
    traffic: traffic(),
    sentBytes: 0,
    now: 0,
    peerWindowBytes: 1024 * 1024,
    peerMaxFrameBytes: 1024 * 1024,
    ...options,
  });

const partsOf = (frame: Frame | undefined): string[] =>
  String(frame)
    .replace(/^\[|\]$/g, '')
    .split(',');

test('what waits leaves as one frame, and is counted', () => {
  const counted = traffic();
  const outbound = make({}, { traffic: counted });
  for (const mark of ['a', 'b', 'c']) assert.equal(outbound.push('normal', message(2, mark)), 'queued');
  assert.equal(outbound.queuedBytes, 6);
  assert.equal(outbound.pull(0), '[aa,bb,cc]');
  assert.equal(outbound.empty, true);
  assert.equal(outbound.pull(0), undefined);
  assert.equal(outbound.unacknowledgedBytes, 10);
  assert.equal(counted.messagesOut, 3);
  assert.equal(counted.bytesOut, 10);
});

test('priorities act until the pull, first in first out inside each', () => {
  const outbound = make();
  for (const mark of ['l', 'L']) outbound.push('low', message(100, mark));
  for (const mark of ['n', 'N']) outbound.push('normal', message(100, mark));
  outbound.push('critical', message(100, 'c'));
  const order = partsOf(outbound.pull(0)).map((part) => part[0]);
  assert.equal(order[0], 'c');
  assert.ok(order.indexOf('n') < order.indexOf('N'));
  assert.ok(order.indexOf('l') < order.indexOf('L'));
});

test('a frame ends at the bounds of a batch, but one message may be larger than a batch', () => {
  const byCount = make({ maxBatch: 2 });
  for (const mark of ['a', 'b', 'c']) byCount.push('normal', message(1, mark));
  assert.equal(byCount.pull(0), '[a,b]');
  assert.equal(byCount.pull(0), 'c');
  const byBytes = make({ maxBatchBytes: 100 });
  for (const mark of ['a', 'b', 'c']) byBytes.push('normal', message(40, mark));
  byBytes.push('normal', message(500, 'd'));
  assert.deepEqual(
    [1, 2, 3].map(() =>
      partsOf(byBytes.pull(0))
        .map((part) => part[0])
        .join(''),
    ),
    ['ab', 'c', 'd'],
  );
});

test('no frame is larger than the peer takes', () => {
  const outbound = make({}, { peerMaxFrameBytes: 5000 });
  assert.equal(outbound.push('normal', message(5001)), 'TOO_LARGE');
  for (let i = 0; i < 12; i += 1) outbound.push('normal', message(1000));
  outbound.push('normal', message(5000));
  let messages = 0;
  for (let frame = outbound.pull(0); frame !== undefined; frame = outbound.pull(0)) {
    assert.ok(frame.length <= 5000, `${frame.length} bytes`);
    messages += partsOf(frame).length;
  }
  assert.equal(messages, 13);
  assert.equal(make({}, { peerMaxFrameBytes: 5000 }).direct([message(2500), message(2500)], 0), undefined);
});

test('no frame inflates to more than the peer takes', () => {
  const outbound = make({}, { peerMaxFrameBytes: 5000 });
  assert.equal(outbound.push('normal', message(20, 'x', 5001)), 'TOO_LARGE');
  assert.equal(outbound.direct([message(20, 'x', 2500), message(20, 'x', 2500)], 0), undefined);
  for (const mark of ['a', 'b', 'c', 'd', 'e']) outbound.push('normal', message(20, mark, 2000));
  outbound.push('normal', message(20, 'f', 5000));
  const frames = [1, 2, 3, 4].map(() => partsOf(outbound.pull(0)).map((part) => part[0]));
  assert.deepEqual(frames, [['a', 'b'], ['c', 'd'], ['e'], ['f']]);
  assert.equal(outbound.queuedBytes, 0);
});

test('the window pauses dispatch until the peer acknowledges, whichever side asks for the smaller one', () => {
  for (const windows of [{ windowBytes: 100 }, {}]) {
    const outbound = make({ ...windows, maxBatch: 1 }, { peerWindowBytes: 'windowBytes' in windows ? 1000 : 100 });
    for (let i = 0; i < 4; i += 1) outbound.push('normal', message(60));
    assert.ok(outbound.pull(0));
    assert.ok(outbound.pull(0));
    assert.equal(outbound.pull(0), undefined);
    assert.equal(outbound.direct([message(1)], 0), undefined);
    outbound.acknowledge(10, 0);
    assert.equal(outbound.pull(0), undefined, '110 of 100 bytes are still on the way');
    outbound.acknowledge(60, 0);
    assert.ok(outbound.pull(0));
    assert.equal(outbound.unacknowledgedBytes, 120);
  }
});

test('acknowledgements are cumulative: repeats, steps back and exaggeration do no harm', () => {
  const outbound = make({}, { sentBytes: 50 });
  outbound.push('normal', message(50));
  outbound.pull(0);
  outbound.acknowledge(70, 1);
  outbound.acknowledge(70, 2);
  outbound.acknowledge(20, 3);
  assert.equal(outbound.unacknowledgedBytes, 30);
  outbound.acknowledge(1_000_000, 4);
  assert.equal(outbound.unacknowledgedBytes, 0);
});

test('a queue that is full refuses, but an empty one takes whatever the peer takes', () => {
  const outbound = make({ maxQueuedBytes: 1000 });
  assert.equal(outbound.push('normal', message(3000)), 'queued');
  assert.equal(outbound.push('critical', message(1)), 'BACKPRESSURE');
  outbound.pull(0);
  assert.equal(outbound.push('normal', message(600)), 'queued');
  assert.equal(outbound.push('normal', message(400)), 'queued');
  assert.equal(outbound.push('normal', message(1)), 'BACKPRESSURE');
});

test('congestion counts what is queued and what is not acknowledged, and is told once each way', () => {
  const outbound = make({ congestedBytes: 100, drainedBytes: 50, maxBatch: 1 });
  outbound.push('normal', message(60));
  outbound.pull(0);
  assert.equal(outbound.pressureChange(), undefined);
  outbound.push('normal', message(60));
  assert.equal(outbound.pressureChange(), 'congested');
  assert.equal(outbound.pressureChange(), undefined);
  outbound.pull(0);
  outbound.acknowledge(60, 0);
  assert.equal(outbound.pressureChange(), undefined, 'between the two marks nothing changes');
  outbound.acknowledge(120, 0);
  assert.equal(outbound.pressureChange(), 'drained');
  assert.equal(outbound.pressureChange(), undefined);
});

test('a stall is counted from the last progress, and only while something is owed', () => {
  const outbound = make();
  assert.equal(outbound.stalledMs(5_000), 0);
  outbound.direct([message(100)], 6_000);
  assert.equal(outbound.stalledMs(9_000), 3_000);
  outbound.direct([message(100)], 9_000);
  assert.equal(outbound.stalledMs(10_000), 4_000, 'sending more is no progress of the peer');
  outbound.acknowledge(100, 11_000);
  assert.equal(outbound.stalledMs(12_000), 1_000);
  outbound.acknowledge(100, 15_000);
  assert.equal(outbound.stalledMs(16_000), 5_000, 'a repeat is no progress');
  outbound.acknowledge(200, 17_000);
  assert.equal(outbound.stalledMs(99_000), 0);
});

test('a frame of nothing that is counted takes no room in the window, and nobody waits for its acknowledgement', () => {
  const counted = traffic();
  const outbound = make({ windowBytes: 100 }, { traffic: counted });
  const heartbeat: EncodedMessage = { ...message(60, 'h'), uncounted: true };
  for (let i = 0; i < 5; i += 1) assert.notEqual(outbound.direct([heartbeat], 1_000), undefined);
  outbound.direct([heartbeat, heartbeat], 1_000);
  outbound.push('normal', heartbeat);
  outbound.pull(1_000);
  assert.equal(outbound.unacknowledgedBytes, 0);
  assert.equal(counted.messagesOut, 8);
  assert.equal(outbound.stalledMs(99_000), 0);
  outbound.direct([heartbeat, message(60)], 99_000);
  assert.equal(outbound.unacknowledgedBytes, 123, 'the whole frame, once something in it is counted');
  assert.equal(outbound.direct([heartbeat], 99_000), undefined, 'the window is closed');
});

test('what is queued and cannot be handed on is a stall as well', () => {
  const outbound = make();
  assert.equal(outbound.stalledMs(5_000), 0);
  outbound.push('normal', { ...message(100), uncounted: true });
  assert.equal(outbound.stalledMs(8_000), 3_000);
  outbound.pull(9_000);
  assert.equal(outbound.stalledMs(20_000), 0);
});

test('what waits has waited since the queue was last seen empty, however long the peer has owed something', () => {
  const outbound = make({ windowBytes: 100 });
  outbound.direct([message(100)], 1_000);
  assert.equal(outbound.queuedMs(3_500), 0);
  outbound.push('normal', message(100));
  assert.deepEqual([outbound.queuedMs(4_000), outbound.stalledMs(4_000)], [500, 3_000]);
  outbound.push('normal', message(100));
  assert.equal(outbound.queuedMs(5_500), 2_000, 'more of it has not waited for longer');
  outbound.acknowledge(100, 6_000);
  outbound.pull(6_000);
  outbound.acknowledge(200, 6_500);
  outbound.pull(6_500);
  assert.equal(outbound.queuedMs(7_000), 0);
});

test('lent bytes leave by themselves, and are not copied', () => {
  const counted = traffic();
  const outbound = make({}, { codec: msgpackCodec, traffic: counted });
  const small: EncodedMessage = { data: Uint8Array.of(0x80), bytes: 1, inflatedBytes: 1 };
  const tail = new Uint8Array(5000);
  const lent: EncodedMessage = { ...small, tail, bytes: 5001, inflatedBytes: 5001 };
  for (const next of [small, small, lent, lent, small]) outbound.push('normal', next);
  const taken: [bytes: number, tail: Uint8Array | undefined][] = [];
  for (let frame = outbound.pull(0); frame !== undefined; frame = outbound.pull(0)) {
    assert.equal(frame.length, outbound.takenBytes - (outbound.takenTail?.length ?? 0));
    taken.push([outbound.takenBytes, outbound.takenTail]);
  }
  const alone = [5001, tail];
  assert.deepEqual(taken, [[3, undefined], alone, alone, [1, undefined]]);
  assert.equal(outbound.direct([lent], 0), lent.data);
  assert.equal(outbound.takenTail, tail);
  assert.equal(outbound.direct([lent, small], 0)?.length, 5003);
  assert.equal(outbound.takenTail, undefined);
  assert.equal(counted.bytesOut, outbound.unacknowledgedBytes);
});
