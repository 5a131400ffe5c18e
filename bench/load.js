/** The closed loop: `depth` requests are in flight on each connection all the time. */

import { quantile } from './measure.js';
import { QUESTIONS } from './message.js';

/**
 * @typedef {object} Load
 * @property {number} connections
 * @property {number} depth
 * @property {keyof typeof QUESTIONS} [size] of a question
 * @property {number} durationMs
 */

/** Latencies that one measure remembers at most. */
const MAX_SAMPLES = 1_000_000;
const samples = new Float64Array(MAX_SAMPLES);

/**
 * Asks for `durationMs`, then waits for the answers that are still out, so that every request counts whole.
 * @param {Pick<import('./peers/peer.js').AskSide, 'request'>} side
 * @param {Load} load
 */
export async function load(side, { connections, depth, size = '340 B', durationMs }) {
  const question = QUESTIONS[size];
  let requests = 0;
  let sequence = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + durationMs;

  /** @param {number} connection */
  const keepAsking = async (connection) => {
    for (let now = performance.now(); now < end; ) {
      sequence += 1;
      const asked = question(sequence);
      const answer = await side.request(connection, asked);
      if (answer.sequence !== asked.sequence) throw new Error('an answer belongs to another question');
      const answered = performance.now();
      if (requests < MAX_SAMPLES) samples[requests] = answered - now;
      requests += 1;
      now = answered;
    }
  };

  const asking = [];
  for (let connection = 0; connection < connections; connection += 1) {
    for (let i = 0; i < depth; i += 1) asking.push(keepAsking(connection));
  }
  await Promise.all(asking);
  const elapsedMs = performance.now() - start;
  // Here, before the latencies are sorted, which is the bench's own work.
  const { user, system } = process.cpuUsage(cpu);
  const latencies = samples.subarray(0, Math.min(requests, MAX_SAMPLES));
  return {
    requests,
    elapsedMs,
    cpuUs: user + system,
    p50Us: quantile(latencies, 0.5) * 1000,
    p99Us: quantile(latencies, 0.99) * 1000,
  };
}
