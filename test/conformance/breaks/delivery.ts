import type { Peer } from '../../../src/network/network.js';
import { arriving, type Break, counted, told } from './break.js';

const ORDER_OF_MANY = 'order: what is sent to a peer arrives once';

/** What is delivered, when, and how often. */
export const DELIVERY: readonly Break[] = [
  {
    name: 'loses one message of a hundred',
    caught: [ORDER_OF_MANY, 'life: stop drains', 'pressure: a producer that pauses'],
    spoil: (network) => {
      const lost = counted(100);
      return { send: (message) => (lost() ? 'queued' : network.send(message)) };
    },
  },
  {
    name: 'sends one message of a hundred twice',
    caught: [ORDER_OF_MANY, 'life: stop drains'],
    spoil: (network) => {
      const twice = counted(100);
      return {
        send: (message) => {
          if (twice()) network.send(message);
          return network.send(message);
        },
      };
    },
  },
  {
    name: 'lets small messages overtake large ones',
    caught: ['order: a small message does not overtake'],
    spoil: (network, { clock }) => ({
      send: (message) => {
        if (JSON.stringify(message.payload).length < 100_000) return network.send(message);
        clock.defer(() => network.send(message));
        return 'queued';
      },
    }),
  },
  {
    name: 'lets some messages be overtaken by the next',
    caught: [ORDER_OF_MANY, 'order: what is sent from inside a handler', 'order: a peer that is sent much'],
    spoil: (network, { clock }) => {
      const late = counted(7);
      return {
        send: (message) => {
          if (!late()) return network.send(message);
          clock.defer(() => network.send(message));
          return 'queued';
        },
      };
    },
  },
  {
    name: 'writes a message after send has returned',
    caught: ['payloads: what a sender changes after send'],
    spoil: (network, { clock }) => ({
      send: (message) => {
        clock.defer(() => network.send(message));
        return 'queued';
      },
    }),
  },
  {
    name: 'delivers inside a call of send what has arrived by then',
    caught: ['order: what is sent from inside a handler', 'requests: each of many at once'],
    spoil: (network) => {
      const waiting: (() => void)[] = [];
      return {
        ...arriving(network, (deliver) => (message, peer) => waiting.push(() => deliver(message, peer))),
        send: (message) => {
          for (const deliver of waiting.splice(0)) deliver();
          return network.send(message);
        },
      };
    },
  },
  {
    name: 'delivers what arrives before it tells `connected`',
    caught: ['peers: messages come with the peer', 'payloads: none is not the same'],
    spoil: (network, { clock }) =>
      told(network, (tell) => (event) => {
        if (event.type !== 'connected') tell(event);
        else clock.setTimer(1000, () => tell(event));
      }),
  },
  {
    name: 'delivers again, after `disconnected`, what came last',
    caught: ['peers: who stops has left, and the others', 'life: many nodes come'],
    spoil: (network) => {
      let again = (): void => {};
      return {
        ...arriving(network, (deliver) => (message, peer) => {
          again = () => deliver(message, peer);
          deliver(message, peer);
        }),
        ...told(network, (tell) => (event) => {
          tell(event);
          if (event.type === 'disconnected') again();
        }),
      };
    },
  },
  {
    name: 'delivers after stop',
    caught: ['life: both sides stop while both send'],
    spoil: (network, { clock }) => {
      let again = (): void => {};
      return {
        ...arriving(network, (deliver) => (message, peer) => {
          again = () => deliver(message, peer);
          deliver(message, peer);
        }),
        stop: async (options) => {
          await network.stop(options);
          clock.setTimer(1, () => again());
        },
      };
    },
  },
  {
    name: 'lets a peer speak for others',
    caught: ['refusals: who pretends to be another'],
    spoil: (network, { self, role }) => ({
      send: (message) =>
        role === 'leader' || message.from === self
          ? network.send(message)
          : network.send({ ...message, from: self, re: `as-${message.from}` }),
      ...arriving(network, (deliver) => (message, peer) => {
        const as = message.re?.startsWith('as-') ? message.re.slice(3) : message.from;
        deliver({ ...message, from: as }, peer);
      }),
    }),
  },
  {
    name: 'gives messages with a peer that is not the one in peers',
    caught: ['peers: messages come with the peer'],
    spoil: (network) => arriving(network, (deliver) => (message, peer) => deliver(message, { ...copyOf(peer) })),
  },
];

const copyOf = (peer: Peer): Peer => {
  const { node, role, maySubmit, instance, version, address, listener, traffic, greeting } = peer;
  return { node, role, maySubmit, instance, version, address, listener, traffic, greeting };
};
