import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNetworkError, NetworkError } from '../../src/base/errors.js';
import type { Role } from '../../src/base/names.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { handle } from '../../src/manager/handler.js';
import { NetworkManager } from '../../src/manager/manager.js';
import { type Codec, DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import { CODECS } from '../../src/message/codecs.js';
import { guardEnvelope } from '../../src/message/guard.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { payloadOf, RawPayload } from '../../src/message/raw-payload.js';
import { Stamp } from '../../src/message/stamp.js';
import { Leader } from '../../src/role/leader.js';
import { FrameNetwork } from './frame-network.js';
import { Mutator } from './mutator.js';
import { heapAfterCollection, replayable } from './replay.js';

const DECODER_FRAMES = 28_000;
const LEADER_FRAMES = 14_000;
const MANAGER_FRAMES = 5_000;
/** What stands around a compressed payload is read as without compression. */
const COMPRESSED_PART = 10;
const MAX_GROWTH_BYTES = 16 * 1024 * 1024;
const RAW_CONTROL = /\p{Cc}/u;

/** The tests of mutated frames, with so many times 103,400 of them. */
export function testMutations(times: number): void {
  for (const codec of CODECS.values()) {
    const part = codec === codec.plain ? 1 : COMPRESSED_PART;
    const share = (frames: number): number => (frames * times) / part;
    const [decoder, leader, manager] = [share(DECODER_FRAMES), share(LEADER_FRAMES), share(MANAGER_FRAMES)];
    test(`${decoder} mutated ${codec.name} frames: each is read alike in both ways, or refused by name`, () =>
      replayable((seed) => judgeAll(codec, seed, decoder)));

    test(`${leader} mutated ${codec.name} frames: a leader goes on, and keeps nothing of them`, () =>
      replayable((seed) => attackLeader(codec, seed, leader)));

    test(`${manager} mutated ${codec.name} frames: no request and no invocation is left over`, () =>
      replayable((seed) => attackManager(codec, seed, manager)));
  }
}

function judgeAll(codec: Codec, seed: string, frames: number): void {
  const mutator = new Mutator(seededRandom(`${seed} decoder ${codec.name}`), codec, 'evil');
  let accepted = 0;
  for (let i = 0; i < frames; i += 1) {
    const frame = mutator.next();
    accepted += judge(codec, frame, `frame ${i}: ${frame.toString('latin1', 0, 400)}`);
  }
  assert.ok(accepted > frames / 50, `${accepted} frames held a message: too few to mean anything`);
  assert.equal((Object.prototype as { polluted?: boolean }).polluted, undefined);
}

/** @returns 1 if the frame held a message that follows the rules */
function judge(codec: Codec, frame: Buffer, label: string): 0 | 1 {
  const eager = read(codec, frame, false, label);
  const lazy = read(codec, frame, true, label);
  assert.deepEqual(idsOf(lazy), idsOf(eager), label);
  for (const message of eager) assert.equal(guardEnvelope(message), undefined, label);
  // What a relay hands on unread, the next one has to be able to read.
  const raw = lazy.filter(({ payload }) => payload instanceof RawPayload).slice(0, 3);
  for (const message of raw) {
    const again = codec.decode(codec.join([codec.encode(message)]), DEFAULT_DECODE_LIMITS);
    assert.deepEqual([again.messages.length, again.invalid.length], [1, 0], label);
    assert.deepEqual(payloadOf(again.messages[0] as NetworkMessage), payloadOf(message), label);
  }
  return eager.length > 0 ? 1 : 0;
}

/** The messages of a frame; every refusal is an error that people can read. */
function read(codec: Codec, frame: Buffer, lazy: boolean, label: string): readonly NetworkMessage[] {
  const refusals: unknown[] = [];
  const messages: NetworkMessage[] = [];
  try {
    const decoded = codec.decode(frame, DEFAULT_DECODE_LIMITS, { lazy });
    refusals.push(...decoded.invalid.map(({ error }) => error));
    messages.push(...decoded.messages);
  } catch (error) {
    refusals.push(error);
  }
  for (const error of refusals) assertReadable(error, label);
  return messages;
}

function assertReadable(error: unknown, label: string): void {
  assert.ok(isNetworkError(error), `${label}\n${(error as Error).stack}`);
  assert.ok(
    ['DESERIALIZATION', 'TOO_LARGE', 'INVALID_MESSAGE', 'VERSION_MISMATCH'].includes(error.code),
    `${label}\n${error.stack}`,
  );
  assert.ok(error.message.length < 300 && !RAW_CONTROL.test(error.message), `${label}\n${error.message}`);
}

const idsOf = (messages: readonly NetworkMessage[]) => messages.map(({ id, kind, type }) => `${id} ${kind} ${type}`);

const ATTACKERS: readonly (readonly [string, Role])[] = [
  ['w1', 'collaborator'],
  ['w2', 'collaborator'],
  ['op', 'operator'],
  ['eye', 'observer'],
];

const HANDLERS = [
  handle('ping', {}, (payload) => payload),
  handle('hang', { concurrency: 5, queue: 50, timeoutMs: 2_000 }, (_payload, { signal }) => {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }),
];

async function attackLeader(codec: Codec, seed: string, frames: number): Promise<void> {
  const clock = new VirtualClock();
  const random = seededRandom(`${seed} leader ${codec.name}`);
  let network: FrameNetwork | undefined;
  const failures: unknown[] = [];
  const leader = new Leader({
    ...{ name: 'leader', cluster: 'test', version: '0', clock, random: random.fork('leader'), handlers: HANDLERS },
    log: { debug() {}, info() {}, warn() {}, error: (fields, text) => void failures.push([text, fields]) },
    network: (wiring) => {
      network = new FrameNetwork(wiring, codec);
      return network;
    },
  });
  await leader.start();
  assert.ok(network);
  const idle = clock.pending;
  const mutators = ATTACKERS.map(([self]) => new Mutator(random.fork(self), codec, self));
  const before = heapAfterCollection();
  for (let i = 0; i < frames; i += 1) {
    const [self, role] = ATTACKERS[i % ATTACKERS.length] as (typeof ATTACKERS)[number];
    network.connect('honest', 'collaborator');
    network.connect(self, role);
    network.receive(self, (mutators[i % mutators.length] as Mutator).next());
    if (i % 200 === 0) await clock.advance(50);
  }
  await clock.advance(1_000);
  const { counters } = leader.status().leader;
  const enough = frames / 140;
  assert.ok((counters['requests'] ?? 0) > enough && (counters['handled'] ?? 0) > enough, 'the attack got somewhere');
  for (const node of [...network.peers.keys()]) network.disconnect(node, new NetworkError('CLOSED', 'the end'));
  // Their requests end with them, half a body half a minute later; the wheel's timer runs out once.
  await clock.advance(60_000);
  assert.equal(clock.pending, idle, 'something still waits');
  assert.deepEqual(network.unreadable, [], 'the leader sent what a peer refuses');
  assert.deepEqual(failures, [], 'something failed that is nobody else’s fault');
  assert.ok(leader.status().nodes.length <= 3);
  const growth = heapAfterCollection() - before;
  assert.ok(growth < MAX_GROWTH_BYTES, `the heap has grown by ${growth} bytes`);
  await leader.stop({ graceMs: 0 });
  assert.equal(clock.pending, 0);
}

async function attackManager(codec: Codec, seed: string, frames: number): Promise<void> {
  const clock = new VirtualClock();
  const random = seededRandom(`${seed} manager ${codec.name}`);
  const failures: unknown[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields: object, text: string) => void failures.push([text, fields]),
  };
  const stamp = new Stamp('leader', clock, random);
  const network = new FrameNetwork(
    { self: 'leader', role: 'leader', cluster: 'test', version: '0', clock, random, log, stamp },
    codec,
  );
  const manager = new NetworkManager({ network, stamp, clock, log });
  for (const handler of HANDLERS) manager.registerHandler(handler);
  network.connect('evil', 'collaborator');
  network.connect('honest', 'collaborator');
  const endings = Array.from({ length: 100 }, (_, i) =>
    manager
      .request({ type: 'echo', to: i % 2 ? 'evil' : 'honest' }, { timeoutMs: 3_600_000 })
      .catch((error) => error.code),
  );
  const mutator = new Mutator(random.fork('frames'), codec, 'evil');
  for (let i = 0; i < frames; i += 1) {
    network.connect('evil', 'collaborator');
    network.receive('evil', mutator.next());
    if (i % 200 === 0) await clock.advance(50);
  }
  assert.ok(manager.requester.waiting >= 50, 'nobody answers for the honest one');
  await network.stop();
  await clock.advance(200_000);
  assert.deepEqual([manager.requester.waiting, manager.dispatcher.running], [0, 0]);
  assert.equal(new Set(await Promise.all(endings)).size, 1, 'each ended with CLOSED');
  assert.deepEqual(failures, []);
  await manager.close(0);
  assert.equal(clock.pending, 0);
}
