import type { SendOutcome } from '../../../network/network.js';
import { demand, demandCode, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Station } from '../station.js';
import { noise } from './noise.js';
import { numbers } from './numbers.js';

const PIECE = 256 * 1024;
/** More than any transport may hold for one peer, in messages of that size: 64 MiB. */
const MOST = 256;

/** Sends until it is refused. @returns how many were taken, and how the last one was refused */
function fill(from: Station, to: string): { readonly taken: number; readonly refusal: SendOutcome } {
  const text = noise(PIECE);
  for (const number of numbers(MOST)) {
    const outcome = from.tell(to, { number, text });
    if (outcome !== 'queued') return { taken: number, refusal: outcome };
  }
  return { taken: MOST, refusal: 'queued' };
}

export const PRESSURE: readonly Demand[] = [
  {
    name: 'pressure: for a peer that does not read, congested is told and then BACKPRESSURE; nothing that was taken is lost',
    about: 'messages',
    needs: ['silence'],
    async run(stage) {
      const [a, b] = await stage.pair();
      stage.silence(a);
      const { taken, refusal } = fill(b, 'a');
      demandEqual(
        refusal,
        'BACKPRESSURE',
        `what is held for a peer that does not read has a bound below ${(MOST * PIECE) / 2 ** 20} MiB`,
      );
      demandEqual(
        b.network.sendMany(b.make({ payload: noise(PIECE) }), ['a']),
        ['BACKPRESSURE'],
        'sendMany is refused as well',
      );
      await stage.until(
        () => b.seen('congested').length === 1,
        '`congested` is told once',
        () => b.story(),
      );
      demandEqual(b.seen('congested')[0]?.peer.node, 'a', '`congested` says which peer');
      const { queuedMessages, queuedBytes, errors } = b.network.metrics();
      demand(queuedMessages > 0 && queuedBytes > PIECE, 'metrics tell what waits', { queuedMessages, queuedBytes });
      demandEqual(errors.BACKPRESSURE, 2, 'metrics count what was refused');
      stage.heal(a);
      await stage.until(
        () => a.received.length >= taken,
        'what was taken arrives when the peer reads again',
        () => `${a.received.length} of ${taken}`,
      );
      const arrived = a.payloads().map((payload) => (payload as { number: number }).number);
      demandEqual(arrived, numbers(taken), 'everything that was taken arrives, once and in order');
      await stage.until(
        () => b.seen('drained').length === 1,
        '`drained` is told once when the pressure is over',
        () => b.story(),
      );
      demandEqual(b.tell('a', 'more'), 'queued', 'then messages are taken again');
      await stage.until(() => b.network.metrics().queuedBytes === 0, 'nothing waits any more');
    },
  },
  {
    name: 'pressure: a request to a peer that does not read ends with BACKPRESSURE, and other peers are not held up',
    about: 'requests',
    needs: ['silence'],
    async run(stage) {
      const [a, b, c] = await stage.trio();
      c.handle((_, { payload }) => payload);
      stage.silence(b);
      demandEqual(fill(a, 'b').refusal, 'BACKPRESSURE', 'what is held for a peer that does not read has a bound');
      const refused = stage.settle(a.ask('b', noise(PIECE)), 'a request to a peer that does not read');
      await demandCode(refused, ['BACKPRESSURE'], 'a request to a peer that does not read');
      demandEqual(
        await stage.settle(a.ask('c', 'quick'), 'a request to another peer'),
        'quick',
        'another peer is not held up',
      );
    },
  },
  {
    name: 'pressure: a producer that pauses at congested and goes on at drained loses nothing',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const text = 'x'.repeat(16 * 1024);
      const total = 600;
      let paused = false;
      b.onEvent = (event) => {
        if (event.type === 'congested') paused = true;
        if (event.type === 'drained') paused = false;
      };
      // In pieces: not every transport tells of congestion within the turn.
      for (let next = 0; next < total; next += 50) {
        for (const number of numbers(50)) {
          const outcome = b.tell('a', { next: next + number, text });
          demandEqual(outcome, 'queued', 'who pauses when told so is never refused');
        }
        await stage.until(() => !paused, '`drained` follows `congested`');
      }
      await stage.until(
        () => a.received.length === total,
        'everything arrives',
        () => `${a.received.length} of ${total}`,
      );
      const arrived = a.payloads().map((payload) => (payload as { next: number }).next);
      demandEqual(arrived, numbers(total), 'once and in order');
    },
  },
];
