/**
 * What every peer offers, so that one workload measures them all in the same way.
 *
 * The process under measurement asks ("leader"), the other one answers: it opens `connections` connections to the
 * asking side (or to a broker between the two) and answers on each.
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {() => string | undefined} unavailable why it cannot be measured here; undefined if it can
 * @property {() => Promise<Broker>} [broker] starts what stands between the two sides, where there is such a thing
 * @property {(options: { connections: number, broker?: string }) => Promise<AskSide>} ask
 * @property {(options: { address: string, connections: number }) => Promise<Side>} answer
 * @property {() => Promise<HoldSide>} [hold] a listening side for connections that stay idle
 *
 * @typedef {object} Broker
 * @property {string} address
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} Side
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} AskSideOwn
 * @property {string} address what the answering side dials
 * @property {() => Promise<void>} ready resolves once every connection can be asked
 * @property {(connection: number, payload: Question) => Promise<Answer>} request
 * @typedef {Side & AskSideOwn} AskSide
 *
 * @typedef {object} HoldSideOwn
 * @property {string} address
 * @property {() => Record<string, number>} counts connections held, and what went wrong, if the peer can tell
 * @typedef {Side & HoldSideOwn} HoldSide
 *
 * @typedef {import('../message.js').Question} Question
 * @typedef {import('../message.js').Answer} Answer
 */

/** In the order in which each round measures them. */
export const PEERS = ['netmgr', 'netmgr-tls', 'ws', 'socket.io', 'nats'];

/**
 * A process loads the peer that it runs and no other: the memory of the others is not its own.
 * @param {string} name
 * @returns {Promise<Peer>}
 */
export const peerOf = (name) => import(`./${name.replace('.', '-')}.js`);

/** Why the peer cannot be measured here; undefined if it can. @param {string} name */
export const unavailable = async (name) => (await peerOf(name)).unavailable();
