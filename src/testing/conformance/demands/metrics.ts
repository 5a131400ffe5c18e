import type { NetworkMetrics } from '../../../network/metrics.js';
import { demand, demandCode, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Stage } from '../stage.js';
import type { Station } from '../station.js';
import { noise } from './noise.js';
import { numbers } from './numbers.js';

const crossed = ({ messagesIn, messagesOut, bytesIn, bytesOut }: NetworkMetrics): string =>
  `in ${messagesIn} messages, ${bytesIn} bytes; out ${messagesOut} messages, ${bytesOut} bytes`;

/** Waits until what one side has sent is what the other has received. */
async function agree(stage: Stage, a: Station, b: Station): Promise<void> {
  const same = (one: NetworkMetrics, other: NetworkMetrics): boolean =>
    one.messagesOut === other.messagesIn && one.bytesOut === other.bytesIn;
  const seen = (): string => `a: ${crossed(a.network.metrics())}; b: ${crossed(b.network.metrics())}`;
  await stage.until(
    () => same(a.network.metrics(), b.network.metrics()) && same(b.network.metrics(), a.network.metrics()),
    'when nothing is under way, what one side has sent is what the other has received, in messages and bytes',
    seen,
  );
}

export const METRICS: readonly Demand[] = [
  {
    name: 'metrics: what one side has sent is what the other has received, in messages and bytes',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      await agree(stage, a, b);
      const before = { a: a.network.metrics(), b: b.network.metrics() };
      const text = noise(100_000);
      for (const number of numbers(100)) {
        b.tell('a', { number, text: text.slice(number * 1000, (number + 1) * 1000) });
        if (number % 4 === 0) a.tell('b', number);
      }
      await stage.until(() => a.received.length === 100 && b.received.length === 25, 'the messages arrive');
      await agree(stage, a, b);
      const after = b.network.metrics();
      const sent = after.messagesOut - before.b.messagesOut;
      demand(sent >= 100 && sent <= 150, "messages are counted, with few of the transport's own", `${sent} for 100`);
      const bytes = after.bytesOut - before.b.bytesOut;
      demand(
        bytes >= 50_000 && bytes <= 200_000,
        'bytes of frames are counted',
        `${bytes} for 100 messages of 1,000 bytes`,
      );
      demandEqual([after.queuedMessages, after.queuedBytes], [0, 0], 'nothing waits when everything has arrived');
      const traffic = b.network.peers.get('a')?.traffic;
      demandEqual(
        [traffic?.messagesOut, traffic?.bytesOut],
        [after.messagesOut, after.bytesOut],
        'the traffic of the one peer is that of the network',
      );
    },
  },
  {
    name: 'metrics: connections are counted, now and so far, and counts outlive them',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      const transport = a.network.metrics().transport;
      demand(typeof transport === 'string' && transport !== '', 'metrics name the transport', transport);
      demandEqual(
        [a.network.metrics().connections, a.network.metrics().connected],
        [2, 2],
        'connected peers are counted, now and so far',
      );
      b.tell('a', 1);
      c.tell('a', 1);
      await stage.until(() => a.received.length === 2, 'the messages arrive');
      const before = a.network.metrics();
      await stage.stop(b);
      await stage.until(() => a.seen('disconnected').length === 1, 'the goodbye arrives');
      const after = a.network.metrics();
      demandEqual([after.connections, after.connected], [1, 2], 'who has left is counted among those so far');
      demand(after.messagesIn >= before.messagesIn && after.bytesIn >= before.bytesIn, 'counts only grow', [
        crossed(before),
        crossed(after),
      ]);
      demandEqual(after.errors.CLOSED ?? 0, 0, 'a goodbye is no failure');
    },
  },
  {
    name: 'metrics: refusals are counted by their codes, each once',
    about: 'messages',
    async run(stage) {
      const [a] = await stage.pair();
      const code = stage.isMesh ? 'NO_ADDRESS' : 'UNREACHABLE';
      const large = 'x'.repeat(stage.subject.maxMessageBytes + 1);
      const before = a.network.metrics().errors;
      a.tell('stranger', 1);
      a.network.sendMany(a.make({ payload: 1 }), ['stranger', 'b', 'stranger']);
      a.tell('b', large);
      a.network.sendMany(a.make({ payload: large }), ['b']);
      const { errors } = a.network.metrics();
      const grown = [(errors[code] ?? 0) - (before[code] ?? 0), (errors.TOO_LARGE ?? 0) - (before.TOO_LARGE ?? 0)];
      demandEqual(grown, [3, 2], `each send that was refused is counted once: ${code} and TOO_LARGE`);
    },
  },
  {
    name: 'metrics: requests that wait and that were answered are counted',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      const done: (() => void)[] = [];
      a.handle(
        () =>
          new Promise((resolve) => {
            done.push(() => resolve('done'));
          }),
      );
      const asked = numbers(10).map((number) => b.ask('a', number));
      await stage.until(() => done.length === 10, 'the requests arrive');
      demandEqual(b.asking.metrics().requests.waiting, 10, 'requests that wait are counted');
      for (const finish of done) finish();
      await stage.settle(Promise.all(asked), 'the requests');
      const { waiting, answered, latency } = b.asking.metrics().requests;
      demandEqual([waiting, answered, latency.count], [0, 10, 10], 'requests that were answered are counted and timed');
      await demandCode(stage.settle(b.ask('a', 1, { timeoutMs: 50 }), 'a request'), ['TIMEOUT'], 'no answer in time');
      demandEqual(b.asking.metrics().requests.answered, 10, 'one without an answer is not counted among them');
    },
  },
];
