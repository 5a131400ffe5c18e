import type { SendOutcome } from '../../../src/network/network.js';
import { type Break, measured, told } from './break.js';

/** What is refused, with what code, and what it does to the sender. */
export const REFUSALS: readonly Break[] = [
  {
    name: 'has a code of its own for strangers',
    caught: [
      'refusals: a node that is not known',
      'refusals: a request to a node that is not known',
      'bodies: a byte stream to where nobody listens',
    ],
    spoil: (network) => {
      const other = (outcome: SendOutcome): SendOutcome => (outcome === 'UNREACHABLE' ? 'NO_ADDRESS' : outcome);
      return {
        send: (message) => other(network.send(message)),
        sendMany: (message, peers) => network.sendMany(message, peers).map(other),
      };
    },
  },
  {
    name: 'tells the outcomes of many in another order',
    caught: ['refusals: sendMany sends to peers alone'],
    spoil: (network) => ({ sendMany: (message, peers) => [...network.sendMany(message, peers)].reverse() }),
  },
  {
    name: 'throws where it should refuse',
    caught: ['refusals: before start and after stop'],
    spoil: (network) => ({
      send: (message) => {
        const outcome = network.send(message);
        if (outcome !== 'queued') throw new Error(outcome);
        return outcome;
      },
    }),
  },
  {
    name: 'calls a node unreachable that was not started',
    caught: ['refusals: before start and after stop', 'refusals: requests before start', 'refusals: while it stops'],
    spoil: (network) => ({
      send: (message) => {
        const outcome = network.send(message);
        return outcome === 'STOPPED' ? 'UNREACHABLE' : outcome;
      },
    }),
  },
  {
    name: 'takes whatever is sent, and drops what it cannot hold',
    caught: ['pressure: for a peer that does not read', 'pressure: a request to a peer that does not read'],
    spoil: (network) => ({
      send: (message) => {
        const outcome = network.send(message);
        return outcome === 'BACKPRESSURE' ? 'queued' : outcome;
      },
    }),
  },
  {
    name: 'tells nobody of congestion',
    caught: ['pressure: for a peer that does not read', 'pressure: a producer that pauses'],
    spoil: (network) => told(network, (tell) => (event) => event.type === 'congested' || tell(event)),
  },
  {
    name: 'tells nobody that congestion is over',
    caught: ['pressure: for a peer that does not read', 'pressure: a producer that pauses'],
    spoil: (network) => told(network, (tell) => (event) => event.type === 'drained' || tell(event)),
  },
  {
    name: 'counts no bytes',
    caught: ['metrics: what one side has sent', 'pressure: for a peer that does not read'],
    spoil: (network) => measured(network, () => ({ bytesIn: 0, bytesOut: 0, queuedBytes: 0 })),
  },
  {
    name: 'counts twice what it sends',
    caught: ['metrics: what one side has sent'],
    spoil: (network) => measured(network, ({ messagesOut }) => ({ messagesOut: 2 * messagesOut })),
  },
  {
    name: 'forgets what crossed a connection when that ends',
    caught: ['metrics: connections are counted'],
    spoil: (network) =>
      measured(network, () => {
        let messagesIn = 0;
        for (const { traffic } of network.peers.values()) messagesIn += traffic.messagesIn;
        return { messagesIn };
      }),
  },
  {
    name: 'counts refusals of many as one',
    caught: ['metrics: refusals are counted'],
    spoil: (network) => measured(network, ({ errors }) => ({ errors: { ...errors, UNREACHABLE: 1 } })),
  },
  {
    name: 'counts no failures',
    caught: ['metrics: refusals are counted', 'refusals: where nobody listens', 'peers: who is killed is lost'],
    spoil: (network) => measured(network, () => ({ errors: {} })),
  },
];
