import { NetworkError } from '../../../base/errors.js';
import { demand, demandCode, demandEqual, outcomeOf } from '../assertions.js';
import type { Demand } from '../demand.js';

const GRACE_MS = 100;
/** How much longer than its grace a stop may take that nobody answers, in milliseconds. */
const LAST_WORDS_MS = 3000;

export const FAILURES: readonly Demand[] = [
  {
    name: 'failures: a peer that vanishes without a word is not answered for: its requests end with TIMEOUT',
    about: 'requests',
    needs: ['silence'],
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, { payload }) => payload);
      stage.silence(a);
      const asked = stage.settle(b.ask('a', 1, { timeoutMs: 100 }), 'a request to a peer that vanished');
      await demandCode(asked, ['TIMEOUT'], 'a request to a peer that vanished');
      demand(b.seen('disconnected').length === 0, 'silence for a moment is not the end of a connection', b.story());
      stage.heal(a);
      demandEqual(
        await stage.settle(b.ask('a', 2), 'a request after the silence'),
        2,
        'when it is over, requests are answered',
      );
    },
  },
  {
    name: 'failures: disconnect is the way out of a connection that fell silent',
    about: 'requests',
    needs: ['silence'],
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, { payload }) => payload);
      stage.silence(a);
      const waiting = outcomeOf(b.ask('a', 1));
      b.network.disconnect('a', new NetworkError('RECEIVE_FAILED', 'silent for too long'));
      demandEqual(
        await stage.settle(waiting, 'a request over the connection that ended'),
        'CLOSED',
        'its requests end with CLOSED',
      );
      await stage.until(
        () => b.seen('disconnected').length === 1,
        'who ends it is told at once',
        () => b.story(),
      );
      stage.heal(a);
      await stage.connect(b, a);
      demandEqual(
        await stage.settle(b.ask('a', 2), 'a request'),
        2,
        'it is dialled again, and the new connection works',
      );
    },
  },
  {
    name: 'failures: stop ends in time although the peer has vanished',
    about: 'messages',
    needs: ['silence'],
    async run(stage) {
      const [a, b] = await stage.pair();
      stage.silence(a);
      b.tell('a', 'x'.repeat(100_000));
      const startedAt = stage.now();
      const stops = [a, b].map(({ network }) => network.stop({ graceMs: GRACE_MS }));
      await stage.settle(Promise.all(stops), 'two nodes stop that do not hear each other');
      const tookMs = stage.now() - startedAt;
      demand(
        tookMs <= GRACE_MS + LAST_WORDS_MS,
        `stop waits for its grace of ${GRACE_MS} ms, and not for who does not answer`,
        `${Math.round(tookMs)} ms`,
      );
    },
  },
  {
    name: 'failures: when a peer closes its half of the connection, what waits for it ends with CLOSED',
    about: 'requests',
    needs: ['halfClose'],
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, { payload }) => (payload === 'wait' ? new Promise(() => {}) : payload));
      const waiting = outcomeOf(b.ask('a', 'wait'));
      await stage.until(() => a.network.metrics().messagesIn > 0, 'the request arrives');
      stage.halfClose(a, b);
      demandEqual(await stage.settle(waiting, 'a request over half a connection'), 'CLOSED', 'its request ends');
      if (stage.has('connections')) {
        for (const station of [b, a]) {
          const told = (): boolean => station.seen('disconnected').length === 1;
          await stage.until(told, 'half a connection is none, and both sides are told so', () => station.story());
        }
        demandEqual(b.seen('disconnected')[0]?.left, false, 'half a connection is no goodbye');
      }
      await stage.connect(b, a);
      demandEqual(await stage.settle(b.ask('a', 'again'), 'a request'), 'again', 'the two find each other again');
    },
  },
  {
    name: 'failures: what waited for a peer that is killed meanwhile is lost, and nobody gets it later',
    about: 'messages',
    needs: ['silence', 'kill'],
    async run(stage) {
      const [a, b] = await stage.pair();
      stage.silence(a);
      for (let number = 0; number < 10; number += 1) b.tell('a', number);
      await stage.kill(a);
      stage.heal(a);
      await stage.loses(b, a);
      const next = await stage.again(a);
      await stage.start(next);
      await stage.connect(b, next);
      b.tell('a', 'new');
      await stage.until(() => next.payloads().includes('new'), 'the new connection works');
      demandEqual(next.payloads(), ['new'], 'what was sent over a connection that was lost is lost with it');
    },
  },
  {
    name: 'failures: a node that vanished and comes again is another instance, and what waited for the first one ends',
    about: 'requests',
    needs: ['vanish'],
    async run(stage) {
      const [a, b] = await stage.pair();
      b.handle(() => new Promise(() => {}));
      const waiting = outcomeOf(a.ask('b', 'wait'));
      const first = a.network.peers.get('b')?.instance;
      await stage.until(() => b.network.metrics().messagesIn > 0, 'the request arrives');
      await stage.vanish(b);
      demand(a.seen('disconnected').length === 0, 'silence for a moment is not the end of a connection', a.story());
      const next = await stage.again(b);
      next.handle((_, { payload }) => payload);
      a.handle((_, { payload }) => payload);
      await stage.start(next);
      const replaced = (): boolean => a.network.peers.get('b')?.instance !== first;
      await stage.connect(next, a);
      const asked = next.ask('a', 'hello');
      await stage.until(replaced, 'the new instance takes the place of the old one', () => a.story());
      demandEqual(await stage.settle(asked, 'a request of the new one'), 'hello', 'the new one is heard');
      demandEqual(
        await stage.settle(waiting, 'a request to the old one'),
        'CLOSED',
        'what waited for the old one ends',
      );
      demandEqual(
        await stage.settle(a.ask('b', 'again'), 'a request to the new one'),
        'again',
        'the new one is reached',
      );
      const told = a.events.flatMap((event) =>
        event.type === 'connected' || event.type === 'disconnected'
          ? [`${event.type} ${event.peer.instance === first}`]
          : [],
      );
      const expected = ['connected true', 'disconnected true', 'connected false'];
      demandEqual(told, expected, 'the old one is told as `disconnected` before the new one as `connected`');
    },
  },
];
