/** Two processes that are connected: one asks, the other one answers. */
import { Child } from './host.js';

export class Pair {
  asking = new Child({ cpu: 0 });
  answering = new Child({ cpu: 1 });
  /** What else belongs to them: the broker between the two, where there is one. @type {(() => Promise<void>)[]} */
  #ends = [];

  /**
   * The pair that `connect` has connected; ended if it fails.
   * @param {(pair: Pair) => Promise<void>} connect
   */
  static async open(connect) {
    const pair = new Pair();
    try {
      await connect(pair);
      return pair;
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  /** @param {() => Promise<void>} end called after both processes have ended */
  onClose(end) {
    this.#ends.push(end);
  }

  /**
   * One measure of the closed loop of load.js, after a warm-up of the same kind.
   * @param {import('./load.js').Load} load
   * @param {number} warmUpMs
   */
  async measure(load, warmUpMs) {
    await this.asking.call('load', { ...load, durationMs: warmUpMs });
    const before = await this.answering.call('cpu');
    const run = await this.asking.call('load', load);
    const after = await this.answering.call('cpu');
    return {
      requestsPerSecond: run.requests / (run.elapsedMs / 1000),
      askCpuUs: run.cpuUs / run.requests,
      answerCpuUs: (after.user + after.system - before.user - before.system) / run.requests,
      p50Us: run.p50Us,
      p99Us: run.p99Us,
    };
  }

  async close() {
    await this.answering.end();
    await this.asking.end();
    for (const end of this.#ends) await end();
  }
}

/** @typedef {Awaited<ReturnType<Pair['measure']>>} Measure */
