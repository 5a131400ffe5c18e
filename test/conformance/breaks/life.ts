import { createServer, type Server } from 'node:net';
import { deferred } from '../../../src/base/deferred.js';
import { NetworkError } from '../../../src/base/errors.js';
import { payloadOf } from '../../../src/message/raw-payload.js';
import { arriving, type Break } from './break.js';

const servers: Server[] = [];

/** How it begins and ends, and what it leaves behind. */
export const LIFE: readonly Break[] = [
  {
    name: 'can be started twice',
    caught: ['life: a network is started once'],
    spoil: (network) => ({ start: (options) => network.start(options).catch(() => {}) }),
  },
  {
    name: 'cannot be asked for its metrics once it is stopped',
    caught: ['life: before start and after stop it can be looked at'],
    spoil: (network) => {
      let stopped = false;
      return {
        stop: async (options) => {
          await network.stop(options);
          stopped = true;
        },
        metrics: () => {
          if (stopped) throw new NetworkError('STOPPED', 'there is nothing to measure');
          return network.metrics();
        },
      };
    },
  },
  {
    name: 'cannot be stopped twice',
    caught: ['life: stop may be called any number of times'],
    spoil: (network) => {
      let stopped = false;
      return {
        stop: async (options) => {
          if (stopped) throw new NetworkError('STOPPED', 'it was stopped before');
          stopped = true;
          await network.stop(options);
        },
      };
    },
  },
  {
    name: 'does not come to an end if it is stopped before it is started',
    caught: ['life: a network may be stopped before'],
    spoil: (network) => {
      let started = false;
      return {
        start: (options) => {
          started = true;
          return network.start(options);
        },
        stop: (options) => (started ? network.stop(options) : deferred<void>().promise),
      };
    },
  },
  {
    name: 'starts although the signal has fired',
    caught: ['life: a start whose signal has fired'],
    spoil: (network) => ({ start: () => network.start() }),
  },
  {
    name: 'throws the reason of the signal',
    caught: ['life: a signal that fires during the start', 'life: a start whose signal has fired'],
    spoil: (network) => ({
      start: async ({ signal } = {}) => {
        await undefined;
        signal?.throwIfAborted();
        await network.start();
      },
    }),
  },
  {
    name: 'stops when the signal of its start fires later',
    caught: ['life: the signal is for the start alone'],
    spoil: (network) => ({
      start: async (options = {}) => {
        await network.start(options);
        options.signal?.addEventListener('abort', () => void network.stop());
      },
    }),
  },
  {
    name: 'leaves a timer on its clock',
    caught: [
      'life: stop right after start',
      'life: a network may be stopped before',
      'outcomes: stop ends every request',
      'outcomes: a handler that still runs',
    ],
    spoil: (network, { clock }) => ({
      stop: async (options) => {
        await network.stop(options);
        clock.setTimer(3_600_000, () => {});
      },
    }),
  },
  {
    name: 'leaves a listener open',
    caught: ['life: stop right after start'],
    spoil: (network) => ({
      start: async (options) => {
        await network.start(options);
        servers.push(createServer().listen(0, '127.0.0.1'));
      },
    }),
    tidy: () => {
      for (const server of servers.splice(0)) server.close();
    },
  },
  {
    name: 'takes the address of another',
    caught: ['life: two that listen at one address'],
    spoil: (network) => ({
      start: (options) =>
        network.start(options).catch((error) => (error.code === 'ADDRESS_IN_USE' ? undefined : Promise.reject(error))),
    }),
  },
  {
    name: 'waits at its stop for peers that do not answer',
    caught: ['failures: stop ends in time'],
    spoil: (network) => ({ stop: () => network.stop({ graceMs: 60_000 }) }),
  },
  {
    name: 'does not wait at its stop for what it was given to send',
    caught: ['life: stop drains'],
    spoil: (network) => ({
      stop: async () => {
        for (const peer of network.peers.keys()) network.disconnect(peer, new NetworkError('STOPPED', 'at once'));
        await network.stop({ graceMs: 0 });
      },
    }),
  },
  {
    name: 'goes on delivering while it stops, and longer',
    caught: ['life: a node may be stopped, and a peer disconnected'],
    spoil: (network, { clock }) =>
      arriving(network, (deliver) => (message, peer) => {
        deliver(message, peer);
        if (payloadOf(message) === 'stop') clock.setTimer(1500, () => deliver(message, peer));
      }),
  },
];
