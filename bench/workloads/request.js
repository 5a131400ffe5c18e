/** Request/response of a small JSON message between two processes. */
import { Child } from '../host.js';
import { median, medianRatio } from '../measure.js';
import { PEERS, peerOf, unavailable } from '../peers/peer.js';

const CONNECTIONS = [1, 8];
const DEPTHS = [1, 64, 512];
const WARM_UP_DEPTH = 64;

/** @param {number} connections @param {number} depth */
const caseOf = (connections, depth) => `request/${connections}x${depth}`;

export const cases = CONNECTIONS.flatMap((connections) => DEPTHS.map((depth) => caseOf(connections, depth)));

/** Two processes that are connected, and the broker between them where there is one. */
class Pair {
  /** @param {string} peer @param {number} connections */
  static async open(peer, connections) {
    const pair = new Pair();
    try {
      await pair.#open(peer, connections);
      return pair;
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  asking = new Child({ cpu: 0 });
  answering = new Child({ cpu: 1 });
  /** @type {import('../peers/peer.js').Broker | undefined} */
  #broker;
  connections = 0;

  /** @param {string} peer @param {number} connections */
  async #open(peer, connections) {
    this.connections = connections;
    this.#broker = await (await peerOf(peer)).broker?.();
    const { address } = await this.asking.call('ask', { peer, connections, broker: this.#broker?.address });
    await this.answering.call('answer', { peer, address, connections });
    await this.asking.call('ready');
  }

  /** @param {number} depth @param {number} warmUpMs @param {number} durationMs */
  async measure(depth, warmUpMs, durationMs) {
    const { connections } = this;
    await this.asking.call('load', { connections, depth, durationMs: warmUpMs });
    const before = await this.answering.call('cpu');
    const run = await this.asking.call('load', { connections, depth, durationMs });
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
    await this.#broker?.stop();
  }
}

/** @typedef {Awaited<ReturnType<Pair['measure']>>} Measure */
/** Measures by case and peer, one for each round. @typedef {Map<string, Map<string, Measure[]>>} Rounds */

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run(plan) {
  /** @type {Rounds} */
  const rounds = new Map();
  const peers = [];
  for (const peer of PEERS) {
    const reason = await unavailable(peer);
    if (reason) plan.progress(`${peer} is not measured: ${reason}`);
    else peers.push(peer);
  }
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const connections of CONNECTIONS) await measureRound({ plan, round, connections, peers, rounds });
  }
  return rowsOf(rounds);
}

/**
 * One round at one number of connections: fresh processes for every peer, then each depth, peer after peer.
 * @param {{ plan: import('../run.js').Plan, round: number, connections: number, peers: string[], rounds: Rounds }} options
 */
async function measureRound({ plan, round, connections, peers, rounds }) {
  const depths = DEPTHS.filter((depth) => plan.wants(caseOf(connections, depth)));
  if (depths.length === 0) return;
  /** @type {Map<string, Pair>} */
  const pairs = new Map();
  try {
    for (const peer of peers) {
      const pair = await Pair.open(peer, connections);
      pairs.set(peer, pair);
      // A leader runs for days: what the engine compiles in its first seconds is no part of what a request costs.
      await pair.asking.call('load', { connections, depth: WARM_UP_DEPTH, durationMs: plan.compileMs });
    }
    for (const depth of depths) {
      const name = caseOf(connections, depth);
      plan.progress(`${name} round ${round}/${plan.rounds}`);
      for (const [peer, pair] of pairs) {
        const measure = await pair.measure(depth, plan.warmUpMs, plan.measureMs);
        const byPeer = rounds.get(name) ?? new Map();
        rounds.set(name, byPeer);
        byPeer.set(peer, [...(byPeer.get(peer) ?? []), measure]);
      }
    }
  } finally {
    for (const pair of pairs.values()) await pair.close();
  }
}

/** @param {Rounds} rounds */
function rowsOf(rounds) {
  /** @type {import('../report.js').Row[]} */
  const rows = [];
  for (const name of cases) {
    const byPeer = rounds.get(name);
    const ours = byPeer?.get('netmgr');
    for (const [peer, measures] of byPeer ?? []) {
      /** @param {keyof Measure} key */
      const middle = (key) => median(measures.map((measure) => measure[key]));
      /** @param {keyof Measure} key */
      const ratio = (key) =>
        ours &&
        medianRatio(
          ours.map((measure) => measure[key]),
          measures.map((measure) => measure[key]),
        );
      rows.push({
        workload: 'request',
        case: name,
        peer,
        rounds: measures.length,
        requestsPerSecond: middle('requestsPerSecond'),
        askCpuUs: middle('askCpuUs'),
        answerCpuUs: middle('answerCpuUs'),
        p50Us: middle('p50Us'),
        p99Us: middle('p99Us'),
        netmgrRatio:
          peer === 'netmgr' || !ours
            ? undefined
            : {
                requestsPerSecond: ratio('requestsPerSecond'),
                askCpuUs: ratio('askCpuUs'),
                answerCpuUs: ratio('answerCpuUs'),
                p50Us: ratio('p50Us'),
              },
      });
    }
  }
  return rows;
}
