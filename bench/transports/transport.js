/**
 * What every transport offers, so that one workload measures them all in the same way: the answering process listens,
 * the asking one connects to it.
 *
 * @typedef {object} Transport
 * @property {() => Promise<AnswerSide>} answer
 * @property {(options: { address: string }) => Promise<AskSide>} ask
 *
 * @typedef {object} Side
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} AnswerSideOwn
 * @property {string} address what the asking side connects to
 * @typedef {Side & AnswerSideOwn} AnswerSide
 *
 * @typedef {object} AskSideOwn
 * @property {(connection: number, payload: Question) => Promise<Answer>} request
 * @typedef {Side & AskSideOwn} AskSide
 *
 * @typedef {import('../message.js').Question} Question
 * @typedef {import('../message.js').Answer} Answer
 */

/** @param {object} options of netmgr.js */
const ours = (options) => async () => (await import('./netmgr.js')).transport(/** @type {any} */ (options));

/** @type {Record<string, () => Promise<Transport>>} */
const TRANSPORTS = {
  websocket: ours({ network: 'websocket', codec: 'json' }),
  'websocket reliable': ours({ network: 'websocket', codec: 'json', reliable: true }),
  tcp: ours({ network: 'tcp', codec: 'json' }),
  'tcp reliable': ours({ network: 'tcp', codec: 'json', reliable: true }),
  'tcp msgpack': ours({ network: 'tcp', codec: 'msgpack' }),
  http: ours({ network: 'http', codec: 'json' }),
  'node:http': () => import('./node-http.js'),
  undici: () => import('./undici.js'),
  'grpc-js': () => import('./grpc-js.js'),
  ws: () => import('./ws.js'),
  net: () => import('./net.js'),
};

/** The same network with each of its codecs. */
export const CODECS = ['json', 'msgpack', 'json+deflate', 'msgpack+deflate'];

/** In the order in which each round measures them: what is compared stands side by side. */
export const NAMES = Object.keys(TRANSPORTS);

/** A process loads the transport that it runs and no other. @param {string} name of a transport, or of a codec */
export const transportOf = (name) => (TRANSPORTS[name] ?? ours({ network: 'tcp', codec: name }))();
