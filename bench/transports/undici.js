/** undici against the bare `node:http` server: a `Pool` with as many connections as the agents have sockets. */
import { Pool } from 'undici';
import { MAX_SOCKETS } from './node-http.js';

export { answer } from './node-http.js';

/** @type {import('./transport.js').Transport['ask']} */
export async function ask({ address }) {
  const pool = new Pool(address, { connections: MAX_SOCKETS });
  const headers = { 'content-type': 'application/json' };
  return {
    request: async (_, payload) => {
      const { body } = await pool.request({ path: '/', method: 'POST', headers, body: JSON.stringify(payload) });
      return JSON.parse(await body.text());
    },
    stop: () => pool.destroy(),
  };
}
