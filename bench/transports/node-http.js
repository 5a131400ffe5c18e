/** Bare `node:http`: one POST with a JSON body for each request, on a keep-alive agent with as many sockets as HttpNetwork. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { answerTo } from '../message.js';

export const MAX_SOCKETS = 50;
/** Longer than the turns of the others: a socket that the server closes while idle would cost this one a new dial. */
const KEEP_ALIVE_MS = 60_000;

/** @type {import('./transport.js').Transport['answer']} */
export async function answer() {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, async (incoming, response) => {
    const body = JSON.stringify(answerTo(await jsonOf(incoming)));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    address: `http://127.0.0.1:${port}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** @type {import('./transport.js').Transport['ask']} */
export async function ask({ address }) {
  const { hostname, port } = new URL(address);
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  return {
    request: (_, payload) =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify(payload);
        const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
        const sent = request({ hostname, port, path: '/', method: 'POST', agent, headers }, (response) => {
          jsonOf(response).then(resolve, reject);
        });
        sent.once('error', reject);
        sent.end(body);
      }),
    stop: async () => agent.destroy(),
  };
}

/** @param {import('node:http').IncomingMessage} message @returns {Promise<any>} */
const jsonOf = (message) =>
  new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = [];
    message.on('data', (chunk) => chunks.push(chunk));
    message.once('end', () =>
      resolve(JSON.parse((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)).toString())),
    );
    message.once('error', reject);
  });
