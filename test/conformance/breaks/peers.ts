import type { Peer } from '../../../src/network/network.js';
import { arriving, type Break, told } from './break.js';

/** Who is there, and what is said of it. */
export const PEERS: readonly Break[] = [
  {
    name: 'keeps those among its peers that have gone',
    caught: ['peers: who stops has left, and the others', 'life: many nodes come'],
    spoil: (network) => {
      const peers = new Map<string, Peer>();
      network.onPeer((event) => {
        if (event.type === 'connected') peers.set(event.peer.node, event.peer);
      });
      return {
        get peers() {
          return peers;
        },
      };
    },
  },
  {
    name: 'tells `connected` twice',
    caught: ['peers: both sides are told who is connected', 'peers: one that is not there yet'],
    spoil: (network) =>
      told(network, (tell) => (event) => {
        tell(event);
        if (event.type === 'connected') tell(event);
      }),
  },
  {
    name: 'says of its upstream what it says of nobody',
    caught: ['peers: both sides are told who is connected'],
    spoil: () => ({ upstream: undefined }),
  },
  {
    name: 'drops what is for others than its peers',
    caught: ['peers: what is for no peer of its own'],
    spoil: (network) => ({
      send: (message) => (network.peers.has(message.to ?? '') ? network.send(message) : 'UNREACHABLE'),
    }),
  },
  {
    name: 'sends to many by way of the node that was dialled',
    caught: ['refusals: sendMany sends to peers alone'],
    spoil: (network) => ({
      sendMany: (message, peers) => peers.map(() => network.send({ ...message, to: undefined })),
    }),
  },
  {
    name: 'stops without a goodbye',
    caught: ['peers: who stops has left, and the others', 'peers: who listens and stops', 'life: stop drains'],
    spoil: (network) => ({ stop: () => network.stop({ graceMs: 0 }) }),
  },
  {
    name: 'takes a crash for a goodbye',
    caught: ['peers: who is killed is lost', 'peers: disconnect ends the connection'],
    spoil: (network) =>
      told(network, (tell) => (event) => tell(event.type === 'disconnected' ? { ...event, left: true } : event)),
  },
  {
    name: 'takes its time to disconnect',
    caught: ['life: a peer that is disconnected from inside a handler'],
    spoil: (network, { clock }) => ({
      disconnect: (peer, reason) => void clock.setTimer(50, () => network.disconnect(peer, reason)),
    }),
  },
  {
    name: 'cannot send in the very call of `connected`',
    caught: ['peers: who is told `connected` can send at once'],
    spoil: (network, { clock }) => {
      let ready = false;
      network.onPeer(({ type }) => {
        if (type === 'connected')
          clock.setTimer(1, () => {
            ready = true;
          });
      });
      return { send: (message) => (ready ? network.send(message) : 'UNREACHABLE') };
    },
  },
  {
    name: 'takes names for one another',
    caught: ['peers: names may have every form'],
    spoil: (network) => ({ send: (message) => network.send({ ...message, to: message.to?.replace('..', '.') }) }),
  },
  {
    name: 'does not disconnect',
    caught: [
      'peers: a node may disconnect a peer',
      'peers: disconnect ends the connection',
      'failures: disconnect is the way out',
    ],
    spoil: () => ({ disconnect: () => {} }),
  },
  {
    name: 'has the same instance at each start',
    caught: ['peers: a node that is started again', 'peers: both sides are told who is connected'],
    spoil: (network) => ({
      get peers() {
        const same = (peer: Peer): Peer => Object.assign(Object.create(peer), { instance: '' });
        return new Map(Array.from(network.peers, ([node, peer]) => [node, same(peer)]));
      },
    }),
  },
  {
    name: 'tells nothing of dials that failed',
    caught: ['refusals: where nobody listens'],
    spoil: (network) => told(network, (tell) => (event) => event.type === 'unreachable' || tell(event)),
  },
  {
    name: 'is not found any more once it was lost',
    caught: ['peers: a node that was killed', 'failures: what waited for a peer that is killed'],
    // Each start has an instance of its own: only the first of each node may connect.
    spoil: (network, { self }) => {
      starts.set(self, (starts.get(self) ?? 0) + 1);
      return (starts.get(self) ?? 0) > 1 ? { start: async () => {} } : network;
    },
    tidy: () => starts.clear(),
  },
  {
    name: 'does not dispose of listeners',
    caught: ['peers: a listener that was disposed of'],
    spoil: (network) => ({
      onPeer: (listener) => {
        network.onPeer(listener);
        return { [Symbol.dispose]: () => {} };
      },
    }),
  },
  {
    name: 'tells no listener of a refusal',
    caught: ['admission: a node asks who may come in'],
    spoil: (network) => told(network, (tell) => (event) => event.type === 'refused' || tell(event)),
  },
  {
    name: 'gives no greeting',
    caught: ['admission: each side hears the greeting'],
    spoil: (network) => {
      const bare = (peer: Peer): Peer => Object.assign(Object.create(peer), { greeting: {} });
      return {
        get peers() {
          return new Map(Array.from(network.peers, ([node, peer]) => [node, bare(peer)]));
        },
      };
    },
  },
  {
    name: 'ends the connection when a handler throws',
    caught: ['peers: a listener that was disposed of'],
    spoil: (network) =>
      arriving(network, (deliver) => (message, peer) => {
        try {
          deliver(message, peer);
        } catch {
          void network.stop({ graceMs: 0 });
        }
      }),
  },
  {
    name: 'delivers what waited for another process of that name',
    caught: ['failures: what waited for a peer that is killed'],
    spoil: (network) => {
      let waiting: (() => void)[] = [];
      network.onPeer((event) => {
        if (event.type !== 'connected') return;
        for (const send of waiting) send();
      });
      return {
        send: (message) => {
          waiting = [...waiting, () => network.send(message)];
          return network.send(message);
        },
      };
    },
  },
];

const starts = new Map<string, number>();
