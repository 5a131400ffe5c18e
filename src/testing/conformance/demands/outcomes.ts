import { deferred } from '../../../base/deferred.js';
import { demand, demandCode, demandEqual, outcomeOf } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Station } from '../station.js';
import { numbers } from './numbers.js';

export const OUTCOMES: readonly Demand[] = [
  {
    name: 'outcomes: a request that arrives twice while it is handled is handled once',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      const answer = deferred<unknown>();
      let handled = 0;
      a.handle(() => {
        handled += 1;
        return answer.promise;
      });
      const draft = { id: 'repeated-1', type: 'ask', to: 'a' } as const;
      const asked = b.request(draft);
      b.network.send(b.make({ ...draft, kind: 'request', ttl: 60_000 }));
      await stage.until(() => (a.network.counters['duplicates'] ?? 0) === 1, 'the repeat arrives');
      answer.resolve('one for both');
      demandEqual(await stage.settle(asked, 'a request that is repeated'), 'one for both', 'it is answered');
      await stage.quiet();
      demandEqual(handled, 1, 'its handler runs once');
      demandEqual(b.network.counters['lateAnswers'], 0, 'the one answer serves both');
    },
  },
  {
    name: 'outcomes: of two answers the first counts',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle(({ id, type }) => {
        a.network.send(a.make({ kind: 'response', type, to: 'b', re: id, payload: 'first' }));
        return 'second';
      });
      demandEqual(await stage.settle(b.ask('a', 1), 'a request'), 'first', 'the first answer ends the request');
      demandEqual(await stage.settle(b.ask('a', 2), 'a request'), 'first', 'and so it does for the next one');
      await stage.quiet();
      demandEqual(b.asking.metrics().requests.answered, 2, 'the second answers are dropped');
    },
  },
  {
    name: 'outcomes: only the peer that was asked may answer',
    about: 'requests',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      const answer = deferred<unknown>();
      b.handle(() => answer.promise);
      const asked = a.request({ id: 'guessed-1', type: 'ask', to: 'b' });
      c.network.send(c.make({ kind: 'response', type: 'ask', to: 'a', re: 'guessed-1', payload: 'forged' }));
      await stage.until(
        () => (a.network.counters['foreignAnswers'] ?? 0) === 1,
        'the answer of a stranger is told apart',
      );
      answer.resolve('true');
      demandEqual(await stage.settle(asked, 'a request'), 'true', 'the answer of the one that was asked counts');
    },
  },
  {
    name: 'outcomes: a peer that is killed under load ends every request once, and none that was begun as if it were not',
    about: 'requests',
    needs: ['kill'],
    async run(stage) {
      const [a, b] = await stage.pair();
      const never = deferred<unknown>();
      const handled = new Set<number>();
      a.handle((_, { payload }) => {
        handled.add(payload as number);
        return (payload as number) % 2 === 0 ? payload : never.promise;
      });
      const outcomes = numbers(90).map(async (number) => {
        const answer = b.ask('a', number);
        const outcome = await outcomeOf(answer);
        return outcome === 'answer' && (await answer) !== number ? 'the answer to another' : outcome;
      });
      await stage.until(() => handled.size >= 60, 'requests arrive');
      await stage.kill(a);
      const ended = await stage.settle(Promise.all(outcomes), 'every request of a peer that was killed');
      // Where nodes dial on demand, some may still have waited for a connection.
      const expected = stage.isMesh ? ['answer', 'CLOSED', 'CONNECTION_FAILED'] : ['answer', 'CLOSED'];
      demandEqual(
        ended.filter((outcome) => !expected.includes(outcome)),
        [],
        'a request whose peer was killed ends with its answer, or with CLOSED',
      );
      const begun = ended.filter((outcome, number) => outcome === 'CONNECTION_FAILED' && handled.has(number));
      demandEqual(begun, [], 'what ended with CONNECTION_FAILED was not begun');
      demand(ended.includes('CLOSED'), 'requests that were never answered end with CLOSED', ended);
      demandEqual(b.asking.metrics().requests.waiting, 0, 'no request waits any more');
    },
  },
  {
    name: 'outcomes: stop ends every request that waits with STOPPED, and every one that follows',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      let handled = 0;
      a.handle(() => {
        handled += 1;
        return deferred().promise;
      });
      const outcomes = numbers(40).map((number) => outcomeOf(b.ask('a', number)));
      await stage.until(() => handled === 40, 'the requests arrive');
      await stage.stop(b, { graceMs: 200 });
      const ended = await stage.settle(Promise.all(outcomes), 'the requests of a node that was stopped');
      demandEqual([...new Set(ended)], ['STOPPED'], 'stop ends every request of its node with STOPPED');
      await demandCode(
        stage.settle(b.ask('a', 1), 'a request after stop'),
        ['STOPPED'],
        'so does a request after stop',
      );
      await stage.stop(a, { graceMs: 0 });
    },
  },
  {
    name: 'outcomes: a handler that still runs when its node stops is told, and its request ends with CLOSED',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      let handled = 0;
      let aborted = 0;
      a.handle((_, { signal }) => {
        handled += 1;
        signal.addEventListener('abort', () => {
          aborted += 1;
        });
        return deferred().promise;
      });
      const outcomes = numbers(20).map((number) => outcomeOf(b.ask('a', number)));
      await stage.until(() => handled === 20, 'the requests arrive');
      await stage.stop(a, { graceMs: 50 });
      const ended = await stage.settle(Promise.all(outcomes), 'the requests to a node that was stopped');
      demandEqual(
        [...new Set(ended)],
        ['CLOSED'],
        'requests that were not done when their node stopped end with CLOSED',
      );
      demandEqual(aborted, 20, 'their handlers are told');
    },
  },
  {
    name: 'outcomes: when messages are lost, repeated and overtaken, every request ends once and with its own answer',
    about: 'requests',
    needs: ['loss'],
    async run(stage) {
      const [a, b] = await stage.pair();
      stage.disturb();
      a.handle(async (_, { payload }) => payload);
      b.handle((_, { payload }) => payload);
      const asked = numbers(400).map((number) => {
        const [from, to] = number % 2 === 0 ? [b, 'a'] : [a, 'b'];
        return (from as Station).ask(to as string, number, { timeoutMs: 5000 }).then(
          (answer) => (answer === number ? 'answer' : `the answer to ${String(answer)}`),
          (error) => error.code,
        );
      });
      const ended = await stage.settle(Promise.all(asked), 'every request on a bad network');
      const kinds = [...new Set(ended)].sort();
      demandEqual(
        kinds,
        ['TIMEOUT', 'answer'],
        'each request ends with its own answer, or with TIMEOUT; and both happen',
      );
      await stage.quiet();
      for (const station of [a, b])
        demandEqual(station.asking.metrics().requests.waiting, 0, 'no request waits any more');
    },
  },
];
