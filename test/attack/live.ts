import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { handle } from '../../src/manager/handler.js';
import { until } from '../network/websocket-nodes.js';
import { Arena } from './arena.js';
import type { AttackOrder, AttackReport } from './attacker.js';
import { heapAfterCollection } from './replay.js';

const ATTACKER = fileURLToPath(new URL('./attacker.js', import.meta.url));
export const FRAMES_PER_ROUND = 720;
const MIN_SAMPLES = 500;
const MAX_GROWTH_BYTES = 16 * 1024 * 1024;

/** How attacks go on, and what an honest member's wait is measured by; the tests say why. */
export interface Manner {
  /** 'with requests': a frame is thrown with every second request of the honest member; 'alone': at a rate of its own. */
  readonly frames: 'with requests' | 'alone';
  /** Milliseconds, from whenever. */
  now(): number;
}

/** What each request of the honest member took, in milliseconds: a list for each round. */
export interface Waits {
  readonly calm: readonly (readonly number[])[];
  readonly attacked: readonly (readonly number[])[];
}

const hang = handle('hang', { concurrency: 5, queue: 50, timeoutMs: 500 }, (_payload, { signal }) => {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
});

const unhandled: unknown[] = [];

/** Call it once, at the top of a file. */
export function watchForUnhandled(): void {
  const note = (error: unknown) => void unhandled.push(error);
  before(() => void process.on('unhandledRejection', note).on('uncaughtException', note));
  after(() => void process.off('unhandledRejection', note).off('uncaughtException', note));
}

/** Rounds without and with an attack, in turns, so that whatever else the machine does is in both. */
export async function attack(seed: string, rounds: number, manner: Manner): Promise<Waits> {
  await using arena = await Arena.open({ handlers: [hang] });
  const attacker = fork(ATTACKER, { execArgv: [] });
  const calm: (readonly number[])[] = [];
  const attacked: (readonly number[])[] = [];
  try {
    await order(attacker, { target: { url: `${arena.leader.address}/`, seed }, frames: FRAMES_PER_ROUND });
    await underAttack(arena, attacker, manner);
    const heap = heapAfterCollection();
    let report: AttackReport | undefined;
    for (let round = 0; round < rounds; round += 1) {
      await order(attacker, { frames: FRAMES_PER_ROUND });
      calm.push(await waits(arena, manner, (count) => count < MIN_SAMPLES));
      const [samples, reported] = await underAttack(arena, attacker, manner);
      attacked.push(samples);
      report = reported;
    }
    assert.ok(report && report.sent >= rounds * FRAMES_PER_ROUND, `only ${report?.sent} frames were sent`);
    assert.ok(report.closed > 20, 'the leader has ended connections');
    await assertUnharmed(arena, attacker, heap);
  } finally {
    if (attacker.connected) attacker.disconnect();
    if (attacker.exitCode === null) await once(attacker, 'exit');
  }
  return { calm, attacked };
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

/** All frames that are prepared are thrown meanwhile. */
async function underAttack(
  arena: Arena,
  attacker: ChildProcess,
  manner: Manner,
): Promise<readonly [samples: readonly number[], AttackReport]> {
  const withRequests = manner.frames === 'with requests' ? 2 * FRAMES_PER_ROUND : 0;
  let report: AttackReport | undefined;
  let finished: Promise<AttackReport> | undefined;
  const samples = await waits(arena, manner, (count) => {
    if (count < withRequests && count % 2 === 0) attacker.send({ one: true } satisfies AttackOrder);
    if (count === withRequests) {
      finished = order(attacker, {}).then((reported) => {
        report = reported;
        return reported;
      });
    }
    return report === undefined || count < MIN_SAMPLES;
  });
  assert.ok(finished);
  return [samples, await finished];
}

/** The honest member asks the leader, one request after the other. @param more asked before each, with how many there were */
async function waits(arena: Arena, { frames, now }: Manner, more: (count: number) => boolean): Promise<number[]> {
  const samples: number[] = [];
  while (more(samples.length)) {
    const askedAt = now();
    assert.equal(await arena.honest.request('ping', samples.length), samples.length);
    samples.push(now() - askedAt);
    await new Promise((resolve) => (frames === 'alone' ? setTimeout(resolve, 1) : setImmediate(resolve)));
  }
  return samples;
}

async function order(attacker: ChildProcess, what: AttackOrder): Promise<AttackReport> {
  attacker.send(what);
  const [report] = await once(attacker, 'message');
  return report as AttackReport;
}

const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);
export const p99 = (values: readonly number[]): number => sorted(values)[Math.ceil(values.length * 0.99) - 1] as number;
export const median = (values: readonly number[]): number => sorted(values)[values.length >> 1] as number;

/** The figure that is asked for. */
export function assertServed(calm: number, attacked: number): void {
  const figures = `p99 ${attacked.toFixed(2)} ms under attack, ${calm.toFixed(2)} ms without`;
  assert.ok(attacked <= 2 * calm + 5, figures);
}
