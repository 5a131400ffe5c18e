import type { Peer } from '../../../src/network/network.js';
import { arriving, type Break, counted, told } from './break.js';

/** What becomes of requests and their answers. */
export const REQUESTS: readonly Break[] = [
  {
    name: 'loses one answer of ten',
    caught: ['requests: each of many at once', 'requests: among many at once'],
    spoil: (network) => {
      const lost = counted(10);
      return { send: (message) => (message.kind === 'response' && lost() ? 'queued' : network.send(message)) };
    },
  },
  {
    name: 'answers twice',
    caught: ['outcomes: a request that arrives twice'],
    spoil: (network) => ({
      send: (message) => {
        if (message.kind === 'response') network.send(message);
        return network.send(message);
      },
    }),
  },
  {
    name: 'lets an answer be overtaken by the next',
    caught: ['outcomes: of two answers the first counts'],
    spoil: (network, { clock }) => {
      const late = counted(2);
      return {
        send: (message) => {
          if (message.kind !== 'response' || late()) return network.send(message);
          clock.setTimer(1, () => network.send(message));
          return 'queued';
        },
      };
    },
  },
  {
    name: 'gives an answer to the next request',
    caught: ['requests: each of many at once', 'requests: nested', 'outcomes: when messages are lost'],
    spoil: (network) => {
      let before: string | undefined;
      return {
        send: (message) => {
          if (message.kind !== 'response') return network.send(message);
          const re = before ?? message.re;
          before = message.re;
          return network.send({ ...message, re });
        },
      };
    },
  },
  {
    name: 'says that every message came from the peer that it heard first',
    caught: ['outcomes: only the peer that was asked'],
    spoil: (network) => {
      let first: Peer | undefined;
      return arriving(network, (deliver) => (message, peer) => {
        first ??= peer;
        deliver(message.kind === 'response' ? { ...message, from: first.node } : message, first);
      });
    },
  },
  {
    name: 'makes errors of errors nameless',
    caught: ['requests: a handler that fails'],
    spoil: (network) => ({
      send: (message) =>
        network.send(message.kind === 'error' ? { ...message, payload: { message: 'failed' } } : message),
    }),
  },
  {
    name: 'sends no cancel',
    caught: ['abort: during the request', 'bodies: who gives up'],
    spoil: (network) => ({ send: (message) => (message.type.endsWith('cancel') ? 'queued' : network.send(message)) }),
  },
  {
    name: 'sends the first request twice, under two ids',
    caught: ['abort: before the request'],
    spoil: (network) => {
      let first = true;
      return {
        send: (message) => {
          if (message.kind === 'request' && first) {
            first = false;
            network.send({ ...message, id: 'another-id' });
          }
          return network.send(message);
        },
      };
    },
  },
  {
    name: 'tells nobody that a connection has ended',
    caught: [
      'outcomes: a peer that is killed under load',
      'peers: who is killed is lost',
      'peers: who listens and stops has left',
      'failures: disconnect is the way out',
    ],
    spoil: (network) => told(network, (tell) => (event) => event.type === 'disconnected' || tell(event)),
  },
  {
    name: 'loses every second request',
    caught: ['abort: after the answer', 'requests: one after the other'],
    spoil: (network) => {
      const lost = counted(2);
      return { send: (message) => (message.kind === 'request' && lost() ? 'queued' : network.send(message)) };
    },
  },
  {
    name: 'holds requests back for a minute',
    caught: ['requests: no answer in time', 'failures: a peer that vanishes', 'metrics: requests that wait'],
    spoil: (network, { clock }) => ({
      send: (message) => {
        if (message.kind !== 'request') return network.send(message);
        clock.setTimer(60_000, () => network.send(message));
        return 'queued';
      },
    }),
  },
];
