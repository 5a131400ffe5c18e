/** A body that goes with a request through the networks of netmgr. */
import { ANSWERING, endpointsOf } from '../transports/netmgr.js';

/**
 * @param {{ network: string, codec: string }} options
 * @returns {Promise<import('./stream.js').Stream>}
 */
export async function stream(options) {
  const { answering, asking } = await endpointsOf(options);
  return {
    receive: () =>
      answering(async (/** @type {any} */ _, /** @type {any} */ { body }) => {
        for await (const _chunk of body);
        const { size } = await body.finished;
        return size;
      }),
    send: async ({ address }) => {
      const { endpoint, payloadOf } = await asking(address);
      return {
        upload: async (body, size) => {
          // Its ends compare the digests by themselves.
          const received = payloadOf(await endpoint.request({ type: 'upload', to: ANSWERING, body }));
          if (received !== size) throw new Error(`${received} bytes of ${size} arrived`);
        },
        stop: () => endpoint.stop(),
      };
    },
  };
}
