import { NetworkError } from '../../../base/errors.js';
import { payloadOf } from '../../../message/raw-payload.js';
import { codeOf, demand, demandCode, demandEqual, outcomeOf } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Station } from '../station.js';
import { noise } from './noise.js';
import { numbers } from './numbers.js';

const COUNT = 500;
/** Bytes that wait when a node is stopped. */
const QUEUED = 4 * 1024 * 1024;

const aborted = (): AbortSignal => {
  const controller = new AbortController();
  controller.abort(new Error('not today'));
  return controller.signal;
};

export const LIFE: readonly Demand[] = [
  {
    name: 'life: a network is started once, and a second start changes nothing',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      for (const station of [a, b]) {
        await demandCode(
          stage.settle(station.network.start(), 'a second start'),
          ['STOPPED'],
          'a second start is refused',
        );
      }
      b.tell('a', 1);
      await stage.until(() => a.received.length === 1, 'the connection stays');
      await stage.stop(b);
      await demandCode(
        stage.settle(b.network.start(), 'a start after stop'),
        ['STOPPED'],
        'a start after stop is refused',
      );
    },
  },
  {
    name: 'life: stop may be called any number of times, at once and one after the other',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const both = Promise.all([a, a, b, b].map(({ network }) => network.stop({ graceMs: 200 })));
      await stage.settle(both, 'two stops at once');
      for (const station of [a, b]) {
        await stage.stop(station);
        demandEqual(station.seen('disconnected').length, 1, 'the end of a connection is told once');
      }
    },
  },
  {
    name: 'life: a network may be stopped before it is started, and stays stopped',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      for (const station of [b, a]) {
        await stage.stop(station);
        await demandCode(
          stage.settle(station.network.start(), 'a start after stop'),
          ['STOPPED'],
          'a start after stop is refused',
        );
        demandEqual(station.events, [], 'nothing is told');
      }
    },
  },
  {
    name: 'life: a start whose signal has fired already is CANCELLED, and opens nothing',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      for (const station of [a, b]) {
        const start = stage.settle(station.network.start({ signal: aborted() }), 'a cancelled start');
        await demandCode(start, ['CANCELLED'], 'a start whose signal has fired is refused');
        await stage.quiet();
        demandEqual(station.events, [], 'nothing is dialled');
        await stage.stop(station);
      }
    },
  },
  {
    name: 'life: a signal that fires during the start cancels it or comes too late, and either way nothing is left',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      for (const station of [a, b]) {
        const controller = new AbortController();
        const outcome = outcomeOf(station.network.start({ signal: controller.signal }));
        controller.abort(new Error('changed my mind'));
        const ended = await stage.settle(outcome, 'a start that is cancelled');
        demand(
          ['answer', 'CANCELLED'].includes(ended),
          'a start that is cancelled ends with CANCELLED, or was done before',
          ended,
        );
        await stage.stop(station);
      }
    },
  },
  {
    name: 'life: the signal is for the start alone',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      const controller = new AbortController();
      for (const station of [a, b]) await stage.settle(station.network.start({ signal: controller.signal }), 'a start');
      await stage.connect(b, a);
      controller.abort();
      b.tell('a', 1);
      await stage.until(() => a.received.length === 1, 'a signal that fires after the start changes nothing');
      demand(a.seen('disconnected').length === 0, 'the connection stays', a.story());
    },
  },
  {
    name: 'life: before start and after stop it can be looked at, and there is nothing',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      const look = (station: Station): unknown[] => {
        const { connections, queuedMessages, queuedBytes } = station.network.metrics();
        const { upstream, peers, self, counters } = station.network;
        return [self, upstream, peers.size, connections, queuedMessages, queuedBytes, typeof counters];
      };
      const nothing = (station: Station): unknown[] => [station.name, undefined, 0, 0, 0, 0, 'object'];
      for (const station of [a, b]) demandEqual(look(station), nothing(station), 'before start there is nothing');
      for (const station of [a, b]) station.network.disconnect('stranger', new NetworkError('CLOSED', 'never seen'));
      await stage.start(a);
      await stage.start(b);
      await stage.connect(b, a);
      await stage.stop(b);
      await stage.stop(a);
      for (const station of [a, b]) demandEqual(look(station), nothing(station), 'after stop there is nothing');
    },
  },
  {
    name: 'life: stop right after start leaves nothing',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = (await stage.nodes('a', 'b', 'c')) as [Station, Station, Station];
      await stage.start(a);
      await stage.start(b);
      await stage.stop(b);
      const start = outcomeOf(c.network.start());
      await stage.stop(c);
      demand(
        ['answer', 'CANCELLED', 'STOPPED'].includes(await stage.settle(start, 'a start')),
        'a start that is stopped has an end',
        'another one',
      );
      await stage.stop(a);
    },
  },
  {
    name: 'life: two that listen at one address: the second is refused with ADDRESS_IN_USE, and the first goes on',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const second = await stage.again(a);
      await demandCode(
        stage.settle(second.network.start(), 'a second listener'),
        ['ADDRESS_IN_USE'],
        'an address that is taken',
      );
      await stage.stop(second);
      b.tell('a', 1);
      await stage.until(() => a.received.length === 1, 'the first one goes on');
    },
  },
  {
    name: 'life: stop drains: what was taken before is delivered, in order, and then the goodbye',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      // More than is under way at a time.
      const text = noise(Math.floor(QUEUED / COUNT));
      for (const number of numbers(COUNT)) {
        demandEqual(b.tell('a', { number, text }), 'queued', `${QUEUED / 2 ** 20} MiB may wait for a peer`);
      }
      await stage.stop(b, { graceMs: 5000 });
      await stage.until(
        () => a.seen('disconnected').length === 1,
        'the goodbye arrives',
        () => a.story(),
      );
      const arrived = a.payloads().map((payload) => (payload as { number: number }).number);
      demandEqual(arrived, numbers(COUNT), 'everything that was taken before stop is delivered within the grace');
      demandEqual(a.seen('disconnected')[0]?.left, true, 'a node that says goodbye has `left`');
    },
  },
  {
    name: 'life: both sides stop while both send: what arrives is in order and without a gap, and nothing comes later',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      for (const number of numbers(COUNT)) {
        a.tell('b', number);
        b.tell('a', number);
      }
      await stage.settle(Promise.all([a, b].map(({ network }) => network.stop({ graceMs: 500 }))), 'two nodes stop');
      for (const station of [a, b]) {
        const arrived = station.received.length;
        demandEqual(station.payloads(), numbers(arrived), 'what arrives is in the order of sending, without a gap');
        await stage.quiet();
        demandEqual(station.received.length, arrived, 'nothing is delivered after stop');
      }
    },
  },
  {
    name: 'life: a node may be stopped, and a peer disconnected, from inside a handler',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      const stops: Promise<void>[] = [];
      a.onMessage = (message) => {
        if (payloadOf(message) === 'stop') stops.push(a.network.stop({ graceMs: 200 }));
      };
      for (const station of [b, c]) for (const number of numbers(20)) station.tell('a', number);
      b.tell('a', 'stop');
      for (const number of numbers(20)) b.tell('a', number);
      await stage.until(() => stops.length === 1, 'the message arrives that stops its receiver');
      await stage.settle(Promise.all(stops), 'a stop from inside a handler');
      const arrived = a.received.length;
      await stage.quiet();
      demandEqual(a.received.length, arrived, 'nothing is delivered after stop');
    },
  },
  {
    name: 'life: a peer that is disconnected from inside a handler is not heard any more',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      let heardAfter = 0;
      let gone = false;
      a.onEvent = (event) => {
        if (event.type === 'connected') gone = false;
      };
      a.onMessage = (message, peer) => {
        if (gone) heardAfter += 1;
        if (payloadOf(message) !== 10) return;
        a.network.disconnect(peer.node, new NetworkError('RECEIVE_FAILED', 'not heard any more'));
        gone = true;
      };
      for (const number of numbers(30)) b.tell('a', number);
      await stage.until(
        () => a.seen('disconnected').length === 1,
        'the end of the connection is told',
        () => a.story(),
      );
      await stage.quiet();
      demandEqual(heardAfter, 0, 'after disconnect nothing of that connection is delivered');
      demandEqual(codeOf(a.seen('disconnected')[0]?.error), 'RECEIVE_FAILED', 'the reason is the one that was given');
    },
  },
  {
    name: 'life: many nodes come, send, and go',
    about: 'messages',
    async run(stage) {
      const names = ['a', ...numbers(12).map((number) => `n${number}`)];
      const [a, ...others] = (await stage.connected(...names)) as [Station, ...Station[]];
      for (const other of others) other.tell('a', other.name);
      const outcomes = a.network.sendMany(
        a.make({ to: '*', payload: 'all' }),
        others.map(({ name }) => name),
      );
      demandEqual([...new Set(outcomes)], ['queued'], 'a message to many is taken for each');
      await stage.until(
        () => a.received.length === others.length && others.every(({ received }) => received.length === 1),
        'everybody hears everybody',
      );
      demandEqual(a.payloads().sort(), others.map(({ name }) => name).sort(), 'each is heard once');
      await stage.settle(Promise.all(others.map(({ network }) => network.stop())), 'many stop at once');
      await stage.until(
        () => a.network.peers.size === 0,
        'each goodbye is told',
        () => a.story(),
      );
      demandEqual(a.seen('disconnected').filter(({ left }) => left).length, others.length, 'each has `left`');
    },
  },
];
