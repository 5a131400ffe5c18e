import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { heapAfterCollection } from '../attack/replay.js';
import type { Bomb, BombOrder, BombReport } from './bomb.js';
import { Fortress } from './fortress.js';

const BOMBER = fileURLToPath(new URL('./bomber.js', import.meta.url));
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
/** p99 needs some hundred. */
const SAMPLES = 200;

export interface Siege {
  readonly connections: number;
  /** Of bombs, and then of the crowd, in turn: so the machine's own moments are in both. */
  readonly rounds: number;
  /** Of each of these. */
  readonly phaseMs: number;
  /** Whether there is a crowd to compare with. */
  readonly compared: boolean;
}

export interface BombFigures extends BombReport {
  readonly grownMiB: number;
  /** With nobody else there. */
  readonly aloneP99Ms: number;
  /** With as many others that come, go and send as often as the bombers, and do no harm; NaN if not compared. */
  readonly crowdP99Ms: number;
  readonly p99Ms: number;
}

/** Has many connections throw one kind of bomb, and looks at what the leader needs and how long the others wait. */
export async function bombard(bomb: Bomb, { connections, rounds, phaseMs, compared }: Siege): Promise<BombFigures> {
  await using fortress = await Fortress.open();
  const token = await fortress.token({ uses: 2 * connections, maySubmit: true });
  const order: BombOrder = { port: fortress.port, bomb, token, connections, durationMs: phaseMs };
  await latencies(fortress, () => false);
  const alone = await latencies(fortress, () => false);
  await using bombers = new Party(fortress);
  await using crowd = compared ? new Party(fortress) : undefined;
  heapAfterCollection();
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 100);
  try {
    for (let round = 0; round < rounds; round += 1) {
      await bombers.obey(order);
      if (crowd === undefined) continue;
      const { thrown, closed } = bombers.report;
      const harmless = { leaveAfter: closed === 0 ? Number.MAX_SAFE_INTEGER : Math.ceil(thrown / closed) };
      await crowd.obey({ ...order, harmless });
    }
  } finally {
    clearInterval(watch);
  }
  await fortress.assertHonestServed();
  const grown = peak - before;
  const figures: BombFigures = {
    ...bombers.report,
    grownMiB: Math.round(grown / 2 ** 20),
    aloneP99Ms: p99(alone),
    crowdP99Ms: p99(crowd?.samples ?? []),
    p99Ms: p99(bombers.samples),
  };
  assert.ok(grown < MAX_GROWTH_BYTES, `the leader has grown: ${JSON.stringify(figures)}`);
  return figures;
}

/** A process with connections of its own, and how long the honest member waits while it is at work. */
class Party implements AsyncDisposable {
  readonly #fortress: Fortress;
  readonly #process: ChildProcess = fork(BOMBER, { execArgv: [] });
  readonly samples: number[] = [];
  report: BombReport = { thrown: 0, closed: 0, accepted: 0 };

  constructor(fortress: Fortress) {
    this.#fortress = fortress;
  }

  async obey(order: BombOrder): Promise<void> {
    let report: BombReport | undefined;
    this.#process.once('message', (message) => {
      report = message as BombReport;
    });
    this.#process.send(order);
    const isBusy = (): boolean => report === undefined && this.#process.exitCode === null;
    this.samples.push(...(await latencies(this.#fortress, isBusy)));
    assert.ok(report, 'the process reports');
    const { thrown, closed, accepted } = this.report;
    this.report = {
      thrown: thrown + report.thrown,
      closed: closed + report.closed,
      accepted: accepted + report.accepted,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }
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
