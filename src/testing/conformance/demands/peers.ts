import { NetworkError } from '../../../base/errors.js';
import type { Peer, SendOutcome } from '../../../network/network.js';
import { demand, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Station } from '../station.js';

const MESH_ROLES = ['collaborator', 'collaborator'];
const STAR_ROLES = ['leader', 'collaborator'];

export const PEERS: readonly Demand[] = [
  {
    name: 'peers: both sides are told who is connected, once, and have them among their peers',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const roles = stage.isMesh ? MESH_ROLES : STAR_ROLES;
      for (const [station, other, role] of [
        [b, a, roles[0]],
        [a, b, roles[1]],
      ] as const) {
        const peer = station.network.peers.get(other.name) as Peer;
        demandEqual([peer.node, peer.role, peer.version], [other.name, role, '1.2.3'], 'a peer is who it says it is');
        demand(
          peer.instance !== '' && peer.address !== '' && peer.listener !== '',
          'a peer has an instance, an address and a listener',
          peer,
        );
        demandEqual(typeof peer.maySubmit, 'boolean', 'a peer says whether it may ask for work');
        const told = station.seen('connected').map((event) => event.peer.node);
        demandEqual(told, [other.name], '`connected` is told once for each connection');
        demandEqual([...station.network.peers.keys()], [other.name], 'peers has those that are connected');
      }
      if (stage.isMesh) return;
      demandEqual([b.network.upstream, a.network.upstream], ['a', undefined], 'upstream is the node that was dialled');
      demandEqual(b.network.peers.get('a')?.listener, 'dial', 'the listener of the node that was dialled is `dial`');
    },
  },
  {
    name: 'peers: what is for no peer of its own goes to the node that was dialled',
    about: 'messages',
    shape: 'star',
    async run(stage) {
      const [a, b] = await stage.trio();
      b.network.send(b.make({ payload: 'to the leader' }));
      b.network.send(b.make({ to: 'c', payload: 'to c' }));
      b.network.send(b.make({ to: '*', payload: 'to everyone' }));
      await stage.until(() => a.received.length === 3, 'the node that was dialled gets what is for others');
      demandEqual(a.payloads(), ['to the leader', 'to c', 'to everyone'], 'in the order of sending');
      a.network.send(a.make({ to: 'b', from: 'c', payload: 'of c' }));
      await stage.until(() => b.received.length === 1, 'a leader hands on what others say');
      demandEqual(b.received[0]?.from, 'c', '`from` stays that of the one who said it');
    },
  },
  {
    name: 'peers: messages come with the peer that sent them',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      const via: string[] = [];
      a.onMessage = (message, peer) =>
        via.push(`${message.from} via ${peer.node}, ${a.network.peers.get(peer.node) === peer}`);
      b.tell('a', 1);
      c.tell('a', 1);
      await stage.until(() => via.length === 2, 'both arrive');
      demandEqual(
        via.sort(),
        ['b via b, true', 'c via c, true'],
        'a message comes with the very peer that `peers` has',
      );
    },
  },
  {
    name: 'peers: who stops has left, and the others are told',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      b.tell('a', 'last words');
      await stage.stop(b);
      await stage.until(
        () => a.seen('disconnected').length === 1,
        'the peers of a node that stops are told',
        () => a.story(),
      );
      const [ended] = a.seen('disconnected');
      demandEqual([ended?.peer.node, ended?.left], ['b', true], 'a node that says goodbye has `left`');
      demandEqual(a.payloads(), ['last words'], 'what was sent before the goodbye arrives before it');
      demandEqual(ended?.error.code, 'CLOSED', 'the end of a connection is told as CLOSED');
      demand(a.network.peers.has('c') && c.seen('disconnected').length === 0, 'the other peers stay', a.story());
      demandEqual(
        b.seen('disconnected').length,
        1,
        'the node that stops is told of the end of its connections as well',
      );
    },
  },
  {
    name: 'peers: who listens and stops has left as well',
    about: 'messages',
    async run(stage) {
      const [a, b, c] = await stage.trio();
      await stage.stop(a);
      for (const station of [b, c]) {
        await stage.until(
          () => station.seen('disconnected').length === 1,
          'the peers of a node that stops are told',
          () => station.story(),
        );
        demandEqual(station.seen('disconnected')[0]?.left, true, 'a node that says goodbye has `left`');
      }
    },
  },
  {
    name: 'peers: who is killed is lost, and has not left',
    about: 'messages',
    needs: ['kill'],
    async run(stage) {
      const [a, b, c] = await stage.trio();
      await stage.kill(b);
      await stage.loses(a, b);
      const [ended] = a.seen('disconnected');
      demandEqual(
        [ended?.peer.node, ended?.left, ended?.error.code],
        ['b', false, 'CLOSED'],
        'a node that is killed is lost: CLOSED, and not `left`',
      );
      const { errors } = a.network.metrics();
      demand((errors.CLOSED ?? 0) > 0, 'a peer that was lost is counted', errors);
      c.tell('a', 'still here');
      await stage.until(() => a.received.length === 1, 'the others go on');
    },
  },
  {
    name: 'peers: disconnect ends the connection at once, with its reason, and both sides are told',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const instance = b.network.peers.get('a')?.instance;
      b.network.disconnect('a', new NetworkError('RECEIVE_FAILED', 'it fell silent'));
      await stage.until(
        () => b.seen('disconnected').length === 1 && a.seen('disconnected').length === 1,
        'both sides are told',
        () => `${b.story()}; ${a.story()}`,
      );
      const [ended] = b.seen('disconnected');
      demandEqual(
        [ended?.left, ended?.error.code],
        [false, 'RECEIVE_FAILED'],
        'who ends a connection is told its own reason',
      );
      b.network.disconnect('a', new NetworkError('RECEIVE_FAILED', 'again'));
      await stage.connect(b, a);
      demandEqual(b.network.peers.get('a')?.instance, instance, 'a peer that comes again has the instance that it had');
      b.tell('a', 'again');
      await stage.until(() => a.payloads().includes('again'), 'the new connection works');
      b.network.disconnect('stranger', new NetworkError('CLOSED', 'never seen'));
    },
  },
  {
    name: 'peers: a node that is started again at its address is found, as another instance',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const first = b.network.peers.get('a')?.instance;
      await stage.stop(a);
      await stage.until(() => b.seen('disconnected').length === 1, 'the peers of a node that stops are told');
      const second = await stage.again(a);
      await stage.start(second);
      await stage.connect(b, second);
      demand(b.network.peers.get('a')?.instance !== first, 'each start of a node has an instance of its own', first);
      b.tell('a', 'welcome back');
      second.tell('b', 'thank you');
      await stage.until(
        () => second.received.length === 1 && b.received.length === 1,
        'the new connection works both ways',
      );
    },
  },
  {
    name: 'peers: a node that was killed and is started again at its address is found, and can find others',
    about: 'messages',
    needs: ['kill'],
    async run(stage) {
      const [a, b] = await stage.pair();
      await stage.kill(a);
      await stage.loses(b, a);
      const listener = await stage.again(a);
      await stage.start(listener);
      await stage.connect(b, listener);
      await stage.kill(b);
      const dialler = await stage.again(b);
      await stage.start(dialler);
      await stage.connect(dialler, listener);
      dialler.tell('a', 'here I am');
      await stage.until(() => listener.received.length === 1, 'the new connection works');
    },
  },
  {
    name: 'peers: one that is not there yet is found when it comes',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      await stage.start(b);
      await stage.quiet();
      await stage.start(a);
      await stage.connect(b, a);
      demandEqual(b.seen('connected').length, 1, '`connected` is told once for each connection');
    },
  },
  {
    name: 'peers: who is told `connected` can send at once, and who is told `disconnected` is refused and harmed by nothing',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      const outcomes: SendOutcome[] = [];
      for (const [station, other] of [
        [a, 'b'],
        [b, 'a'],
      ] as const) {
        station.onEvent = ({ type }) => {
          if (type === 'connected') station.tell(other, 'first words');
          if (type === 'disconnected') outcomes.push(station.tell(other, 'too late'));
        };
      }
      await stage.start(a);
      await stage.start(b);
      await stage.connect(b, a);
      await stage.until(() => a.received.length === 1 && b.received.length === 1, 'the first words arrive');
      demandEqual([a.payloads(), b.payloads()], [['first words'], ['first words']], 'they arrive once');
      await stage.stop(b);
      await stage.until(() => outcomes.length === 2, 'both sides are told of the end');
      // Where nodes dial on demand, what is sent to one that has gone waits for a new connection.
      const refusals: SendOutcome[] = stage.isMesh ? ['queued', 'UNREACHABLE', 'STOPPED'] : ['UNREACHABLE', 'STOPPED'];
      const strange = outcomes.filter((outcome) => !refusals.includes(outcome));
      demandEqual(strange, [], 'who has gone cannot be sent anything');
      await stage.quiet();
      demandEqual(a.received.length, 1, 'what was refused is not delivered');
    },
  },
  {
    name: 'peers: a node may disconnect a peer, or stop, when it is told `connected`',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      const stops: Promise<void>[] = [];
      a.onEvent = (event) => {
        if (event.type !== 'connected') return;
        if (stops.length === 0 && a.seen('connected').length === 1) {
          a.network.disconnect(event.peer.node, new NetworkError('RECEIVE_FAILED', 'come again'));
        } else {
          stops.push(a.network.stop({ graceMs: 100 }));
        }
      };
      await stage.start(a);
      await stage.start(b);
      const come = (): boolean => {
        if (stage.isMesh && stops.length === 0) b.tell('a', 'here I am');
        return stops.length > 0;
      };
      await stage.until(come, 'who was disconnected comes again', () => `${a.story()}; ${b.story()}`);
      await stage.settle(Promise.all(stops), 'a stop from inside `connected`');
      const ended = a.seen('disconnected').map(({ left }) => left);
      demandEqual(ended, [false, false], 'each `connected` has its `disconnected`');
    },
  },
  {
    name: 'peers: names may have every form that is allowed',
    about: 'messages',
    async run(stage) {
      const names = ['0', `${'long-name_with.dots'.repeat(4).slice(0, 63)}`, 'a..b--c__', 'localhost', 'constructor'];
      const [first, ...others] = (await stage.connected(...names)) as [Station, ...Station[]];
      for (const other of others) {
        other.tell(first.name, other.name);
        first.tell(other.name, other.name);
        await stage.until(() => other.received.length === 1, `${other.name} is reached`);
        demandEqual(other.payloads(), [other.name], 'each name is that of one node');
      }
      await stage.until(() => first.received.length === others.length, 'all are heard');
      demandEqual([...first.network.peers.keys()].sort(), names.slice(1).sort(), 'peers has them by their names');
    },
  },
  {
    name: 'peers: a listener that was disposed of is told nothing, and one that throws harms nobody',
    about: 'messages',
    async run(stage) {
      const [a, b] = (await stage.nodes('a', 'b')) as [Station, Station];
      const told: string[] = [];
      a.network.onPeer(() => {
        throw new Error('a listener that throws');
      });
      a.network.onPeer(({ type }) => told.push(`first ${type}`));
      const second = a.network.onPeer(({ type }) => told.push(`second ${type}`));
      second[Symbol.dispose]();
      second[Symbol.dispose]();
      await stage.start(a);
      await stage.start(b);
      await stage.connect(b, a);
      a.onMessage = () => {
        throw new Error('a handler that throws');
      };
      b.tell('a', 1);
      b.tell('a', 2);
      await stage.until(() => a.received.length === 2, 'what follows is delivered although the handler throws');
      demandEqual(told, ['first connected'], 'each listener is told until it is disposed of');
      demand(a.seen('disconnected').length === 0, 'a handler that throws ends no connection', a.story());
    },
  },
];
