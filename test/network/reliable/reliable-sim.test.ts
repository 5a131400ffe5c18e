import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetworkError, NetworkRetryExhaustedError } from '../../../src/base/errors.js';
import { chance, integer, type Random, seededRandom, uniform } from '../../../src/base/random.js';
import { payloadOf } from '../../../src/message/raw-payload.js';
import type { Endpoint } from '../../../src/network/endpoint.js';
import { ReliableNetwork } from '../../../src/network/reliable/reliable-network.js';
import { assertNothingLeft } from '../../leaks.js';
import { type EndpointLab, makeEndpointLab } from '../endpoint-lab.js';

assertNothingLeft();

const SEEDS = 40;
const REQUESTS = 60;
const MAX_RETRIES = 3;

interface Asked {
  readonly number: number;
  readonly startedAt: number;
  readonly timeoutMs: number | undefined;
  abortedAt: number | undefined;
  ends: number;
  endedAt: number;
  outcome: string;
}

/** Messages that set out with a request's number in them, and when. */
type Departures = Map<number, number[]>;

/** Notes each request that leaves. */
function watch(endpoint: Endpoint, clock: { now(): number }, departures: Departures): void {
  const request = endpoint.request.bind(endpoint);
  endpoint.request = (draft, limits) => {
    const number = draft.payload as number;
    if (!limits?.signal?.aborted) departures.set(number, [...(departures.get(number) ?? []), clock.now()]);
    return request(draft, limits);
  };
}

/** Answers with the number, soon or late, fails now and then, and counts how often it ran for each id. */
function serve(endpoint: Endpoint, lab: EndpointLab, random: Random): void {
  endpoint.handle({
    handle: (_, { payload }) => {
      if (chance(random, 0.05)) throw new Error('no');
      if (chance(random, 0.5)) return payload;
      return new Promise((resolve) => lab.clock.setTimer(uniform(random, 0, 400), () => resolve(payload)));
    },
  });
}

async function run(seed: number, hedged: boolean) {
  const random = seededRandom(`reliable ${seed}`);
  const lab = makeEndpointLab({ seed });
  const server = await lab.endpoint('a');
  const client = await lab.endpoint('b', { dial: 'a' });
  serve(server, lab, random.fork('server'));
  const departures: Departures = new Map();
  watch(client, lab.clock, departures);
  const network = new ReliableNetwork(client, {
    clock: lab.clock,
    random: random.fork('reliable'),
    maxRetries: MAX_RETRIES,
    initialTimeout: 200,
    maxTimeout: 1000,
    circuit: { failures: 8, openMs: 300 },
    ...(hedged ? { hedge: { afterMs: 100 } } : {}),
  });
  lab.hub.setFaults({ baseDelayMs: 5, jitter: 0.5, dropRate: 0.15, duplicateRate: 0.1, reorderRate: 0.1 });
  disturb(lab, random.fork('faults'));
  const asked: Asked[] = [];
  for (let number = 0; number < REQUESTS; number += 1) {
    asked.push(ask(network, lab, { number, random }));
    await lab.clock.advance(uniform(random, 0, 80));
  }
  await lab.clock.advance(30_000);
  const summary = asked.map(({ outcome, endedAt }) => `${outcome}@${endedAt.toFixed(3)}`).join(' ');
  await lab.settle(network.stop());
  await lab.stopAll();
  assert.equal(lab.clock.pending, 0);
  return { asked, departures, network, summary };
}

function disturb(lab: EndpointLab, random: Random): void {
  for (let at = 0; at < 4000; at += 500) {
    lab.clock.setTimer(at + integer(random, 400), () => lab.hub.partition('a', 'b'));
    lab.clock.setTimer(at + 400 + integer(random, 100), () => lab.hub.healPartition('a', 'b'));
  }
}

function ask(network: ReliableNetwork, lab: EndpointLab, given: { number: number; random: Random }): Asked {
  const { number, random } = given;
  const timeoutMs = chance(random, 0.5) ? 100 + integer(random, 2000) : undefined;
  const abort = new AbortController();
  const asked: Asked = {
    number,
    startedAt: lab.clock.now(),
    timeoutMs,
    abortedAt: undefined,
    ends: 0,
    endedAt: 0,
    outcome: '',
  };
  if (chance(random, 0.2)) {
    lab.clock.setTimer(uniform(random, 0, 1000), () => {
      asked.abortedAt = lab.clock.now();
      abort.abort();
    });
  }
  const end = (outcome: string) => {
    asked.ends += 1;
    asked.endedAt = lab.clock.now();
    asked.outcome = outcome;
  };
  network.request({ type: 'x', to: 'a', payload: number }, { timeoutMs, signal: abort.signal }).then(
    (answer) => {
      assert.equal(payloadOf(answer), number);
      end('ok');
    },
    (error: NetworkError) => {
      if (error instanceof NetworkRetryExhaustedError) {
        assert.ok(error.attempts >= 1 && error.attempts <= MAX_RETRIES + 1);
        assert.ok(error.lastError.retryable);
      }
      end(error.code);
    },
  );
  return asked;
}

function check(name: string, { asked, departures, network }: Awaited<ReturnType<typeof run>>, hedged: boolean): void {
  let sent = 0;
  for (const one of asked) {
    const tries = departures.get(one.number) ?? [];
    sent += tries.length;
    checkOne(`${name}, request ${one.number}, ${one.outcome}`, one, tries);
    assert.ok(tries.length <= (MAX_RETRIES + 1) * (hedged ? 2 : 1), `${name}: ${tries.length} tries`);
  }
  const { retries = 0, hedges = 0 } = network.counters;
  // 10 saved up, a tenth of the requests, one a second of the 40 at most: what the budget may have given.
  assert.ok(retries + hedges <= 10 + REQUESTS / 10 + 40, name);
  assert.ok(sent <= REQUESTS + retries + hedges, `${name}: ${sent} sent, ${retries} retries, ${hedges} hedges`);
}

function checkOne(where: string, one: Asked, tries: readonly number[]): void {
  const { ends, endedAt, startedAt, timeoutMs, abortedAt = Number.POSITIVE_INFINITY } = one;
  assert.equal(ends, 1, where);
  // A deadline wheel fires up to one tick late.
  if (timeoutMs !== undefined) assert.ok(endedAt <= startedAt + timeoutMs + 10, `${where}: late`);
  const over = Math.min(endedAt, abortedAt);
  assert.ok(
    tries.every((at) => at <= over),
    `${where}: sent after its end`,
  );
}

describe('under seeded faults', () => {
  for (const hedged of [false, true]) {
    it(`every request ends once and in time, after no more tries than allowed${hedged ? ', hedged' : ''}`, async () => {
      const outcomes = new Map<string, number>();
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const result = await run(seed, hedged);
        check(`seed ${seed}`, result, hedged);
        for (const { outcome } of result.asked) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      for (const outcome of ['ok', 'RETRIES_EXHAUSTED', 'HANDLER_FAILED', 'CANCELLED', 'TIMEOUT']) {
        assert.ok((outcomes.get(outcome) ?? 0) > 0, `no request ended with ${outcome}: ${[...outcomes]}`);
      }
    });
  }

  it('the same seed gives the same run', async () => {
    const [first, again, other] = [await run(5, true), await run(5, true), await run(6, true)];
    assert.equal(first.summary, again.summary);
    assert.notEqual(first.summary, other.summary);
  });
});
