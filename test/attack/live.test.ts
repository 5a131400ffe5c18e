import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { handle } from '../../src/manager/handler.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';
import { Arena } from './arena.js';
import type { AttackOrder, AttackReport } from './attacker.js';
import { heapAfterCollection, replayable, SEED } from './replay.js';

assertNothingLeft();

const ATTACKER = fileURLToPath(new URL('./attacker.js', import.meta.url));
const ROUNDS = 9;
const FRAMES_PER_ROUND = 720;
const MIN_SAMPLES = 200;
const MAX_GROWTH_BYTES = 16 * 1024 * 1024;

const hang = handle('hang', { concurrency: 5, queue: 50, timeoutMs: 500 }, (_payload, { signal }) => {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
});

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
before(() => void process.on('unhandledRejection', note).on('uncaughtException', note));
after(() => void process.off('unhandledRejection', note).off('uncaughtException', note));

test(`${ROUNDS * FRAMES_PER_ROUND} mutated frames over sockets: the leader stays up, keeps nothing, and serves an honest member as before`, async (t) => {
  try {
    await replayable(attack);
  } catch (error) {
    // A machine that others use at the same time has its moments: what is really wrong is so for another seed as well.
    t.diagnostic(`once more with another seed, after: ${error}`);
    await replayable(attack, `${SEED} again`);
  }
});

async function attack(seed: string): Promise<void> {
  await using arena = await Arena.open({ handlers: [hang] });
  const attacker = fork(ATTACKER, { execArgv: [] });
  const target = { url: `${arena.leader.address}/`, seed };
  try {
    await order(attacker, { target, frames: FRAMES_PER_ROUND });
    await latencies(arena, () => false, 2 * MIN_SAMPLES);
    const heap = heapAfterCollection();
    const calm: number[] = [];
    const attacked: number[] = [];
    let report: AttackReport = { sent: 0, closed: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      calm.push(p99(await latencies(arena, () => false, MIN_SAMPLES)));
      let over = false;
      const reported = order(attacker, {}).finally(() => {
        over = true;
      });
      attacked.push(p99(await latencies(arena, () => !over, MIN_SAMPLES)));
      const { sent, closed } = await reported;
      report = { sent: report.sent + sent, closed };
      await order(attacker, { frames: FRAMES_PER_ROUND });
    }
    assert.ok(report.sent >= 6_000, `only ${report.sent} frames were sent`);
    assert.ok(report.closed > 20, 'the leader has ended connections');
    const [quiet, busy] = [median(calm), median(attacked)];
    const figures = `p99 ${busy.toFixed(2)} ms under attack, ${quiet.toFixed(2)} ms without`;
    assert.ok(busy <= 3 * quiet + 10, figures);
    await assertUnharmed(arena, attacker, heap);
  } finally {
    if (attacker.connected) attacker.disconnect();
    if (attacker.exitCode === null) await once(attacker, 'exit');
  }
}

/** Nothing of the attack is left once it is over. */
async function assertUnharmed(arena: Arena, attacker: ChildProcess, heap: number): Promise<void> {
  assert.ok(arena.counter('unauthenticatedInvalid') > 50, 'frames came before the handshake');
  assert.ok(arena.counter('invalidMessages') > 500, 'and after it');
  attacker.disconnect();
  await once(attacker, 'exit');
  const rows = () => arena.leader.status().nodes.filter(({ node }) => node !== 'honest');
  const gone = () => rows().every(({ status }) => status === 'lost' || status === 'left');
  await until(gone, 'the attackers to be seen to be gone');
  assert.ok(rows().length <= 6);
  await until(() => arena.honest.status().slots.busy === 0, 'the honest member to be idle');
  await arena.assertHonestServed();
  const growth = heapAfterCollection() - heap;
  assert.ok(growth < MAX_GROWTH_BYTES, `the heap has grown by ${growth} bytes`);
  assert.deepEqual(unhandled, []);
}

/** How long the honest member waits for the leader, in milliseconds; as long as `more` says, `least` times at least. */
async function latencies(arena: Arena, more: () => boolean, least: number): Promise<readonly number[]> {
  const samples: number[] = [];
  while (more() || samples.length < least) {
    const askedAt = performance.now();
    assert.equal(await arena.honest.request('ping', samples.length), samples.length);
    samples.push(performance.now() - askedAt);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return samples;
}

async function order(attacker: ChildProcess, what: AttackOrder): Promise<AttackReport> {
  attacker.send(what);
  const [report] = await once(attacker, 'message');
  return report as AttackReport;
}

const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);
const p99 = (values: readonly number[]): number => sorted(values)[Math.ceil(values.length * 0.99) - 1] as number;
const median = (values: readonly number[]): number => sorted(values)[values.length >> 1] as number;
