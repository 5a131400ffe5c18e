import type { OperatorApi } from '../role/operator-api.js';
import type { Invocation } from './command.js';
import { connect } from './connect.js';
import type { Environment } from './environment.js';
import { leaderTarget } from './target.js';

const CONNECT_MS = 5000;

/** Runs what a command does with the leader that is meant, and lets go of it afterwards. */
export async function withLeader<T>(
  environment: Environment,
  invocation: Invocation,
  work: (operator: OperatorApi) => Promise<T>,
): Promise<T> {
  const target = leaderTarget(environment, invocation);
  const operator = await connect(environment, target, { timeoutMs: CONNECT_MS, signal: invocation.signal });
  try {
    return await work(operator);
  } finally {
    await operator.stop();
  }
}
