import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { CONVERGENCE_MS, replayCommand, simulate } from './simulation.js';

assertNothingLeft();

const SEEDS = 500;
/** Enough of them to see chance that is not injected. */
const REPEATED = [1, 7, 42, 99, 256];

test(`a leader, ten collaborators and an operator hold under ${SEEDS} fault schedules`, async () => {
  const outcomes = new Map<string, number>();
  const failures: string[] = [];
  // Thousands of requests fail, as they should; nobody reads their stacks.
  Error.stackTraceLimit = 0;
  for (let seed = 1; seed <= SEEDS && failures.length < 5; seed += 1) {
    const result = await simulate(seed);
    for (const [outcome, count] of result.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
    if (result.violations.length > 0) {
      failures.push([`seed ${seed}: ${replayCommand(seed)}`, ...result.violations].join('\n  '));
    } else {
      assert.ok(result.convergedMs !== undefined && result.convergedMs <= CONVERGENCE_MS);
    }
  }
  assert.equal(failures.length, 0, `\n${failures.join('\n')}`);
  // The faults really happen, and so does the work.
  for (const outcome of [
    'ok',
    'TIMEOUT',
    'CANCELLED',
    'CLOSED',
    'UNREACHABLE',
    'OVERLOADED',
    'HANDLER_FAILED',
    'crashed',
  ]) {
    assert.ok((outcomes.get(outcome) ?? 0) >= SEEDS / 10, `${outcome}: ${outcomes.get(outcome) ?? 0} of all requests`);
  }
});

test('the same seed gives the same history, another seed another', async () => {
  const digests = new Set<string>();
  for (const seed of REPEATED) {
    const [first, second] = [await simulate(seed), await simulate(seed)];
    assert.equal(first.digest, second.digest, `seed ${seed}: ${replayCommand(seed)}`);
    assert.deepEqual(first.trace(), second.trace());
    digests.add(first.digest);
  }
  assert.equal(digests.size, REPEATED.length);
});
