import { payloadOf } from '../../../src/message/raw-payload.js';
import { arriving, type Break, measured } from './break.js';

/** What becomes of the contents of messages. */
export const PAYLOADS: readonly Break[] = [
  {
    name: 'takes no payload for null',
    caught: ['payloads: none is not the same'],
    spoil: (network) =>
      arriving(
        network,
        (deliver) => (message, peer) => deliver({ ...message, payload: payloadOf(message) ?? null }, peer),
      ),
  },
  {
    name: 'makes texts of bytes',
    caught: ['payloads: every value arrives', 'payloads: every value comes back', 'sizes: large binary'],
    spoil: (network) =>
      arriving(network, (deliver) => (message, peer) => {
        const payload = payloadOf(message);
        deliver({ ...message, payload: payload instanceof Uint8Array ? String(payload) : payload }, peer);
      }),
  },
  {
    name: 'loses pieces of byte streams',
    caught: [
      'bodies: byte streams arrive whole',
      'bodies: requests are answered while',
      'bodies: a byte stream that can be read again',
      'bodies: a byte stream whose handler',
    ],
    spoil: (network) => ({
      send: (message) => (message.type === 'body-chunk' ? 'queued' : network.send(message)),
    }),
  },
  {
    name: 'forgets the component',
    caught: ['payloads: the fields of the envelope'],
    spoil: (network) =>
      arriving(network, (deliver) => (message, peer) => deliver({ ...message, component: undefined }, peer)),
  },
  {
    name: 'refuses what cannot be written without saying so',
    caught: ['payloads: what cannot be written'],
    spoil: (network) => ({
      send: (message) => {
        try {
          return network.send(message);
        } catch {
          return 'queued';
        }
      },
    }),
  },
  {
    name: 'cuts large texts short by a character',
    caught: ['sizes: a message up to the limit'],
    spoil: (network) => ({
      send: (message) => {
        const { payload } = message;
        const long = typeof payload === 'string' && payload.length > 1_000_000;
        return network.send(long ? { ...message, payload: `${payload.slice(0, -1)}?` } : message);
      },
    }),
  },
  {
    name: 'drops what is too large, and says that it is queued',
    caught: ['sizes: a message up to the limit', 'sizes: a request that is too large', 'metrics: refusals are counted'],
    spoil: (network) => ({
      send: (message) => {
        const outcome = network.send(message);
        return outcome === 'TOO_LARGE' ? 'queued' : outcome;
      },
      ...measured(network, ({ errors }) => ({ errors: { ...errors, TOO_LARGE: 0 } })),
    }),
  },
];
