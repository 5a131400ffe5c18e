import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { heapAfterCollection } from '../attack/replay.js';
import type { Bomb, BombOrder, BombReport } from './bomb.js';
import { Fortress } from './fortress.js';

const BOMBER = fileURLToPath(new URL('./bomber.js', import.meta.url));
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
/** Without an attack; p99 needs some hundred. */
const SAMPLES = 200;

export interface BombFigures extends BombReport {
  readonly grownMiB: number;
  /** With nobody else there. */
  readonly aloneP99Ms: number;
  /** With as many others that come, go and send as often as the bombers, and do no harm. */
  readonly calmP99Ms: number;
  readonly p99Ms: number;
}

/** Of a crowd that does no harm. */
const MAX_CALM_MS = 15_000;

/** Has many connections throw one kind of bomb, and looks at what the leader needs and how long the others wait. */
export async function bombard(bomb: Bomb, connections: number, durationMs: number): Promise<BombFigures> {
  await using fortress = await Fortress.open();
  const token = await fortress.token({ uses: 2 * connections, maySubmit: true });
  const order: BombOrder = { port: fortress.port, bomb, token, connections, durationMs };
  await latencies(fortress, () => false);
  const alone = await latencies(fortress, () => false);
  heapAfterCollection();
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 100);
  const attacked = await besides(fortress, order);
  clearInterval(watch);
  const { thrown, closed } = attacked.report;
  const harmless = { leaveAfter: closed === 0 ? Number.MAX_SAFE_INTEGER : Math.ceil(thrown / closed) };
  const calm = await besides(fortress, { ...order, harmless, durationMs: Math.min(durationMs, MAX_CALM_MS) });
  await fortress.assertHonestServed();
  const grown = peak - before;
  const figures: BombFigures = {
    ...attacked.report,
    grownMiB: Math.round(grown / 2 ** 20),
    aloneP99Ms: p99(alone),
    calmP99Ms: p99(calm.samples),
    p99Ms: p99(attacked.samples),
  };
  assert.ok(grown < MAX_GROWTH_BYTES, `the leader has grown: ${JSON.stringify(figures)}`);
  return figures;
}

/** How long the honest member waits while another process carries out the order. */
async function besides(
  fortress: Fortress,
  order: BombOrder,
): Promise<{ readonly samples: readonly number[]; readonly report: BombReport }> {
  const bomber = fork(BOMBER, { execArgv: [] });
  const exited = once(bomber, 'exit');
  bomber.send(order);
  let report: BombReport | undefined;
  bomber.once('message', (message) => {
    report = message as BombReport;
  });
  const samples = await latencies(fortress, () => report === undefined && bomber.exitCode === null);
  await exited;
  assert.ok(report, 'the bomber reports');
  return { samples, report };
}

/** How long the honest member waits for the leader, in milliseconds; as long as `more` says. */
async function latencies(fortress: Fortress, more: () => boolean): Promise<readonly number[]> {
  const samples: number[] = [];
  while (more() || samples.length < SAMPLES) {
    const askedAt = performance.now();
    assert.equal(await fortress.honest.request('ping', 1), 1);
    samples.push(performance.now() - askedAt);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return samples;
}

const p99 = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round((sorted[Math.ceil(sorted.length * 0.99) - 1] as number) * 100) / 100;
};
