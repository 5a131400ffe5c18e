import { codeOf, demandCode, demandEqual, outcomeOf } from '../assertions.js';
import type { Demand } from '../demand.js';
import { PATIENT } from '../station.js';

export const ABORT: readonly Demand[] = [
  {
    name: 'abort: before the request, it is CANCELLED at once and nothing is sent',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      let handled = 0;
      a.handle(() => {
        handled += 1;
        return handled;
      });
      const { signal } = abortedBy(new Error('changed my mind'));
      const outcome = b.request({ type: 'ask', to: 'a' }, { ...PATIENT, signal });
      await demandCode(
        stage.settle(outcome, 'an aborted request'),
        ['CANCELLED'],
        'who has given up already is told so',
      );
      demandEqual(
        await stage.settle(b.ask('a', 1), 'the next request'),
        1,
        'nothing was sent of a request that was given up before',
      );
    },
  },
  {
    name: 'abort: during the request, it is CANCELLED, and the handler at the other side is told',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      let reason: unknown;
      let running = 0;
      a.handle(
        (_, { signal }) =>
          new Promise((resolve) => {
            running += 1;
            signal.addEventListener('abort', () => {
              reason = codeOf(signal.reason);
              resolve('too late');
            });
          }),
      );
      const giveUp = new AbortController();
      const asked = outcomeOf(b.request({ type: 'ask', to: 'a' }, { ...PATIENT, signal: giveUp.signal }));
      await stage.until(() => running === 1, 'the request arrives');
      giveUp.abort(new Error('enough'));
      demandEqual(await stage.settle(asked, 'an aborted request'), 'CANCELLED', 'the abort ends the request');
      await stage.until(() => reason !== undefined, 'the handler is told that its caller gave up');
      demandEqual(reason, 'CANCELLED', 'its signal says why');
    },
  },
  {
    name: 'abort: after the answer, it changes nothing',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, { payload }) => payload);
      const giveUp = new AbortController();
      const limits = { ...PATIENT, signal: giveUp.signal };
      demandEqual(await stage.settle(b.ask('a', 1, limits), 'a request'), 1, 'it is answered');
      giveUp.abort();
      demandEqual(await stage.settle(b.ask('a', 2), 'the next request'), 2, 'a late abort harms nobody');
    },
  },
];

function abortedBy(reason: Error): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  controller.abort(reason);
  return { signal: controller.signal };
}
