import type { SendOutcome } from '../../../network/network.js';
import { demand, demandCode, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Stage } from '../stage.js';
import type { Station } from '../station.js';
import { NOBODY } from '../subject.js';

const STRANGER = 'stranger';

/** What a send to a node is told whose address nobody knows. */
const unknown = (stage: Stage): SendOutcome => (stage.isMesh ? 'NO_ADDRESS' : 'UNREACHABLE');

export const REFUSALS: readonly Demand[] = [
  {
    name: 'refusals: before start and after stop everything is STOPPED',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      const sendAll = (): SendOutcome[] => [b.tell('a', 1), ...b.network.sendMany(b.make({ payload: 1 }), ['a', 'a'])];
      demandEqual(sendAll(), ['STOPPED', 'STOPPED', 'STOPPED'], 'what is sent before start is refused as STOPPED');
      await stage.start(a);
      await stage.start(b);
      await stage.connect(b, a);
      demandEqual(sendAll(), ['queued', 'queued', 'queued'], 'what is sent to a connected peer is taken');
      await stage.until(() => a.received.length === 3, 'it arrives');
      await stage.stop(b);
      demandEqual(sendAll(), ['STOPPED', 'STOPPED', 'STOPPED'], 'what is sent after stop is refused as STOPPED');
      await stage.quiet();
      demandEqual(a.received.length, 3, 'what was refused is not delivered');
    },
  },
  {
    name: 'refusals: while it stops, a node takes nothing more',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const stopping = b.network.stop({ graceMs: 100 });
      if (!stage.layers.wrapped)
        demandEqual(b.tell('a', 'late'), 'STOPPED', 'what is sent after the call of stop is refused as STOPPED');
      await stage.settle(stopping, 'b stops');
      demandEqual(a.payloads(), [], 'it is not delivered');
    },
  },
  {
    name: 'refusals: requests before start and after stop end with STOPPED',
    about: 'requests',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      await demandCode(stage.settle(b.ask('a', 1), 'a request before start'), ['STOPPED'], 'a request before start');
      await stage.start(a);
      await stage.start(b);
      await stage.connect(b, a);
      await stage.stop(b);
      await demandCode(stage.settle(b.ask('a', 1), 'a request after stop'), ['STOPPED'], 'a request after stop');
    },
  },
  {
    name: 'refusals: a node that is not known is UNREACHABLE, or NO_ADDRESS where there is an address book',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      demandEqual(a.tell(STRANGER, 1), unknown(stage), 'who listens cannot reach a stranger');
      const outcomes = a.network.sendMany(a.make({ to: '*', payload: 2 }), ['b', STRANGER, 'b']);
      demandEqual(
        outcomes,
        ['queued', unknown(stage), 'queued'],
        'sendMany tells the outcome of each peer, in their order',
      );
      await stage.until(() => b.received.length === 2, 'what was taken arrives');
      demandEqual(a.network.sendMany(a.make({ payload: 3 }), []), [], 'no peers, no outcomes');
    },
  },
  {
    name: 'refusals: sendMany sends to peers alone, and nothing by a detour',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const outcomes = b.network.sendMany(b.make({ to: '*', payload: 1 }), ['a', STRANGER]);
      demandEqual(outcomes, ['queued', unknown(stage)], 'who dials cannot reach a stranger with sendMany');
      b.tell('a', 2);
      await stage.until(() => a.payloads().includes(2), 'what was sent afterwards arrives');
      demandEqual(a.payloads(), [1, 2], 'a message to two peers, one of them a stranger, arrives once');
    },
  },
  {
    name: 'refusals: a request to a node that is not known ends with the code of the refusal',
    about: 'requests',
    async run(stage) {
      const [a] = await stage.pair();
      const refused = stage.settle(a.ask(STRANGER, 1), 'a request to a stranger');
      await demandCode(
        refused,
        [stage.isMesh ? 'NO_ADDRESS' : 'UNREACHABLE'],
        'a request to a stranger is refused at once',
      );
    },
  },
  {
    name: 'refusals: where nobody listens requests end, and `unreachable` tells why',
    about: 'requests',
    async run(stage) {
      const b = await stage.node('b', [NOBODY]);
      await stage.start(b);
      const code = stage.isMesh ? 'CONNECTION_FAILED' : 'UNREACHABLE';
      await demandCode(
        stage.settle(b.ask(NOBODY, 1), 'a request to nobody'),
        [code],
        'a request to an address where nobody listens',
      );
      await stage.until(
        () => b.seen('unreachable').length > 0,
        'a dial that failed is told as `unreachable`',
        () => b.story(),
      );
      const { address, node, error, attempt, retryInMs } = b.seen('unreachable')[0] ?? {};
      demand(
        typeof address === 'string' && address !== '',
        '`unreachable` names the address that was dialled',
        address,
      );
      demandEqual(error?.code, 'CONNECTION_FAILED', '`unreachable` says CONNECTION_FAILED where nobody listens');
      demandEqual(attempt, 1, 'attempts are counted from 1');
      demand(
        typeof retryInMs === 'number' && retryInMs >= 0,
        '`unreachable` says when the next dial follows',
        retryInMs,
      );
      if (stage.isMesh) demandEqual(node, NOBODY, '`unreachable` says which node was dialled');
      demand(node === undefined || node === NOBODY, '`unreachable` says which node was dialled, or nothing', node);
      demandEqual(b.network.peers.size, 0, 'nobody is connected');
      demand(
        (b.network.metrics().errors.CONNECTION_FAILED ?? 0) > 0,
        'the dials that failed are counted',
        b.network.metrics().errors,
      );
    },
  },
  {
    name: 'refusals: who pretends to be another is not delivered',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      b.network.send(b.make({ to: 'a', from: 'c', payload: 'forged' }));
      b.tell('a', 'true');
      await stage.until(() => a.payloads().includes('true'), 'an honest message arrives');
      demandEqual(a.payloads(), ['true'], '`from` is the node at the other end, unless that leads');
      demand(a.seen('disconnected').length === 0, 'one such message ends no connection', a.story());
    },
  },
];
