/**
 * What carries a stream of bytes from one process to another, so that one workload measures them all in the same way:
 * the receiving process listens, the sending one connects to it. Both ends compute the SHA-256 of all bytes.
 *
 * @typedef {object} Stream
 * @property {() => Promise<import('../transports/transport.js').AnswerSide>} receive
 * @property {(options: { address: string }) => Promise<SendSide>} send
 *
 * @typedef {object} SendSideOwn
 * @property {(bytes: AsyncIterable<Uint8Array>, size: number) => Promise<void>} upload
 *   resolves when the other end has all of it and both have the same digest
 * @typedef {import('../transports/transport.js').Side & SendSideOwn} SendSide
 */

/** @param {object} options of ../transports/netmgr.js */
const ours = (options) => async () => (await import('./netmgr.js')).stream(/** @type {any} */ (options));

/** @type {Record<string, () => Promise<Stream>>} */
const STREAMS = {
  'tcp msgpack': ours({ network: 'tcp', codec: 'msgpack' }),
  net: () => import('./net.js'),
  'websocket msgpack': ours({ network: 'websocket', codec: 'msgpack' }),
  websocket: ours({ network: 'websocket', codec: 'json' }),
};

/** In the order in which each round measures them. */
export const NAMES = Object.keys(STREAMS);

/** @param {string} name */
export const streamOf = (name) => STREAMS[name]();
