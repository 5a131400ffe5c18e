/** The networks of netmgr, each by itself: no roles, an `Endpoint` on both sides. */
import { answerTo } from '../message.js';

/** @param {string} path @returns {Promise<any>} */
const library = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url).href);

/** @typedef {'json' | 'msgpack'} Codec */

/**
 * A network that listens and one that dials it.
 * @typedef {object} Ends
 * @property {() => { network: any, address: () => string }} listen the address is known once it has started
 * @property {(address: string) => any} dial
 */

const ASKING = 'asking';
const ANSWERING = 'answering';
const HOST = '127.0.0.1';

/** @type {Record<string, (codec: Codec) => Promise<Ends>>} */
const NETWORKS = {
  websocket: async (codec) => {
    const { WebSocketNetwork, LoopbackAuthenticator } = await library('index.js');
    const wiringOf = await wiring();
    return {
      listen: () => {
        const authenticator = new LoopbackAuthenticator();
        const listen = [{ name: 'tcp', host: HOST, port: 0, authenticator }];
        const network = new WebSocketNetwork(wiringOf(ANSWERING), { listen });
        return { network, address: () => `ws://${HOST}:${network.boundAddresses.get('tcp').port}` };
      },
      dial: (address) => new WebSocketNetwork(wiringOf(ASKING), { dial: { address, codec } }),
    };
  },
};

/** What a role would give to its network. */
async function wiring() {
  const { SystemClock, VERSION } = await library('index.js');
  const { systemRandom } = await library('base/random.js');
  const { silentLog } = await library('base/log.js');
  const { Stamp } = await library('message/stamp.js');
  return (/** @type {string} */ self) => {
    const clock = new SystemClock();
    const stamp = new Stamp(self, clock, systemRandom);
    const known = { self, role: 'collaborator', cluster: undefined, version: VERSION };
    return { ...known, clock, random: systemRandom, log: silentLog, stamp };
  };
}

/**
 * @param {{ network: string, codec: Codec, reliable?: boolean }} options
 * @returns {Promise<import('./transport.js').Transport>}
 */
export async function transport({ network, codec, reliable = false }) {
  const { Endpoint, ReliableNetwork, payloadOf } = await library('index.js');
  const { listen, dial } = await NETWORKS[network](codec);
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
      await connected;
      const asking = reliable ? new ReliableNetwork(endpoint) : endpoint;
      return {
        request: async (_, payload) => payloadOf(await asking.request({ type: 'echo', to: ANSWERING, payload })),
        stop: () => asking.stop(),
      };
    },
  };
}
