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

const ASKING = 'asking';
export const ANSWERING = 'answering';
const HOST = '127.0.0.1';

/** @type {Record<string, (codec: string) => Promise<Ends>>} */
const NETWORKS = {
  websocket: async (codec) => {
    const { WebSocketNetwork, LoopbackAuthenticator } = await library('index.js');
    const { wiringOf } = await library('network/wiring.js');
    return {
      listen: () => {
        const authenticator = new LoopbackAuthenticator();
        const network = new WebSocketNetwork(wiringOf({ self: ANSWERING }), {
          listen: [{ name: 'tcp', host: HOST, port: 0, authenticator }],
        });
        return { network, address: () => `ws://${HOST}:${network.boundAddresses.get('tcp').port}` };
      },
      dial: (address) => new WebSocketNetwork(wiringOf({ self: ASKING }), { dial: { address, codec } }),
      eager: true,
    };
  },
  tcp: async (codec) => {
    const { TcpNetwork } = await library('index.js');
    return {
      listen: () => {
        const network = new TcpNetwork({ self: ANSWERING }, { listen: [{ host: HOST, port: 0 }], codecs: [codec] });
        return { network, address: () => `${HOST}:${network.boundAddresses.get('tcp').port}` };
      },
      dial: (address) =>
        new TcpNetwork({ self: ASKING }, { addresses: new Map([[ANSWERING, address]]), codecs: [codec] }),
      eager: false,
    };
  },
  http: async (codec) => {
    const { HttpNetwork } = await library('index.js');
    return {
      listen: () => {
        const network = new HttpNetwork({ self: ANSWERING }, { listen: { port: 0 } });
        return { network, address: () => network.baseUrl };
      },
      dial: (address) => new HttpNetwork({ self: ASKING }, { addresses: new Map([[ANSWERING, address]]), codec }),
      eager: false,
    };
  },
};

/**
 * An `Endpoint` on each side.
 * @param {{ network: string, codec: string }} options
 */
export async function endpointsOf({ network, codec }) {
  const { Endpoint, payloadOf } = await library('index.js');
  const { listen, dial, eager } = await NETWORKS[network](codec);
  return {
    /** @param {(message: any, context: any) => unknown} handle */
    answering: async (handle) => {
      const listening = listen();
      const endpoint = new Endpoint({ network: listening.network });
      endpoint.handle({ handle });
      await endpoint.start();
      return { address: listening.address(), stop: () => endpoint.stop() };
    },
    /** @param {string} address */
    asking: async (address) => {
      const endpoint = new Endpoint({ network: dial(address) });
      const connected = new Promise((resolve) => {
        endpoint.onPeer((/** @type {any} */ { type }) => type === 'connected' && resolve(undefined));
      });
      await endpoint.start();
      if (eager) await connected;
      return { endpoint, payloadOf };
    },
  };
}

/**
 * @param {{ network: string, codec: string, reliable?: boolean }} options
 * @returns {Promise<import('./transport.js').Transport>}
 */
export async function transport({ reliable = false, ...options }) {
  const { answering, asking } = await endpointsOf(options);
  const { ReliableNetwork } = await library('index.js');
  return {
    answer: () => answering((_, { payload }) => answerTo(payload)),
    ask: async ({ address }) => {
      const { endpoint, payloadOf } = await asking(address);
      const network = reliable ? new ReliableNetwork(endpoint) : endpoint;
      return {
        request: async (_, payload) => payloadOf(await network.request({ type: 'echo', to: ANSWERING, payload })),
        stop: () => network.stop(),
      };
    },
  };
}
