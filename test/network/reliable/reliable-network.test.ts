import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { type NetworkError, NetworkRetryExhaustedError } from '../../../src/base/errors.js';
import { type Random, seededRandom } from '../../../src/base/random.js';
import { VirtualClock } from '../../../src/base/virtual-clock.js';
import type { ReliableNetworkOptions } from '../../../src/network/reliable/options.js';
import { ReliableNetwork } from '../../../src/network/reliable/reliable-network.js';
import { assertNothingLeft } from '../../leaks.js';
import { type Fate, ScriptedNetwork } from './scripted-network.js';

assertNothingLeft();

/** Every wait is the longest that it may be, almost. */
const longest: Random = { next: () => 1 - 2 ** -32, fork: () => longest };

function make(script: readonly Fate[], options: ReliableNetworkOptions = {}, clock = new VirtualClock()) {
  const scripted = new ScriptedNetwork(clock, script);
  const base = { clock, random: longest, circuit: false, budget: false } as const;
  const network = new ReliableNetwork(scripted.asNetwork(), { ...base, ...options });
  /** `ok`, or the error, and when. */
  const outcome = async (promise: Promise<unknown>): Promise<{ error: NetworkError | undefined; at: number }> => {
    let result: { error: NetworkError | undefined; at: number } | undefined;
    promise.then(
      () => (result = { error: undefined, at: clock.now() }),
      (error: NetworkError) => (result = { error, at: clock.now() }),
    );
    await clock.runUntil(() => result !== undefined);
    assert.ok(result);
    return result;
  };
  const ask = (limits = {}) => outcome(network.request({ type: 'get', to: 'b', payload: 1 }, limits));
  return { clock, scripted, network, outcome, ask };
}

const times = (values: readonly number[]) => values.map(Math.round);

describe('a reliable network', () => {
  it('tries again with longer timeouts and longer waits, and then gives up', async () => {
    const { scripted, ask, network, clock } = make(['silence'], { maxRetries: 4 });
    const { error, at } = await ask();
    assert.deepEqual(
      scripted.sent.map(({ timeoutMs }) => timeoutMs),
      [1000, 2000, 4000, 8000, 10_000],
    );
    assert.deepEqual(times(scripted.times), [0, 1100, 3300, 7700, 16_500]);
    assert.equal(Math.round(at), 26_500);
    assert.ok(error instanceof NetworkRetryExhaustedError);
    assert.deepEqual(
      [error.code, error.attempts, error.lastError.code, error.node],
      ['RETRIES_EXHAUSTED', 5, 'TIMEOUT', 'b'],
    );
    assert.equal(error.cause, error.lastError);
    assert.match(error.message, /'get' to b failed after 5 tries \(no more are allowed\): nothing within 10000 ms/);
    assert.equal(network.counters.retries, 4);
    assert.equal(network.counters.retriesExhausted, 1);
    assert.equal(clock.pending, 0);
  });

  it('answers with the first try that succeeds; all tries are the same message', async () => {
    const { scripted, ask } = make([{ ms: 5, code: 'CLOSED' }, 'silence', { ms: 7 }]);
    assert.equal((await ask()).error, undefined);
    assert.equal(scripted.sent.length, 3);
    assert.equal(new Set(scripted.sent.map(({ draft }) => draft.id)).size, 1);
    assert.match(scripted.sent[0]?.draft.id ?? '', /^[a-z0-9]{12}-1$/);
    for (const { draft } of scripted.sent) assert.deepEqual([draft.type, draft.to, draft.payload], ['get', 'b', 1]);
  });

  it('does not try again what is permanent, what the options leave out, and what the caller forbids', async () => {
    const cases: [Fate, ReliableNetworkOptions, object, string][] = [
      [{ ms: 1, code: 'NO_HANDLER' }, {}, {}, 'NO_HANDLER'],
      [{ ms: 1, code: 'TOO_LARGE' }, {}, {}, 'TOO_LARGE'],
      ['silence', { retryOnTimeout: false }, {}, 'TIMEOUT'],
      [{ ms: 1, code: 'CLOSED' }, { retryOnError: false }, {}, 'CLOSED'],
      [{ ms: 1, code: 'UNREACHABLE' }, { permanent: ['UNREACHABLE'] }, {}, 'UNREACHABLE'],
      [{ ms: 1, code: 'CLOSED' }, { maxRetries: 0 }, {}, 'CLOSED'],
      [{ ms: 1, code: 'CLOSED' }, {}, { maxRetries: 0 }, 'CLOSED'],
    ];
    for (const [fate, options, limits, code] of cases) {
      const { scripted, ask } = make([fate], options);
      assert.equal((await ask(limits)).error?.code, code);
      assert.equal(scripted.sent.length, 1, code);
    }
  });

  it('gives a request that is tried once all the time of its caller', async () => {
    const { scripted, ask } = make([{ ms: 20_000 }]);
    assert.equal((await ask({ maxRetries: 0, timeoutMs: 30_000 })).error, undefined);
    assert.equal(scripted.sent[0]?.timeoutMs, 30_000);
  });

  it('ends with the caller, who is told the truth', async () => {
    const during = make(['silence']);
    const { error, at } = await during.ask({ timeoutMs: 2500 });
    assert.deepEqual([error?.code, error?.name, at], ['TIMEOUT', 'NetworkTimeoutError', 2500]);
    assert.match(error?.message ?? '', /no answer to 'get' from b within 2500 ms, in 2 tries/);
    assert.equal(Math.round(during.scripted.sent[1]?.timeoutMs ?? 0), 1400);
    const first = await make(['silence']).ask({ timeoutMs: 500 });
    assert.deepEqual([first.error?.code, first.at], ['TIMEOUT', 500]);
    const noRoom = await make(['silence']).ask({ timeoutMs: 1050 });
    assert.deepEqual([noRoom.error?.code, noRoom.at], ['RETRIES_EXHAUSTED', 1000]);
    assert.match(noRoom.error?.message ?? '', /1 try \(no time for another within 1050 ms\)/);
  });

  it('ends a wait as soon as the caller gives up, and sends nothing more', async () => {
    const { clock, scripted, network, outcome } = make([{ ms: 1, code: 'CLOSED' }], { initialBackoff: 5000 });
    const abort = new AbortController();
    const ask = () =>
      network
        .request({ type: 'get', to: 'b' }, { signal: abort.signal })
        .then(String, (error: NetworkError) => [error.code, clock.now(), (error.cause as Error).message]);
    clock.setTimer(700, () => abort.abort(new Error('enough')));
    const both = Promise.all([ask(), ask()]);
    await outcome(both);
    assert.deepEqual(await both, [
      ['CANCELLED', 700, 'enough'],
      ['CANCELLED', 700, 'enough'],
    ]);
    await clock.advance(60_000);
    assert.equal(scripted.sent.length, 2);
    assert.equal(network.counters.pausesAborted, 2);
    assert.equal(clock.pending, 0);
  });

  it('leaves nothing on the signal of a caller that did not give up', async () => {
    const { signal } = new AbortController();
    for (const hedge of [undefined, { afterMs: 10 }]) {
      const { ask } = make([{ ms: 50, code: 'CLOSED' }, { ms: 1 }], { hedge });
      assert.equal((await ask({ signal })).error, undefined);
      // The scripted network leaves one for each request that it was sent with the caller's own signal.
      assert.equal(getEventListeners(signal, 'abort').length, 2);
    }
  });

  it('ends waits when it is stopped', async () => {
    const { clock, network, outcome, scripted } = make([{ ms: 1, code: 'CLOSED' }], { initialBackoff: 5000 });
    clock.setTimer(50, () => void network.stop());
    const { error, at } = await outcome(network.request({ type: 'get', to: 'b' }));
    assert.deepEqual([error?.code, at], ['STOPPED', 50]);
    assert.match(String(error?.cause), /scripted CLOSED/);
    assert.equal((await outcome(network.request({ type: 'get', to: 'b' }))).error?.code, 'STOPPED');
    assert.equal(scripted.sent.length, 2);
  });

  it('spends its budget, and then tries once', async () => {
    const { scripted, ask, network } = make([{ ms: 1, code: 'CLOSED' }], {
      budget: { ratio: 0.5, reserve: 4, perSecond: 0 },
    });
    const why: string[] = [];
    for (let i = 0; i < 6; i += 1) why.push(/\((.*)\)/.exec((await ask()).error?.message ?? '')?.[1] ?? '');
    assert.deepEqual(why.slice(0, 2), ['no more are allowed', 'the retry budget is used up']);
    // 4 saved up, and half a retry for each of the five requests after the first.
    assert.equal(scripted.sent.length, 6 + 6);
    assert.equal(network.counters.retryBudgetExhausted, 5);
  });

  it('leaves a peer alone that fails, asks it with one probe, and says so', async () => {
    const { clock, scripted, ask, network, outcome } = make(
      [...new Array<Fate>(3).fill({ ms: 1, code: 'CLOSED' }), { ms: 50 }],
      { maxRetries: 0, circuit: { failures: 3, openMs: 1000 } },
    );
    const news: string[] = [];
    network.on('circuit', ({ peer, state }) => news.push(`${peer} ${state}`));
    for (let i = 0; i < 3; i += 1) assert.equal((await ask()).error?.code, 'CLOSED');
    const { error } = await ask();
    assert.equal(error?.code, 'CIRCUIT_OPEN');
    assert.match(error?.message ?? '', /b failed too often: it is not asked for another 1000 ms/);
    assert.deepEqual(network.status(), [{ peer: 'b', circuit: 'open', waitMs: 1000, routes: [] }]);
    const other = await outcome(network.request({ type: 'get', to: 'c' }));
    assert.equal(other.error, undefined);
    await clock.advance(1000);
    const probe = network.request({ type: 'get', to: 'b' });
    assert.match((await ask()).error?.message ?? '', /until a probe has been answered/);
    assert.equal((await outcome(probe)).error, undefined);
    assert.equal((await ask()).error, undefined);
    assert.deepEqual(news, ['b open', 'b half-open', 'b closed']);
    assert.equal(scripted.sent.length, 3 + 1 + 2);
    assert.equal(network.counters.circuitsOpened, 1);
    assert.equal(network.counters.circuitRefused, 2);
  });

  it('does not wait for a circuit that stays open longer than the wait', async () => {
    const { scripted, ask } = make([{ ms: 1, code: 'CLOSED' }], { circuit: { failures: 2, openMs: 20_000 } });
    const { error } = await ask();
    assert.ok(error instanceof NetworkRetryExhaustedError);
    assert.equal(error.lastError.code, 'CLOSED');
    assert.match(error.message, /2 tries \(it is not asked again for 20000 ms\)/);
    assert.equal(scripted.sent.length, 2);
  });

  it('does not hold wrong requests against a peer', async () => {
    const { ask, network } = make([{ ms: 1, code: 'HANDLER_FAILED' }], { circuit: { failures: 1 } });
    for (let i = 0; i < 5; i += 1) assert.equal((await ask()).error?.code, 'HANDLER_FAILED');
    assert.equal(network.counters.circuitsOpened, 0);
  });

  it('throttles what an overloaded peer would refuse, if it is asked to', async () => {
    const never: Random = { next: () => 0, fork: () => never };
    const options = { maxRetries: 0, throttle: {}, random: never };
    const { ask, network, scripted } = make([{ ms: 1, code: 'OVERLOADED' }], options);
    assert.match((await ask()).error?.message ?? '', /scripted/);
    assert.match((await ask()).error?.message ?? '', /b accepts too few requests: this one was not sent/);
    assert.deepEqual([scripted.sent.length, network.counters.throttled], [1, 1]);
  });

  it('refuses options that make no sense, by name', () => {
    const wrong: [ReliableNetworkOptions, RegExp][] = [
      [{ maxRetries: -1 }, /^maxRetries: -1 is not a whole number from 0 to 100/],
      [{ maxRetries: 1.5 }, /^maxRetries/],
      [{ initialTimeout: 0 }, /^initialTimeout: 0 is not a number from 1/],
      [{ maxTimeout: Number.NaN }, /^maxTimeout/],
      [{ backoffMultiplier: 0.5 }, /^backoffMultiplier/],
      [{ initialBackoff: -1 }, /^initialBackoff/],
      [{ maxBackoff: Number.POSITIVE_INFINITY }, /^maxBackoff/],
      [{ circuit: { failureRate: 2 } }, /^circuit.failureRate/],
      [{ budget: { ratio: -1 } }, /^budget.ratio/],
      [{ hedge: { afterMs: -5 } }, /^hedge.afterMs/],
      [{ routes: { b: [] } }, /^routes.b: a list is not a list of at least one/],
      [{ permanent: ['NONE' as 'IO'] }, /^permanent: 'NONE' is not an error code/],
    ];
    for (const [options, message] of wrong) assert.throws(() => make([], options), { code: 'INVALID_OPTION', message });
  });

  it('tells of each retry', async () => {
    const { ask, network } = make([{ ms: 1, code: 'CLOSED' }, { ms: 1 }]);
    const news: unknown[] = [];
    network.on('retry', ({ peer, type, attempts, error, waitMs }) =>
      news.push([peer, type, attempts, error.code, Math.round(waitMs)]),
    );
    await ask();
    assert.deepEqual(news, [['b', 'get', 1, 'CLOSED', 100]]);
  });
});

describe('hedging', () => {
  const hedge = { afterMs: 100 };

  it('asks a second time after a while, takes the first answer and cancels the other', async () => {
    const { scripted, ask, network, clock } = make([{ ms: 900 }, { ms: 20 }], { hedge });
    const { error, at } = await ask();
    assert.deepEqual([error, at], [undefined, 120]);
    const [first, second] = scripted.sent;
    assert.deepEqual([first?.aborted, second?.aborted, second?.at, second?.timeoutMs], [true, false, 100, 900]);
    assert.deepEqual([second?.draft.id, second?.draft.re], [undefined, first?.draft.id]);
    assert.deepEqual([network.counters.hedges, network.counters.hedgesWon], [1, 1]);
    assert.equal(clock.pending, 0);
  });

  it('does not where the answer comes sooner, the first has failed, or the budget is used up', async () => {
    const quick = make([{ ms: 50 }], { hedge });
    assert.equal((await quick.ask()).error, undefined);
    assert.equal(quick.scripted.sent.length, 1);
    const failed = make([{ ms: 50, code: 'NO_HANDLER' }], { hedge });
    assert.equal((await failed.ask()).error?.code, 'NO_HANDLER');
    assert.equal(failed.scripted.sent.length, 1);
    const poor = make([{ ms: 500 }], { hedge, budget: { reserve: 0, ratio: 0, perSecond: 0 } });
    assert.equal((await poor.ask()).error, undefined);
    assert.deepEqual([poor.scripted.sent.length, poor.network.counters.hedgesRefused], [1, 1]);
  });

  it('waits for the other when one fails, and fails when both have', async () => {
    const rescued = make([{ ms: 150, code: 'CLOSED' }, { ms: 100 }], { hedge });
    assert.deepEqual(await rescued.ask(), { error: undefined, at: 200 });
    const lost = make([{ ms: 150, code: 'CLOSED' }], { hedge, maxRetries: 0 });
    const { error, at } = await lost.ask();
    assert.deepEqual([error?.code, at, lost.scripted.sent.length], ['CLOSED', 250, 2]);
    assert.equal(lost.clock.pending, 0);
  });

  it('ends both when the caller gives up', async () => {
    const { clock, scripted, network, outcome } = make(['silence'], { hedge });
    const abort = new AbortController();
    clock.setTimer(300, () => abort.abort());
    const { error, at } = await outcome(network.request({ type: 'get', to: 'b' }, { signal: abort.signal }));
    assert.deepEqual([error?.code, at], ['CANCELLED', 300]);
    assert.deepEqual(
      scripted.sent.map(({ aborted }) => aborted),
      [true, true],
    );
    await clock.advance(10_000);
    assert.deepEqual([scripted.sent.length, clock.pending], [2, 0]);
    const before = await outcome(network.request({ type: 'get', to: 'b' }, { signal: abort.signal }));
    assert.deepEqual([before.error?.code, scripted.sent.length, clock.pending], ['CANCELLED', 2, 0]);
  });
});

describe('several routes to one peer', () => {
  it('are tried one after the other, over networks of their own', async () => {
    const clock = new VirtualClock();
    const second = new ScriptedNetwork(clock, [{ ms: 5 }]);
    const routes = { db: [{ to: 'db-1' }, { to: 'db-2', network: second.asNetwork() }] };
    const options = { routes, ejection: { failures: 1, ejectMs: 1000 }, random: seededRandom(4) };
    const first = make([{ ms: 5, code: 'CLOSED' }], options, clock);
    const ejected: unknown[] = [];
    first.network.on('ejected', (event) => ejected.push(event));
    for (let i = 0; i < 20; i += 1) {
      assert.equal((await first.outcome(first.network.request({ type: 'get', to: 'db' }))).error, undefined);
      await clock.advance(1000);
    }
    assert.deepEqual(ejected[0], { peer: 'db', to: 'db-1', forMs: 1000 });
    assert.ok(first.scripted.sent.length >= 1);
    for (const { draft } of first.scripted.sent) assert.equal(draft.to, 'db-1');
    for (const { draft } of second.sent) assert.equal(draft.to, 'db-2');
    assert.equal(second.sent.length, 20);
    const [status] = first.network.status();
    assert.deepEqual(
      status?.routes.map(({ to, inFlight }) => [to, inFlight]),
      [
        ['db-1', 0],
        ['db-2', 0],
      ],
    );
  });
});
