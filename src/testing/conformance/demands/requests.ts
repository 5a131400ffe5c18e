import { type Deferred, deferred } from '../../../base/deferred.js';
import { NetworkError } from '../../../base/errors.js';
import { codeOf, demand, demandCode, demandEqual, outcomeOf } from '../assertions.js';
import type { Demand } from '../demand.js';
import { PATIENT, type Station } from '../station.js';
import { numbers } from './numbers.js';

const AT_ONCE = 300;

/** Answers in another order than it is asked in: each of the requests waits for those of its group that come later. */
function answerBackwards(station: Station): void {
  let waiting: { readonly payload: unknown; readonly done: Deferred<unknown> }[] = [];
  station.handle((_, { payload }) => {
    const done = deferred<unknown>();
    waiting.push({ payload, done });
    if (waiting.length === 10) {
      const group = waiting.reverse();
      waiting = [];
      for (const one of group) one.done.resolve({ answerTo: one.payload });
    }
    return done.promise;
  });
}

export const REQUESTS: readonly Demand[] = [
  {
    name: 'requests: each of many at once, both ways, gets its own answer',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      answerBackwards(a);
      answerBackwards(b);
      const asked = numbers(AT_ONCE).flatMap((number) => [b.ask('a', number), a.ask('b', -number)]);
      const answers = await stage.settle(Promise.all(asked), 'many requests at once');
      const expected = numbers(AT_ONCE).flatMap((number) => [{ answerTo: number }, { answerTo: 0 - number }]);
      demandEqual(answers.map(String), expected.map(String), 'as many answers as requests');
      const wrong = answers.findIndex(
        (answer, index) => Number((answer as { answerTo: number }).answerTo) !== Number(expected[index]?.answerTo),
      );
      demand(wrong === -1, 'each request gets the answer to itself', {
        request: expected[wrong],
        answer: answers[wrong],
      });
    },
  },
  {
    name: 'requests: one after the other, each is answered',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, { payload }) => payload);
      for (const number of numbers(30)) {
        demandEqual(await stage.settle(b.ask('a', number), `request ${number}`), number, 'each request is answered');
      }
    },
  },
  {
    name: 'requests: among many at once, answers, errors, timeouts and aborts each end their own request',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      const forever = deferred<unknown>();
      a.handle((_, { payload }) => {
        const { number } = payload as { readonly number: number };
        if (number % 4 === 0) return number;
        if (number % 4 === 1) throw new NetworkError('NO_TARGET', `number ${number}`);
        return forever.promise;
      });
      const aborted = new AbortController();
      const asked = numbers(80).map((number) => {
        const limits =
          number % 4 === 2 ? { timeoutMs: 100 } : { ...PATIENT, signal: number % 4 === 3 ? aborted.signal : undefined };
        return outcomeOf(b.ask('a', { number }, limits));
      });
      await stage.settle(Promise.all(asked.filter((_, number) => number % 4 < 2)), 'those that are answered');
      aborted.abort(new Error('enough'));
      const outcomes = await stage.settle(Promise.all(asked), 'many requests at once');
      const expected = numbers(80).map((number) => ['answer', 'NO_TARGET', 'TIMEOUT', 'CANCELLED'][number % 4]);
      demandEqual(outcomes, expected, 'each request ends in its own way');
      forever.resolve('late');
      await stage.quiet();
      demandEqual(b.asking.metrics().requests.waiting, 0, 'no request waits any more');
    },
  },
  {
    name: 'requests: nested, from inside the handlers of both sides',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      const countdown = (self: Station, other: string): void =>
        self.handle(async (_, { payload }) => {
          const left = payload as number;
          return left === 0 ? [self.name] : [self.name, ...((await self.ask(other, left - 1)) as string[])];
        });
      countdown(a, 'b');
      countdown(b, 'a');
      const path = await stage.settle(b.ask('a', 5), 'a nested request');
      demandEqual(path, ['a', 'b', 'a', 'b', 'a', 'b'], 'handlers may ask back while they are asked');
    },
  },
  {
    name: 'requests: a handler that fails is answered as an error, with its code',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle(async ({ type }) => {
        if (type === 'plain') throw new Error('no such record');
        if (type === 'coded') throw new NetworkError('OVERLOADED', 'come back later');
        return undefined;
      });
      for (const [type, code, text] of [
        ['plain', 'HANDLER_FAILED', 'no such record'],
        ['coded', 'OVERLOADED', 'come back later'],
      ] as const) {
        const failed = await stage.settle(
          b.request({ type, to: 'a' }).catch((error: unknown) => error),
          type,
        );
        demandEqual([codeOf(failed), (failed as Error).message], [code, text], 'the asker is told code and message');
      }
    },
  },
  {
    name: 'requests: no answer in time is TIMEOUT, and the late answer is dropped',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      const late = deferred<unknown>();
      let told: unknown;
      a.handle((_, { payload, signal }) => {
        signal.addEventListener('abort', () => {
          told = codeOf(signal.reason);
        });
        return payload === 'late' ? late.promise : 'in time';
      });
      const startedAt = stage.now();
      await demandCode(
        stage.settle(b.ask('a', 'late', { timeoutMs: 100 }), 'a request with a timeout'),
        ['TIMEOUT'],
        'no answer in time ends the request',
      );
      const tookMs = stage.now() - startedAt;
      demand(
        tookMs >= 99 && tookMs <= 1000,
        'TIMEOUT comes when the time is over',
        `after ${Math.round(tookMs)} ms of 100`,
      );
      await stage.until(() => told !== undefined, 'the handler is told that its caller waits no longer');
      late.resolve('too late');
      demandEqual(
        await stage.settle(b.ask('a', 'next'), 'the next request'),
        'in time',
        'the next request is answered',
      );
      await stage.quiet();
      demandEqual(b.asking.metrics().requests.waiting, 0, 'nobody waits for the late answer');
    },
  },
];
