/** netmgr through its public library alone: a leader that asks, collaborators that answer. */
import { existsSync } from 'node:fs';
import { answerTo } from '../message.js';

const LIBRARY = new URL('../../dist/src/index.js', import.meta.url);
const LISTEN = { host: '127.0.0.1', port: 0 };

const nodeOf = (/** @type {number} */ connection) => `w${connection}`;

/**
 * @param {string} name
 * @param {{ plaintext: boolean }} options the other peers have no TLS
 * @returns {import('./peer.js').Peer}
 */
export const libraryPeer = (name, { plaintext }) => ({
  name,
  unavailable: () => (existsSync(LIBRARY) ? undefined : 'the library is not built (npm run build)'),

  ask: async ({ connections }) => {
    const { createLeader } = await import(LIBRARY.href);
    const leader = await createLeader({ listen: LISTEN, plaintext });
    const nodes = Array.from({ length: connections }, (_, connection) => nodeOf(connection));
    const invited = await leader.security?.invites.create({ role: 'collaborator', uses: connections });
    return {
      address: `${leader.address} ${invited?.token ?? ''}`,
      ready: async () => {
        for (const to of nodes) await firstAnswer(leader, to);
      },
      request: (connection, payload) => leader.request('echo', payload, { to: nodes[connection], timeoutMs: 30_000 }),
      stop: () => leader.stop(),
    };
  },

  answer: async ({ address, connections }) => {
    const { createCollaborator, handle } = await import(LIBRARY.href);
    const [leader, token] = address.split(' ');
    const collaborators = await Promise.all(
      Array.from({ length: connections }, (_, connection) =>
        createCollaborator({
          leader,
          token,
          name: nodeOf(connection),
          handlers: [handle('echo', { concurrency: 1024 }, answerTo)],
        }),
      ),
    );
    return {
      stop: async () => {
        await Promise.all(collaborators.map((collaborator) => collaborator.stop()));
      },
    };
  },

  hold: async () => {
    const { createLeader } = await import(LIBRARY.href);
    const leader = await createLeader({ listen: LISTEN, plaintext });
    return {
      address: leader.address,
      counts: () => leader.status().counts,
      stop: () => leader.stop(),
    };
  },
});

/** Asks until the collaborator is there. @param {any} leader @param {string} to */
async function firstAnswer(leader, to) {
  for (const end = performance.now() + 10_000; ; ) {
    try {
      return await leader.request('echo', {}, { to, timeoutMs: 1000 });
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
