import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { deferred } from '../../src/base/deferred.js';
import { NetworkError } from '../../src/base/errors.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import type { Endpoint } from '../../src/network/endpoint.js';
import type { MessageContext } from '../../src/network/message-handler.js';
import { assertNothingLeft } from '../leaks.js';
import { type EndpointLab, makeEndpointLab } from './endpoint-lab.js';

assertNothingLeft();

describe('an endpoint', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let b: Endpoint;

  beforeEach(async () => {
    lab = makeEndpointLab();
    a = await lab.endpoint('a');
    b = await lab.endpoint('b', { dial: 'a' });
  });
  afterEach(async () => {
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  it('answers with what the handler returns, at once or later, and both ways', async () => {
    a.handle({ handle: (_, { payload }) => ({ doubled: (payload as number) * 2 }) });
    b.handle({ handle: async (message) => `${message.type}!` });
    const there = await lab.settle(b.request({ type: 'double', to: 'a', payload: 21 }));
    assert.deepEqual(payloadOf(there), { doubled: 42 });
    const back = await lab.settle(a.request({ type: 'greet', to: 'b' }));
    assert.equal(payloadOf(back), 'greet!');
    assert.equal(a.counters.handled, 1);
  });

  it('answers nothing where the handler returns nothing, and null where it returns null', async () => {
    a.handle({ handle: (message) => (message.type === 'null' ? null : undefined) });
    const silent = lab.settle(b.request({ type: 'nothing', to: 'a' }, { timeoutMs: 100 }));
    await assert.rejects(silent, { code: 'TIMEOUT', name: 'NetworkTimeoutError' });
    assert.equal(payloadOf(await lab.settle(b.request({ type: 'null', to: 'a' }))), null);
  });

  it('answers what the handler throws, without the failures of its own calls', async () => {
    const errors: Record<string, Error> = {
      plain: new Error('no such record'),
      busy: new NetworkError('OVERLOADED', 'come back later'),
      inner: new NetworkError('TIMEOUT', 'c did not answer'),
      elsewhere: new NetworkError('NOT_LEADER', 'c leads', { leader: 'c' }),
    };
    a.handle({
      handle: ({ type }) => {
        throw errors[type];
      },
    });
    const ask = (type: string) => lab.settle(b.request({ type, to: 'a' }));
    await assert.rejects(ask('plain'), { code: 'HANDLER_FAILED', message: 'no such record' });
    await assert.rejects(ask('busy'), { code: 'OVERLOADED', message: 'come back later' });
    await assert.rejects(ask('inner'), { code: 'HANDLER_FAILED', message: 'c did not answer' });
    await assert.rejects(ask('elsewhere'), { code: 'NOT_LEADER', message: 'c leads', leader: 'c' });
    assert.equal(a.counters.failed, 4);
  });

  it('says so when the answer cannot be sent', async () => {
    a.handle({ handle: ({ type }) => (type === 'large' ? 'x'.repeat(2 << 20) : 10n) });
    await assert.rejects(lab.settle(b.request({ type: 'large', to: 'a' })), { code: 'HANDLER_FAILED' });
    await assert.rejects(lab.settle(b.request({ type: 'bigint', to: 'a' })), { code: 'HANDLER_FAILED' });
  });

  it('gives what the handler does not take to the sink, and answers NO_HANDLER without either', async () => {
    await assert.rejects(lab.settle(b.request({ type: 'x', to: 'a' })), { code: 'NO_HANDLER' });
    const seen: string[] = [];
    a.onMessage((message) => seen.push(`${message.kind} ${message.type}`));
    const unanswered = assert.rejects(b.request({ type: 'x', to: 'a' }, { timeoutMs: 50 }), { code: 'TIMEOUT' });
    await lab.clock.advance(100);
    await unanswered;
    a.handle({ handle: (message) => seen.push(`handler ${message.kind}`) });
    const stamp = { v: 1, id: 'e-1', from: 'b', to: 'a', ts: 0 } as const;
    b.send({ ...stamp, kind: 'event', type: 'news' });
    b.send({ ...stamp, kind: 'heartbeat', type: 'heartbeat' });
    await lab.clock.advance(10);
    assert.deepEqual(seen, ['request x', 'handler event', 'heartbeat heartbeat']);
  });

  it('tells the handler when the caller aborts, times out or is lost', async () => {
    const contexts: MessageContext[] = [];
    a.handle({
      handle: (_, context) => {
        contexts.push(context);
        return new Promise(() => {});
      },
    });
    const abort = new AbortController();
    const outcomes = [
      b.request({ type: 'x', to: 'a' }, { timeoutMs: 60_000, signal: abort.signal }),
      b.request({ type: 'x', to: 'a' }, { timeoutMs: 1000 }),
      b.request({ type: 'x', to: 'a' }, { timeoutMs: 60_000 }),
    ].map((promise) => promise.then(String, (error: NetworkError) => error.code));
    const told = () => contexts.map(({ signal }) => (signal.aborted ? (signal.reason as NetworkError).code : '-'));
    await lab.clock.advance(10);
    assert.deepEqual(told(), ['-', '-', '-']);
    assert.equal(contexts[1]?.remainingMs, 991);
    abort.abort();
    await lab.clock.advance(10);
    assert.deepEqual(told(), ['CANCELLED', '-', '-']);
    await lab.clock.advance(1000);
    assert.deepEqual(told(), ['CANCELLED', 'TIMEOUT', '-']);
    a.disconnect('b', new NetworkError('CLOSED', 'cut by the test'));
    await lab.clock.advance(10);
    assert.deepEqual(told(), ['CANCELLED', 'TIMEOUT', 'CLOSED']);
    assert.deepEqual(await Promise.all(outcomes), ['CANCELLED', 'TIMEOUT', 'CLOSED']);
    assert.equal(a.counters.abandoned, 3);
  });

  it('handles a repeat once while it runs, and again when it has ended', async () => {
    lab.hub.setFaults({ duplicateRate: 1 });
    const gate = deferred<string>();
    let runs = 0;
    a.handle({
      handle: ({ type }) => {
        runs += 1;
        return type === 'slow' ? gate.promise : 'now';
      },
    });
    const slow = b.request({ type: 'slow', to: 'a' });
    await lab.clock.advance(10);
    assert.equal(runs, 1);
    assert.equal(a.counters.duplicates, 1);
    gate.resolve('then');
    assert.equal(payloadOf(await lab.settle(slow)), 'then');
    await lab.settle(b.request({ type: 'quick', to: 'a' }));
    await lab.clock.advance(10);
    assert.equal(runs, 3);
    assert.ok((b.counters.lateAnswers ?? 0) > 0);
  });

  it('gives a repeat that arrives in time to the run that is under way, with the time of the repeat', async () => {
    const contexts: MessageContext[] = [];
    a.handle({
      handle: (_, context) => {
        contexts.push(context);
        return new Promise((resolve) => lab.clock.setTimer(450, () => resolve('done')));
      },
    });
    const request = { v: 1, id: 'e-1', kind: 'request', type: 'x', from: 'b', to: 'a', ts: 0, ttl: 200 } as const;
    b.send(request);
    await lab.clock.advance(150);
    b.send({ ...request, ttl: 400 });
    await lab.clock.advance(250);
    assert.equal(contexts.length, 1);
    assert.equal(contexts[0]?.signal.aborted, false);
    assert.equal(contexts[0]?.remainingMs, 151);
    await lab.clock.advance(100);
    assert.deepEqual([a.counters.duplicates, a.counters.handled, a.counters.abandoned], [1, 1, 0]);
    assert.equal(b.counters.lateAnswers, 1);
  });

  it('drops late answers', async () => {
    lab.hub.setLinkFaults('a', 'b', { baseDelayMs: 200 });
    a.handle({ handle: () => 'late' });
    await assert.rejects(lab.settle(b.request({ type: 'x', to: 'a' }, { timeoutMs: 250 })), { code: 'TIMEOUT' });
    await lab.clock.advance(1000);
    assert.equal(b.counters.lateAnswers, 1);
  });

  it('ends what waits when it stops, after the handlers have had their grace', async () => {
    const gate = deferred<string>();
    let signal: AbortSignal | undefined;
    a.handle({
      handle: ({ type }, context) => {
        if (type === 'quick') return gate.promise;
        signal = context.signal;
        return new Promise(() => {});
      },
    });
    b.handle({ handle: () => new Promise(() => {}) });
    const outcomes = [
      b.request({ type: 'quick', to: 'a' }, { timeoutMs: 60_000 }),
      b.request({ type: 'stuck', to: 'a' }, { timeoutMs: 60_000 }),
      a.request({ type: 'own', to: 'b' }, { timeoutMs: 60_000 }),
    ].map((promise) => promise.then(payloadOf, (error: NetworkError) => error.code));
    await lab.clock.advance(10);
    const stopped = a.stop({ graceMs: 500 });
    assert.equal(a.stop(), stopped);
    const refused = assert.rejects(b.request({ type: 'more', to: 'a' }), { code: 'UNREACHABLE' });
    await lab.clock.advance(10);
    await refused;
    gate.resolve('done');
    await lab.settle(stopped);
    assert.deepEqual(await lab.settle(Promise.all(outcomes)), ['done', 'CLOSED', 'STOPPED']);
    assert.equal(signal?.aborted, true);
    await assert.rejects(a.request({ type: 'x', to: 'b' }), { code: 'STOPPED' });
  });

  it('refuses a timeout that is none', async () => {
    for (const timeoutMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(b.request({ type: 'x', to: 'a' }, { timeoutMs }), { code: 'INVALID_OPTION' });
    }
  });
});
