/** The networks of netmgr, each by itself: no roles, an `Endpoint` on both sides. */
import { answerTo } from '../message.js';

/** @param {string} path @returns {Promise<any>} */
const library = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url).href);

/**
 * A network that listens and one that dials it.
 * @typedef {object} Ends
 * @property {() => { network: any, address: () => string }} listen the address is known once it has started
 * @property {(address: string) => any} dial
 * @property {boolean} eager whether it dials when it is started, rather than when there is something to send
 */

const ASKING = { self: 'asking' };
const ANSWERING = { self: 'answering' };
const HOST = '127.0.0.1';

/** @type {Record<string, (codec: string) => Promise<Ends>>} */
const NETWORKS = {
  websocket: async (codec) => {
    const { WebSocketNetwork, LoopbackAuthenticator } = await library('index.js');
    const { wiringOf } = await library('network/wiring.js');
    return {
      listen: () => {
        const authenticator = new LoopbackAuthenticator();
        const network = new WebSocketNetwork(wiringOf(ANSWERING), {
          listen: [{ name: 'tcp', host: HOST, port: 0, authenticator }],
        });
        return { network, address: () => `ws://${HOST}:${network.boundAddresses.get('tcp').port}` };
      },
      dial: (address) => new WebSocketNetwork(wiringOf(ASKING), { dial: { address, codec } }),
      eager: true,
    };
  },
  tcp: async (codec) => {
    const { TcpNetwork } = await library('index.js');
    return {
      listen: () => {
        const network = new TcpNetwork(ANSWERING, { listen: [{ host: HOST, port: 0 }], codecs: [codec] });
        return { network, address: () => `${HOST}:${network.boundAddresses.get('tcp').port}` };
      },
      dial: (address) => new TcpNetwork(ASKING, { addresses: new Map([[ANSWERING.self, address]]), codecs: [codec] }),
      eager: false,
    };
  },
};

/**
 * @param {{ network: string, codec: string, reliable?: boolean }} options
 * @returns {Promise<import('./transport.js').Transport>}
 */
export async function transport({ network, codec, reliable = false }) {
  const { Endpoint, ReliableNetwork, payloadOf } = await library('index.js');
  const { listen, dial, eager } = await NETWORKS[network](codec);
  return {
    answer: async () => {
      const listening = listen();
      const endpoint = new Endpoint({ network: listening.network });
      endpoint.handle({ handle: (/** @type {any} */ _, /** @type {any} */ { payload }) => answerTo(payload) });
      await endpoint.start();
      return { address: listening.address(), stop: () => endpoint.stop() };
    },
    ask: async ({ address }) => {
      const endpoint = new Endpoint({ network: dial(address) });
      const connected = new Promise((resolve) => {
        endpoint.onPeer((/** @type {any} */ { type }) => type === 'connected' && resolve(undefined));
      });
      await endpoint.start();
      if (eager) await connected;
      const asking = reliable ? new ReliableNetwork(endpoint) : endpoint;
      return {
        request: async (_, payload) => payloadOf(await asking.request({ type: 'echo', to: ANSWERING.self, payload })),
        stop: () => asking.stop(),
      };
    },
  };
}
