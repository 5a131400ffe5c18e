import { payloadOf } from '../../../message/raw-payload.js';
import { demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Stage } from '../stage.js';
import type { Station } from '../station.js';
import { numbers } from './numbers.js';

const COUNT = 600;
/** Messages that are sent before the event loop turns. */
const BURST = 50;
const LARGE = 200_000;

/** What arrived from one node, payloads only. */
const from = (station: Station, name: string): unknown[] =>
  station.received.filter((message) => message.from === name).map(payloadOf);

/** Sends numbers in bursts, each way at the same time; some of them as a message to many. */
async function stream(stage: Stage, one: Station, other: Station): Promise<void> {
  for (let sent = 0; sent < COUNT; sent += BURST) {
    for (let number = sent; number < sent + BURST; number += 1) {
      for (const [sender, receiver] of [
        [one, other],
        [other, one],
      ] as const) {
        const message = sender.make({ to: receiver.name, payload: number });
        const outcome =
          number % 3 === 0 ? sender.network.sendMany(message, [receiver.name])[0] : sender.network.send(message);
        demandEqual(outcome, 'queued', 'a small message to a connected peer is taken');
      }
    }
    await stage.until(() => one.received.length >= sent / 2 && other.received.length >= sent / 2, 'messages arrive');
  }
}

async function allArrive(stage: Stage, one: Station, other: Station): Promise<void> {
  const rule = 'everything that was sent over a connection which stays arrives, once and in the order of sending';
  const arrived = (): boolean => from(one, other.name).length >= COUNT && from(other, one.name).length >= COUNT;
  await stage.until(arrived, rule, () => `${one.received.length} and ${other.received.length} of ${COUNT} messages`);
  await stage.quiet();
  demandEqual(from(one, other.name), numbers(COUNT), rule);
  demandEqual(from(other, one.name), numbers(COUNT), rule);
}

export const ORDER: readonly Demand[] = [
  {
    name: 'order: what is sent to a peer arrives once and in order, both ways at the same time',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      await stream(stage, a, b);
      await allArrive(stage, a, b);
    },
  },
  {
    name: 'order: a small message does not overtake a large one, nor a large one a small one',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const sizes = [1, LARGE, 2, 3, LARGE + 1, LARGE + 2, 4];
      for (const size of sizes) b.tell('a', 'x'.repeat(size));
      await stage.until(() => a.received.length === sizes.length, 'large and small messages arrive');
      demandEqual(
        a.payloads().map((text) => String(text).length),
        sizes,
        'they arrive in the order of sending',
      );
    },
  },
  {
    name: 'order: what is sent from inside a handler keeps its place',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.onMessage = (message, peer) => {
        const number = payloadOf(message) as number;
        a.tell(peer.node, number);
        if (number % 10 === 0) a.tell(peer.node, -number);
      };
      for (const number of numbers(100)) b.tell('a', number);
      const expected = numbers(100).flatMap((number) => (number % 10 === 0 ? [number, 0 - number] : [number]));
      await stage.until(() => b.received.length >= expected.length, 'what handlers send arrives');
      demandEqual(
        b.payloads().map((value) => Number(value) + 0),
        expected.map((value) => value + 0),
        'it arrives in the order of sending',
      );
    },
  },
  {
    name: 'order: two nodes that dial each other at the same moment lose nothing, and nothing comes twice',
    about: 'messages',
    shape: 'mesh',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      await stage.start(a);
      await stage.start(b);
      for (const number of numbers(COUNT)) {
        a.tell('b', number);
        b.tell('a', number);
        // Some before there is a connection, some when there is one, and some when there is another.
        if (number % 20 === 19) await stage.turn();
      }
      await allArrive(stage, a, b);
      const seen = [a.seen('connected').length, b.seen('connected').length];
      demandEqual(seen, [1, 1], 'each is told `connected` once');
    },
  },
  {
    name: 'order: a peer that is sent much does not hold up the others',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      for (const number of numbers(20)) {
        a.tell('b', { number, text: 'x'.repeat(LARGE) });
        a.tell('c', number);
      }
      await stage.until(() => c.received.length === 20 && b.received.length === 20, 'both peers receive theirs');
      demandEqual(c.payloads(), numbers(20), 'each peer has an order of its own');
    },
  },
];
